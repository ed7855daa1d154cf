"""Objects as plain data and back: arguments read off attributes, and names to objects.

Whatever is made from arguments and keeps each under its own name (`Described`) can say what it was
made from, so no class writes that down by hand. The form is Keras' own,
``{"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None}``.
Reading such data runs nothing: a name is only looked up among what is known.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import inspect
import marshal
import threading
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from . import backend
from .naming import look_up, nearest, snake_case
from .tape import Tensor

Made = TypeVar("Made", bound="Described")


@functools.cache
def arguments_of(cls: Any) -> tuple[str, ...]:
    """Return the names of the arguments of a class, those that its ``**others`` hand on to its bases included.

    Examples
    --------
    >>> class Base:
    ...     def __init__(self, name=None): ...
    >>> class Scale(Base):
    ...     def __init__(self, factor, **others): ...
    >>> arguments_of(Scale)
    ('factor', 'name')
    """
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        names |= dict.fromkeys(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return tuple(names)


def describing(cls: Any) -> Any:
    """Return the class whose arguments are read off: the first above the last of the user's own with a `get_config`.

    Whoever writes ``{"units": self.units, **super().get_config()}`` names the rest himself, as in Keras.
    """
    own = [i for i, c in enumerate(cls.__mro__) if "get_config" in vars(c) and not c.__module__.startswith("minifit.")]
    return cls.__mro__[own[-1] + 1] if own else cls


class Described:
    """What can say from which arguments it was made: each is kept as an attribute of the same name."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal object, as plain data."""
        names = arguments_of(describing(type(self)))
        return {name: serialize(getattr(self, name)) for name in names if hasattr(self, name)}

    @classmethod
    def from_config(cls: type[Made], config: dict[str, Any]) -> Made:
        """Make an object from what `get_config` returned."""
        return cls(**{name: deserialize(value) if _is_described(value) else value for name, value in config.items()})


# --------------------------------------------------------------------------- the user's own classes and functions


class _Here(threading.local):
    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []  # of custom_object_scope, outermost first
        self.safe = True


_here = _Here()
_registered: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorate a class or function of your own, so that saved models that use it can be loaded.

    Examples
    --------
    >>> import minifit as keras
    >>> @keras.saving.register_keras_serializable("Course")
    ... def half(x):
    ...     return 0.5 * x
    >>> keras.saving.get_registered_name(half)
    'Course>half'
    """

    def register(item: Any) -> Any:
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise ValueError(f"Cannot register a class that does not have a get_config() method: {item.__name__}.")
        full = f"{package}>{name or item.__name__}"
        _registered[full] = item
        _registered_names[item] = full
        return item

    return register


def get_registered_name(item: Any) -> str:
    """Return the name under which a class or function was registered, or else its own."""
    return _registered_names.get(item, getattr(item, "__name__", ""))


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return what a name stands for in the scopes in force, among what is registered, and in two mappings, or None."""
    for known in (custom_objects or {}, *reversed(_here.scopes), _registered, module_objects or {}):
        if name in known:
            return known[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """Return the dict of the user's own objects, to look at or to add to."""
    return _registered


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Know the user's own classes and functions by these names inside a ``with`` block."""
    _here.scopes.append(dict(custom_objects or {}))
    try:
        yield
    finally:
        _here.scopes.pop()


CustomObjectScope = custom_object_scope


# --------------------------------------------------------------------------- families of objects

_families: dict[str, Registry] = {}


class Registry:
    """One family by name: what its module's `get`, `serialize` and `deserialize` look in.

    Parameters
    ----------
    family : str
        The name of the module, such as ``"losses"``.
    classes, functions : iterable
        Each is known by its own name; a class in snake case, too.
    aliases : mapping, optional
        Further names.
    example : str
        A name to show to whoever passed none.
    """

    def __init__(
        self,
        family: str,
        classes: Iterable[type] = (),
        functions: Iterable[Callable[..., Any]] = (),
        aliases: Mapping[str, Any] | None = None,
        example: str = "",
    ) -> None:
        self.family = family
        self.kind = "loss" if family == "losses" else family.rpartition(".")[2].removesuffix("s")
        self.classes, self.functions = tuple(classes), tuple(functions)
        self.example = example
        self.named: dict[str, Any] = {
            **{snake_case(c.__name__): c for c in self.classes},
            **{c.__name__: c for c in self.classes},
            **{f.__name__: f for f in self.functions},
            **(aliases or {}),
        }
        _families[f"keras.{family}"] = self

    def get(self, identifier: Any, argument: str | None = None, call_it: str = "") -> Any:
        """Return the object for a name, a described object or a class; an object or function as it is; None for None.

        Parameters
        ----------
        identifier : str, dict, type, object or None
        argument : str, optional
            How the caller wrote it, such as ``"compile(loss=...)"``; quoted in errors.
        call_it : str
            The method without which an object is not taken, for families whose objects are not called.
        """
        if identifier is None:
            return None
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        found = identifier
        if isinstance(identifier, str):
            found = get_registered_object(identifier)
            if found is None:
                found = look_up(argument or self.kind, identifier, self.named, self.example)
        if isinstance(found, type):
            found = found()
        if hasattr(found, call_it) if call_it else callable(found):
            return found
        return look_up(argument or self.kind, found, {}, self.example)  # which says what was expected

    def serialize(self, item: Any) -> Any:
        """Return plain data from which `deserialize` makes an equal object; a function of the family is its name."""
        return serialize(item)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return what `serialize` described."""
        with custom_object_scope(custom_objects):
            if isinstance(config, str):
                return get_registered_object(config, module_objects=self.named) or self.get(config)
            return deserialize(config, self)

    def module_functions(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return `serialize` and `deserialize`, for the module to hand out."""
        return self.serialize, self.deserialize


def _home_of(item: Any) -> str | None:
    """Return the module by which one of the engine's own classes or functions is known, as Keras spells it."""
    name = item.__name__
    return next((module for module, family in _families.items() if family.named.get(name) is item), None)


# --------------------------------------------------------------------------- to plain data and back


def serialize(item: Any) -> Any:
    """Return an object as plain data, as Keras writes it.

    Examples
    --------
    >>> import minifit as keras
    >>> serialize(keras.initializers.Zeros())["class_name"]
    'Zeros'
    >>> serialize(keras.activations.relu), serialize({"sizes": (1, np.float32(2))})
    ('relu', {'sizes': (1, 2.0)})
    """
    if isinstance(item, (type(None), str, int, float, bool)):
        return item
    if isinstance(item, Mapping):
        return {key: serialize(value) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return tuple(map(serialize, item)) if isinstance(item, tuple) else list(map(serialize, item))
    if isinstance(item, np.dtype):
        return str(item)
    if item is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(item, bytes):
        return {"class_name": "__bytes__", "config": {"value": item.decode("utf-8")}}
    if isinstance(item, slice):
        return {
            "class_name": "__slice__",
            "config": serialize({k: getattr(item, k) for k in ("start", "stop", "step")}),
        }
    if hasattr(item, "get_config") and not isinstance(item, type):
        return _described(type(item).__name__, type(item), item)
    if hasattr(item, "shape") and hasattr(item, "dtype"):
        array = backend.to_numpy(item)
        if not array.ndim:
            return array.item()
        kind = "__numpy__" if item is array else "__tensor__"
        return {"class_name": kind, "config": {"value": array.tolist(), "dtype": str(array.dtype)}}
    if isinstance(item, type) or callable(item):
        return _function(item)
    raise ValueError(
        f"{item!r} of type {type(item).__name__} cannot be written as plain data. Give its class a get_config() that "
        "returns the arguments of its __init__."
    )


def _function(item: Any) -> Any:
    if getattr(item, "__name__", None) == "<lambda>":
        warnings.warn(
            "A lambda is saved as code, which is only loaded again with safe_mode=False; write it with def.",
            stacklevel=3,
        )
        return {"class_name": "__lambda__", "config": {"value": _dump(item)}}
    return item.__name__ if _home_of(item) else _described("function", item, None)


def _described(class_name: str, kind: Any, item: Any) -> dict[str, Any]:
    module, name = _home_of(kind), get_registered_name(kind)
    if not module and any(name in family.named for family in _families.values()):
        name = f"{kind.__module__}>{name}"  # so that it never comes back as the engine's own of that name
    described = {
        "module": module or ("builtins" if item is None else kind.__module__),
        "class_name": class_name,
        "config": get_registered_name(kind) if item is None else serialize(item.get_config()),
        "registered_name": None if module else name,
    }
    for part in ("build_config", "compile_config"):
        found = getattr(item, f"get_{part}", lambda: None)()
        if found is not None:
            described[part] = serialize(found)
    return described


def _dump(function: Any) -> dict[str, Any]:
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    cells = [serialize(cell.cell_contents) for cell in function.__closure__ or ()]
    return {"code": code, "defaults": serialize(function.__defaults__), "closure": cells}


def _load(dumped: Mapping[str, Any]) -> Any:
    code = marshal.loads(base64.b64decode(dumped["code"]))
    cells = tuple(types.CellType(deserialize(value)) for value in dumped["closure"] or ())
    defaults = deserialize(dumped["defaults"])
    return types.FunctionType(code, {"np": np}, None, defaults and tuple(defaults), cells)


def _is_described(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_name" in value and "config" in value


def deserialize(described: Any, family: Registry | None = None) -> Any:
    """Return the object that `serialize` described; other data come back as they are, looked into.

    Raises
    ------
    ValueError
        If a class or function is not known. Nothing is imported and nothing is run.
    """
    if isinstance(described, (list, tuple)):
        return type(described)(deserialize(item, family) for item in described)
    if not isinstance(described, Mapping):
        return described
    if not _is_described(described):
        return {key: deserialize(value, family) for key, value in described.items()}
    name, config = described["class_name"], described["config"]
    if name in ("__numpy__", "__tensor__"):
        array = np.array(config["value"], dtype=config["dtype"])
        return array if name == "__numpy__" else Tensor(backend.asarray(array))
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__bytes__":
        return config["value"].encode("utf-8")
    if name == "__slice__":
        return slice(*(deserialize(config[part]) for part in ("start", "stop", "step")))
    if name == "__lambda__":
        if _here.safe:
            raise ValueError(
                "The data hold a lambda: loading it would be arbitrary code execution. If you trust it, "
                "pass safe_mode=False; better, write the function with def and pass it in custom_objects."
            )
        return _load(config["value"])
    if name == "function":
        if not isinstance(config, str):
            raise TypeError(f"Expected 'config' to be a non-null str, the function's name; got {config!r}.")
        return _known(config, described, family)
    cls = _known(name, described, family)
    if not isinstance(config, Mapping):
        raise TypeError(f"Expected 'config' to be a dict of the arguments of {name}; got {config!r}.")
    made = cls.from_config(dict(config)) if hasattr(cls, "from_config") else cls(**deserialize(config))
    for part, use in (("build_config", "build_from_config"), ("compile_config", "compile_from_config")):
        if described.get(part) and hasattr(made, use):
            getattr(made, use)(deserialize(described[part]) if part == "build_config" else described[part])
    return made


def _known(name: str, described: Mapping[str, Any], family: Registry | None) -> Any:
    """Return the class or function that a description names, the user's own before the engine's."""
    registered, module = described.get("registered_name"), str(described.get("module") or "")
    candidates = [text for text in (registered, name, name.rpartition(">")[2]) if text]
    for candidate in (*candidates, *(full for full in _registered if full.partition(">")[2] == name)):
        found = get_registered_object(candidate)
        if found is not None:
            return found
    home = family or _families.get(module)
    wants_function = described["class_name"] == "function"
    for other in (*([home] if home else []), *_families.values()):
        if name in other.named and isinstance(other.named[name], type) is not wants_function:
            if registered not in (None, "", name, described["class_name"]):
                raise ValueError(
                    f"{name!r} was saved as {registered!r}, but resolved to a Keras built-in of that name. If it "
                    "is your own, decorate it with register_keras_serializable() or pass custom_objects={...}."
                )
            return other.named[name]
    known = {**_registered, **(home.named if home else {})}
    for scope in _here.scopes:
        known |= scope
    raise ValueError(
        f"Could not locate {name!r} (from {module or 'no module'}).{nearest(name, known)} If it is your own, decorate "
        "it with register_keras_serializable() or pass custom_objects={...}."
    )


def serialize_keras_object(obj: Any) -> Any:
    """Return any object of the engine, or nested data with such, as plain data."""
    return serialize(obj)


@contextlib.contextmanager
def safe_mode_scope(safe_mode: bool = True) -> Iterator[None]:
    """Refuse code, such as a lambda, inside a ``with`` block, or let it in."""
    before, _here.safe = _here.safe, safe_mode
    try:
        yield
    finally:
        _here.safe = before


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Return what `serialize_keras_object` described; only ``safe_mode=False`` brings a lambda, which is code, back."""
    with safe_mode_scope(safe_mode and _here.safe), custom_object_scope(custom_objects):
        return deserialize(config)


__all__ = [
    *("CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects"),
    *("get_registered_name", "get_registered_object", "register_keras_serializable", "serialize_keras_object"),
    *("Described", "Registry", "arguments_of"),
]
