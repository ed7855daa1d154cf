"""Layer: what every layer and every model is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .. import dtype_policies, functional, regularizers, tree, variables
from ..naming import auto_name, refuse_unknown, snake_case
from ..serialization import Described, arguments_of, describing, serialize
from ..tape import Tensor
from ..variables import Variable
from .calls import Called, as_tensors, here, map_shapes, parameters_of
from .input_spec import check_inputs
from .owner import Owner
from .weights import BASE_ARGUMENTS

Shape = tuple[int | None, ...]

_NO_CALL = (None, None, None, None)
_PLAIN = (str, int, float, bool, tuple, type(None))


@runtime_checkable
class _Measures(Protocol):
    """A metric."""

    variables: Any

    def update_state(self) -> None: ...
    def result(self) -> Any: ...


def _remembered(build: Callable[..., None]) -> Callable[..., None]:
    """Return a class's `build` that notes what it was called with, and that the layer is built."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        self._super_called()
        if self._building:  # from the build of a subclass, which is not done yet
            build(self, *args, **kwargs)
            return
        calls = here.calls
        calls.append((self, None, self._call_losses, None))
        self.path, self._building = _path(), True
        try:
            with variables.for_good():
                build(self, *args, **kwargs)
        finally:
            self._building = False
            calls.pop()
        self._build_shapes = dict(zip(parameters_of(build), args, strict=False)) | kwargs
        self.built = self._locked = True

    return wrapper


def _path() -> str:
    names: list[str] = []
    for layer, *_ in here.calls:
        if not names or names[-1] != layer.name:
            names.append(layer.name)
    return "/".join(names)


class Layer(Called, Described):
    """Something with weights that turns arrays into arrays.

    Write `build(input_shape)`, which makes the weights, and `call(inputs)`, which uses them; a
    `call` that behaves differently while training also takes `training`.

    Parameters
    ----------
    activity_regularizer : str or callable, optional
        A penalty on the output, divided by the batch size.
    trainable : bool
    dtype : str or DTypePolicy, optional
        Float type of weights and computation; by default the one in force.
    autocast : bool
        Whether float inputs are cast to the type of the computation.
    name : str, optional
        By default the class name in snake case, counted.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a Sequential; ``input_dim=4`` is ``input_shape=(4,)``.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.ones((2, 3), "float32")).shape
    (2, 3)
    """

    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:
        made: Any = super().__new__(cls)
        # For get_config of a class that does not keep its arguments under their names.
        given = dict(zip(arguments_of(cls), args, strict=False)) | kwargs
        made._given = {name: value for name, value in given.items() if isinstance(value, _PLAIN)}
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "build" in vars(cls):
            cls.build = _remembered(cls.build)  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **others: Any,
    ) -> None:
        if not isinstance(trainable, bool):
            raise ValueError(f"Expected `trainable` to be a boolean. Received: trainable={trainable}.")
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"Argument `name` must be a string and cannot contain character `/`. Got {name!r}.")
        super().__init__(trainable)
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.given_input_shape = _given_shape(others)
        refuse_unknown(type(self), others)
        self._call_losses: list[Any] = []
        self._build_shapes: dict[str, Any] | None = None
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype_policy = dtype
        self.autocast = autocast
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask
        takes = parameters_of(type(self).call)
        self._call_has_training_arg, self._takes_masks = "training" in takes, any(n.endswith("mask") for n in takes)
        default = takes["training"].default if self._call_has_training_arg else None
        self._training_default = False if default is inspect.Parameter.empty else default

    def __setattr__(self, name: str, value: Any) -> None:
        if self._locked and isinstance(value, (Owner, Variable)) and name[0] != "_" and name not in self.__dict__:
            raise ValueError(self._no_new_state(name))
        object.__setattr__(self, name, value)

    # -- to be written by subclasses --------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; `input_shape` is that of the inputs, such as (32, 4) or (None, 4)."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output for a batch of inputs."""
        raise self._not_implemented("call")

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the output for that of the inputs; by default found out by a call on zeros."""
        if type(self).call is Layer.call:
            raise self._not_implemented("compute_output_shape")
        symbols = [map_shapes(self._symbol, shape) for shape in args]
        named = {name.removesuffix("_shape"): map_shapes(self._symbol, shape) for name, shape in kwargs.items()}
        return tree.map_structure(lambda x: x.shape, functional.compute_output_spec(self, *symbols, **named))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output: by default that of the inputs."""
        return previous_mask

    def _not_implemented(self, method: str) -> NotImplementedError:
        return NotImplementedError(
            f"Layer {type(self).__name__} does not have a `{method}` method implemented: it must define {method}()."
        )

    def _symbol(self, shape: Any) -> Any:
        return functional.KerasTensor(shape, dtype=self.compute_dtype)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs for symbolic inputs, as symbols that have a shape and a type."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return functional.compute_output_spec(self, *args, **kwargs)
        shapes = self.compute_output_shape(**self._shapes_for("compute_output_shape", args, kwargs))
        return map_shapes(self._symbol, shapes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal, unbuilt layer."""
        self._super_called()
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
        config["dtype"] = dtype_policies.serialize(self.dtype_policy)
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        for name in arguments_of(describing(type(self))):
            kept = hasattr(self, name) or name in self._given
            if kept and name not in BASE_ARGUMENTS and name not in self._undescribed:
                config[name] = serialize(getattr(self, name) if hasattr(self, name) else self._given[name])
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from what `get_config` returned."""
        if isinstance(config.get("dtype"), Mapping):
            config = {**config, "dtype": dtype_policies.get(config["dtype"]).name}
        try:
            return super().from_config(config)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{cls.__name__} cannot be made from config={config}: {error}") from error

    # -- types ------------------------------------------------------------------------------------

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        """The types of weights and computation; may be set by name."""
        return self._policy

    @dtype_policy.setter
    def dtype_policy(self, policy: Any) -> None:
        self._policy = dtype_policies.get(policy)
        compute, weights = self._policy.compute_dtype, self._policy.variable_dtype
        self._compute_type = None if compute == "bfloat16" else np.dtype(compute)
        self._mixed = compute if compute != weights or compute == "bfloat16" else None

    dtype = variable_dtype = property(lambda self: self._policy.variable_dtype, doc="The type of the weights.")
    compute_dtype = input_dtype = property(lambda self: self._policy.compute_dtype)
    quantization_mode = None

    #: Symbols: what the layer was first called on in a functional model, and what it gave.
    input = property(functional.input_of)
    output = property(functional.output_of)

    # -- call -------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build if need be, then `call`.

        Parameters
        ----------
        inputs : array or Tensor, (B, ...), or nested lists, tuples and dicts of such
            Any number of arguments, as `call` takes them.
        training : bool, optional
            Inherited from the layer that is being called; else the default of `call`.
        """
        if "_call_losses" not in self.__dict__:
            self._super_called()
        calls = here.calls
        outer = calls[-1] if calls else _NO_CALL
        training = kwargs.pop("training", None)
        handed_on = self._handed_on(kwargs) if self._context_args or outer[3] else None
        x: Any = args[0] if len(args) == 1 and not kwargs else None
        long_way = type(x) is not Tensor  # anything but one Tensor
        if long_way:
            if functional.is_symbolic((args, kwargs)):
                return functional.call_symbolically(
                    self, args, kwargs if training is None else {**kwargs, "training": training}
                )
            args, kwargs = self._converted(args, kwargs)
            x = args[0] if args else next(iter(kwargs.values()), None)
        elif x.value.dtype != self._compute_type and self.autocast and x.value.dtype.kind == "f":
            args = (x := self._cast(x),)
        if not self.built:
            self._build_for(args, kwargs)
        if self.input_spec is not None:
            self._check(x)
        if training is None:
            training = self._training_default if outer[1] is None else outer[1]
        if self._call_has_training_arg and training is not None:
            kwargs["training"] = training
        masks = None
        if long_way or x._keras_mask is not None:
            masks = self._masks(args, kwargs, x)
        losses: list[Any] = []
        calls.append((self, training, losses, handed_on))
        try:
            outputs = self.call(*args, **kwargs) if self._mixed is None else self._call_mixed(args, kwargs)
            if self.activity_regularizer is not None:
                self._penalise(outputs)
        finally:
            calls.pop()
            if losses or self._call_losses:
                self._call_losses = losses
        if losses and calls:
            calls[-1][2].extend(losses)  # what an inner layer adds is the outer one's, too
        if type(outputs) is not Tensor:
            outputs = as_tensors(outputs)
        if masks is not None or self._masks_without_input:
            self._hand_on(x, outputs, masks)
        return outputs

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Call the layer as if its variables had these values; return outputs, new values of the second[, losses]."""
        fixed = self.non_trainable_variables
        own, given = [*self.trainable_variables, *fixed], [*trainable_variables, *non_trainable_variables]
        if not self.built or len(own) != len(given) or len(fixed) != len(non_trainable_variables):
            raise ValueError(
                f"stateless_call() of {self.name!r} needs a built layer, and a value for each of its "
                f"{len(own) - len(fixed)} trainable and {len(fixed)} non-trainable variables."
            )
        with variables.holding(own, given):
            outputs = self(*args, **kwargs)
            results = outputs, [variable.value for variable in fixed]
            return (*results, self.losses) if return_losses else results

    def _build_for(self, args: Any, kwargs: Any) -> None:
        """Call `build` with the shapes of these inputs."""
        if not self.built:
            if self.input_spec is not None and args:
                check_inputs(self.input_spec, args[0], self.name)
            self.build(**self._shapes_for("build", args, kwargs))

    def _build_at_init(self) -> None:
        """Mark a layer without weights as built, unless a subclass has a `build` of its own."""
        if type(self).build is Layer.build:
            self.built = True

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are attributes here and in inner layers."""
        measures: Any = _Measures
        return [metric for owner in self.walk() for metric in owner._owned(measures)]

    @property
    def metrics_variables(self) -> list[Variable]:
        return [variable for metric in self.metrics for variable in metric.variables]

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes that the layer was built with."""
        shapes = self._build_shapes
        if not shapes:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Build as `get_build_config` said."""
        if config and "input_shape" in config:
            self.build(config["input_shape"])
        elif config and "shapes_dict" in config:
            self.build(**config["shapes_dict"])

    # -- losses -----------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or several, to the loss of the call under way."""
        found = tree.flatten(loss)
        for value in found:
            if not hasattr(value, "shape"):
                raise ValueError(
                    "`add_loss()` can only be called from inside `build()` or `call()`, on a tensor. "
                    f"Received invalid value: {value}"
                )
        (here.calls[-1][2] if here.calls else self._call_losses).extend(found)

    def _penalise(self, outputs: Any) -> None:
        for output in tree.flatten(outputs):
            if hasattr(output, "shape"):
                penalty = self.activity_regularizer(output) + output.dtype.type(0)
                if output.ndim:
                    penalty = penalty / output.shape[0] if output.shape[0] else penalty * 0
                self.add_loss(penalty)

    @property
    def losses(self) -> list[Any]:
        """What the last call added, here and in inner layers, and the penalties on trained weights."""
        if not variables.any_regularized:
            return self._call_losses[:]
        penalties = [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]
        return self._call_losses + penalties

    def _clear_losses(self) -> None:
        for owner in self.walk():
            owner._call_losses = []  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


Layer.build = _remembered(Layer.build)  # type: ignore[method-assign]


class Elementwise(Layer):
    """What has no weights and leaves shape and mask as they are."""

    def __init__(self, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.supports_masking = True
        self._build_at_init()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


def _given_shape(others: dict[str, Any]) -> Shape | None:
    """Take the arguments that say what the input of a first layer looks like out of `others`."""
    if others.get("input_dim") is not None:
        others["input_shape"] = (others["input_dim"],)
    shape, batch_shape = others.get("input_shape"), others.get("batch_input_shape")
    for name in ("input_dim", "input_shape", "batch_input_shape"):
        others.pop(name, None)
    if batch_shape is not None:
        return tuple(batch_shape)
    return None if shape is None else (None, *shape)
