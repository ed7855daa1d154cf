"""Saving: weights under Keras' own paths, and whole models in Keras' own archive.

A file of weights holds the arrays of every layer under the path of attributes that leads to it, such as
``layers/dense_1/vars/0``; a whole model is a zip of its architecture in JSON and such a file. Both are exchanged
with Keras. Nothing in a file is run when it is loaded.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import io
import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from .files import (
    Table,
    has_h5py,
    member,
    read_arrays,
    read_table,
    readable,
    reading,
    write_arrays,
    write_table,
    written_whole,
)
from .layers.layer import Layer
from .naming import snake_case
from .serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

KERAS_VERSION = "3.15.1"  # whose format is written
_WEIGHTS = {"h5": "model.weights.h5", "npz": "model.weights.npz"}

# --------------------------------------------------------------------------- who has weights, and under which path


@functools.cache
def _of_every_layer() -> frozenset[str]:
    return frozenset(dir(Layer(name="any")))


def _is_saveable(value: Any) -> bool:
    return hasattr(type(value), "save_own_variables")


def _children(saveable: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of an object in Keras' order: the layers of a graph first, what is private last."""
    if any(cls.__name__ in ("Sequential", "Functional") for cls in type(saveable).__mro__):
        yield "layers", saveable.layers
    names = [name for name in dir(saveable) if not name.startswith("__") and name not in _of_every_layer()]
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        with contextlib.suppress(Exception):  # of a property that cannot be read yet
            yield name, getattr(saveable, name)


def _in_container(container: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield what lies in a list, tuple or dict; it goes by its class, since names of its own are counted."""
    counts: dict[str, int] = {}
    if id(container) in seen:
        return
    seen.add(id(container))
    for item in container.values() if isinstance(container, dict) else container:
        nested = isinstance(item, (list, dict, tuple))
        if not nested and not _is_saveable(item):
            continue
        kind = "container" if nested else snake_case(type(item).__name__)
        name = f"{kind}_{counts[kind]}" if counts.get(kind) else kind
        counts[kind] = counts.get(kind, 0) + 1
        if nested:
            yield from _in_container(item, f"{path}/{name}", seen)
        else:
            yield f"{path}/{name}", item


def _parts(saveable: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the saveable parts of an object, with their paths."""
    for name, child in _children(saveable):
        inner = f"{path}/{name}" if path else name
        if _is_saveable(child):
            yield inner, child
        elif isinstance(child, (list, dict, tuple)):
            yield from _in_container(child, inner, set())


def _walk(saveable: Any, done: set[int], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield an object and all its saveable parts, each once."""
    if id(saveable) not in done:
        done.add(id(saveable))
        yield path, saveable
        for inner, part in _parts(saveable, path):
            yield from _walk(part, done, inner)


def weights_by_path(model: Any, objects_to_skip: Any = None) -> Table:
    """Return the arrays of a model and of its optimizer under the paths that Keras gives them in files."""
    table: Table = {}
    for path, saveable in _walk(model, {id(item) for item in objects_to_skip or ()}):
        store: dict[str, Any] = {}
        if isinstance(saveable, Layer) or saveable.built:  # an optimizer that took no step has nothing to say
            saveable.save_own_variables(store)
        for name, array in store.items():
            table[f"{path}/vars/{name}" if path else f"vars/{name}"] = np.asarray(array)
    return table


class _Loading:
    """Weights on their way from a file into a model."""

    def __init__(self, table: Table, source: Any, objects_to_skip: Any = None) -> None:
        self.source = source
        self.stores: dict[str, Table] = {}
        for path, array in table.items():
            owner, found, name = f"/{path}".rpartition("/vars/")
            if found:
                self.stores.setdefault(owner[1:], {})[name] = array
        self.used: set[str] = set()
        self.done = {id(item) for item in objects_to_skip or ()}
        self.under_way: set[int] = set()
        self.strict = not self.done
        self.errors: dict[int, tuple[Any, Exception]] = {}

    def load(self, saveable: Any, path: str = "") -> None:
        """Load an object and its parts. What fails is tried again under the next path that leads to it."""
        if id(saveable) in self.done | self.under_way:
            return
        self.used.add(path)
        self.under_way.add(id(saveable))
        try:
            self._load_own(saveable, path)
        except Exception as error:  # of the user's own load_own_variables, too
            self.errors.setdefault(id(saveable), (saveable, error))
        else:
            self.done.add(id(saveable))
            self.errors.pop(id(saveable), None)
        for inner, part in _parts(saveable, path):
            self.load(part, inner)
        self.under_way.discard(id(saveable))

    def _load_own(self, saveable: Any, path: str) -> None:
        store = self.stores.get(path, {})
        if not store and not isinstance(saveable, Layer):  # an optimizer that had taken no step
            return
        variables = getattr(saveable, "own_variables", None)
        ours = type(saveable).load_own_variables is getattr(Layer, "load_own_variables", None)
        if ours and variables is not None and len(variables) == len(store):
            for i, variable in enumerate(variables):
                if store[str(i)].shape != tuple(variable.shape):
                    raise ValueError(
                        f"{path}/vars/{i} has shape {store[str(i)].shape}; the model's {variable.name} has "
                        f"{tuple(variable.shape)}. They must match."
                    )
        saveable.load_own_variables(store)

    def finish(self, skip_mismatch: bool) -> None:
        """Raise, or warn, if something was not loaded."""
        unknown = [p for p in self.stores if p not in self.used and p.partition("/")[0] != "optimizer"]
        problems = [str(error) for _, error in self.errors.values()]
        if self.strict and unknown:
            problems.append(f"The model has no {', '.join(unknown)}.")
        if not problems:
            return
        told = f"{self.source}: {problems[0]}"
        if len(problems) > 1:
            names = ", ".join(str(getattr(saveable, "name", saveable)) for saveable, _ in self.errors.values())
            told += f" A total of {len(problems)} objects could not be loaded: {names}."
        if not skip_mismatch:
            raise ValueError(told)
        warnings.warn(told, stacklevel=4)


def _load_table(
    model: Any, table: Table, source: Any, skip_mismatch: bool = False, objects_to_skip: Any = None
) -> None:
    """Load a table of arrays into a model, which stays as it was if it does not fit."""
    before = [(variable, variable.numpy()) for variable in _variables(model)]
    loading = _Loading(table, source, objects_to_skip)
    try:
        loading.load(model)
        loading.finish(skip_mismatch)
    except ValueError:
        for variable, value in before:
            variable.assign(value)
        raise


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *getattr(getattr(model, "optimizer", None), "variables", ())]


# --------------------------------------------------------------------------- states as nested dicts


def _kinds(model: Any) -> dict[str, list[Any]]:
    kinds = ("trainable_variables", "non_trainable_variables", "metrics_variables")
    optimizer = getattr(model.optimizer, "variables", [])
    return {**{kind: getattr(model, kind) for kind in kinds}, "optimizer_variables": optimizer}


def state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """Return the values of all variables in dicts, by kind and then along their paths."""
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(f"value_format expects 'backend_tensor' or 'numpy_array'; got {value_format!r}.")
    found: dict[str, Any] = {}
    for kind, variables in _kinds(model).items():
        inner = found[kind] = {}
        for variable in variables:
            *owners, name = variable.path.split("/")
            place = functools.reduce(lambda outer, owner: outer.setdefault(owner, {}), owners, inner)
            if name in place:
                raise ValueError(
                    f"The following variable path is found twice in the model: {variable.path!r}. Give layers names of "
                    "their own."
                )
            place[name] = variable.numpy() if value_format == "numpy_array" else variable.value
    return found


def set_state_tree(model: Any, state_tree: dict[str, Any]) -> None:
    """Give the variables that such dicts name their values; the others stay as they are."""
    kinds = _kinds(model)
    for kind, values in state_tree.items():
        if kind not in kinds:
            raise ValueError(f"Unknown variable name: {kind!r}. There is {', '.join(kinds)}.")
        by_path = {variable.path: variable for variable in kinds[kind]}
        for path, value in _flat(values):
            if path in by_path:
                by_path[path].assign(value)


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        yield from _flat(value, f"{prefix}{name}/") if isinstance(value, dict) else [(f"{prefix}{name}", value)]


# --------------------------------------------------------------------------- weights


def save_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, max_shard_size: Any = None, **kwargs: Any
) -> None:
    """Write a model's weights, and its optimizer's state, to .weights.h5, .npz or .safetensors."""
    if max_shard_size is not None:
        raise ValueError("max_shard_size is not supported: the weights are written into one file.")
    if not str(filepath).endswith((".h5", ".hdf5", ".npz", ".safetensors")):
        raise ValueError(
            f"The filename must end in `.weights.h5`, `.npz` or `.safetensors` for weights; got {str(filepath)!r}."
        )
    _must_be_built(model, "saving")
    _may_write(filepath, overwrite)
    write_arrays(filepath, weights_by_path(model, **_only(kwargs, "objects_to_skip")))


def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Read a model's weights from a file that minifit or Keras wrote: weights, a whole model, or Keras' older .h5.

    Parameters
    ----------
    model : Model
    filepath : str or path
    skip_mismatch : bool
        Whether to leave alone, with a warning, what does not fit. Otherwise that is an error, and all stays as it was.
    objects_to_skip : list of Layer, optional
    by_name : bool, optional
        For the older .h5: whether layers are found by their names rather than by their order.
    """
    given, name = _only(kwargs, "objects_to_skip", "by_name"), str(filepath)
    older = name.endswith((".h5", ".hdf5")) and not name.endswith(".weights.h5")
    archived = name.endswith(".keras")
    if not name.endswith((".keras", ".h5", ".hdf5", ".npz", ".safetensors")):
        raise ValueError(
            f"File format not supported: filepath={name}. Weights are in .weights.h5, .h5, .npz, .safetensors, .keras."
        )
    if "by_name" in given and not older:
        raise ValueError(f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {name}")
    if "objects_to_skip" in given and (older or archived):
        raise ValueError(f"`objects_to_skip` only supports loading '.weights.h5' files. Received: {name}")
    _must_be_built(model, "loading weights into")
    table = _weights_in(_read_archive(filepath), name) if archived else read_arrays(filepath)[0]
    if any(path.endswith("layer_names") for path in table):
        table = _from_older(model, table, bool(given.get("by_name")))
    _load_table(model, table, filepath, skip_mismatch, given.get("objects_to_skip"))


def _from_older(model: Any, table: Table, by_name: bool) -> Table:
    """Return weights that Keras once kept by the layers' names under the paths of today."""
    root = next(path for path in table if path.endswith("layer_names")).removesuffix("layer_names")

    def saved(layer_name: str) -> list[np.ndarray]:
        names = table.get(f"{root}{layer_name}/weight_names", ())
        return [table[f"{root}{layer_name}/{name}"] for name in names]

    found = {str(name): saved(str(name)) for name in table[f"{root}layer_names"]}
    theirs = [name for name, arrays in found.items() if arrays]
    mine = [layer for layer in model.layers if layer.weights]
    if not by_name and len(theirs) != len(mine):
        raise ValueError(
            f"Layer count mismatch: the model has {len(mine)} layers with weights, the file {len(theirs)}."
        )
    new = weights_by_path(model)
    paths = {id(saveable): path for path, saveable in _walk(model, set())}
    for layer, name in zip(mine, (layer.name for layer in mine) if by_name else theirs, strict=True):
        arrays = found.get(name)
        if arrays is None:
            continue
        in_order = [*layer.trainable_weights, *layer.non_trainable_weights]
        if len(arrays) != len(in_order):
            raise ValueError(
                f"Weight count mismatch: {layer.name} has {len(in_order)} weights, in the file {len(arrays)}."
            )
        by_id = {id(variable): array for variable, array in zip(in_order, arrays, strict=True)}
        for owner in layer.walk():
            for i, variable in enumerate(owner.own_variables):
                new[f"{paths[id(owner)]}/vars/{i}"] = by_id[id(variable)]
    return new


def _only(kwargs: dict[str, Any], *names: str) -> dict[str, Any]:
    if set(kwargs) - set(names):
        raise ValueError(f"Invalid keyword arguments: {', '.join(sorted(set(kwargs) - set(names)))}.")
    return kwargs


def _must_be_built(model: Any, doing: str) -> None:
    if not model.built:
        raise ValueError(
            f"You are {doing} a model that has not yet been built. Call it on data, or give it an Input shape, first."
        )


def _may_write(path: Any, overwrite: bool) -> None:
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists. Choose another name, or pass overwrite=True.")


# --------------------------------------------------------------------------- whole models


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Write architecture, weights and, where it is compiled, how, with the optimizer's state.

    Parameters
    ----------
    model : Model
    filepath : str, path or open file
        Ends in .keras, or in .h5 as older scripts have it.
    overwrite : bool
    zipped : bool, optional
        False writes a folder instead of an archive.
    """
    if kwargs.pop("save_format", False):
        raise ValueError("The `save_format` argument is deprecated: the ending of the file name says it.")
    kwargs.pop("include_optimizer", None)
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {', '.join(kwargs)}.")
    if isinstance(filepath, io.IOBase):
        _write_archive(filepath, _contents(model))
        return
    name = str(filepath)
    if zipped is False and name.endswith(".keras"):
        raise ValueError(f"With zipped=False the name of the folder should not end in .keras; got {name!r}.")
    if zipped is not False and not name.endswith((".keras", ".h5", ".hdf5", ".npz")):
        raise ValueError(f"Invalid filepath extension for saving: a model's must be .keras (or .h5); got {name!r}.")
    _may_write(filepath, overwrite)
    if not model.built:
        warnings.warn("You are saving a model that has not yet been built: it has no weights yet.", stacklevel=3)
    if zipped is False:
        for inner, data in _contents(model).items():
            part = Path(filepath) / inner
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
    elif name.endswith(".keras"):
        contents = _contents(model)
        with written_whole(filepath) as temporary, open(temporary, "wb") as file:
            _write_archive(file, contents)
    else:
        write_arrays(filepath, weights_by_path(model), json.dumps(serialize_keras_object(model)))


def _contents(model: Any) -> dict[str, bytes]:
    """Return the files of an archive."""
    kind = "h5" if has_h5py() else "npz"
    weights = io.BytesIO()
    write_table(weights, kind, weights_by_path(model))
    saved = {"keras_version": KERAS_VERSION, "date_saved": f"{datetime.datetime.now():%Y-%m-%d@%H:%M:%S}"}
    return {
        "metadata.json": json.dumps(saved).encode(),
        "config.json": json.dumps(serialize_keras_object(model)).encode(),
        _WEIGHTS[kind]: weights.getvalue(),
        **_assets(model),
    }


def _assets(model: Any) -> dict[str, bytes]:
    """Return the files that layers with a `save_assets` write."""
    found: dict[str, bytes] = {}
    for path, saveable in _walk(model, set()):
        if hasattr(saveable, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                saveable.save_assets(folder)
                for file in sorted(item for item in Path(folder).rglob("*") if item.is_file()):
                    found[str(PurePosixPath("assets", path, file.relative_to(folder).as_posix()))] = file.read_bytes()
    return found


def _write_archive(file: Any, contents: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def _read_archive(filepath: Any) -> dict[str, bytes]:
    """Return the files in an archive or a folder."""
    if isinstance(filepath, io.IOBase):
        with zipfile.ZipFile(filepath) as archive:
            return {name: member(archive, name) for name in archive.namelist()}
    root = Path(filepath)
    if root.is_dir():
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    with reading(filepath) as file, zipfile.ZipFile(file) as archive:
        return {name: member(archive, name) for name in archive.namelist()}


def _weights_in(contents: dict[str, bytes], source: Any) -> Table:
    kind = next((kind for kind, name in _WEIGHTS.items() if name in contents), None)
    if kind is None:
        raise ValueError(f"{source} holds no weights: expected a {' or '.join(_WEIGHTS.values())} in it.")
    with readable(source):
        return read_table(io.BytesIO(contents[_WEIGHTS[kind]]), kind)[0]


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Return the model that `save_model` or Keras wrote, ready to predict and to train on.

    Parameters
    ----------
    filepath : str, path or open file
    custom_objects : dict, optional
        The user's own classes and functions by name.
    compile : bool
        Whether to compile it as it was when saved.
    safe_mode : bool
        False runs lambdas that the file holds, which may do anything: for files that you trust.

    Raises
    ------
    ValueError
        If the file is no saved model, or names what is not known.
    """
    name, contents = str(filepath), {}
    if isinstance(filepath, io.IOBase) or name.endswith(".keras") or Path(filepath).is_dir():
        if name.endswith(".keras") and not Path(filepath).exists():
            raise ValueError(f"File not found: {name}. Please ensure the file is an accessible `.keras` zip file.")
        contents = _read_archive(filepath)
        table, text = _weights_in(contents, name), contents.get("config.json", b"").decode()
    elif name.endswith((".h5", ".hdf5", ".npz")):
        table, text = read_arrays(filepath)
    else:
        raise ValueError(f"File format not supported: {name}. A saved model ends in .keras or .h5.")
    if not text:
        raise ValueError(f"{name} holds weights alone: build the model and call load_weights() on it.")
    with readable(name):
        config = json.loads(text)
    if not compile and isinstance(config, dict):
        config["compile_config"] = None
    model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
    if not _is_saveable(model):
        raise ValueError(f"{name} holds no model, but a {type(model).__name__}.")
    _load_table(model, table, name)
    _load_assets(model, contents)
    return model


def _load_assets(model: Any, contents: dict[str, bytes]) -> None:
    for path, saveable in _walk(model, set()):
        if not hasattr(saveable, "load_assets"):
            continue
        prefix = str(PurePosixPath("assets", path)) + "/"
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for name, data in contents.items():
                file = (root / name.removeprefix(prefix)).resolve()
                if name.startswith(prefix) and root in file.parents:  # no way out of the folder
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(data)
            saveable.load_assets(str(root))


__all__ = ["CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects"]
__all__ += ["get_registered_name", "get_registered_object", "load_model", "load_weights"]
__all__ += ["register_keras_serializable", "save_model", "save_weights", "serialize_keras_object"]
