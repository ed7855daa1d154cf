"""What `compile` was given: the losses of all outputs as one, and all metrics as one.

A model may have one output, a list of them or a dict, nested to any depth. Which loss and which metrics belong to which
output, and what each is called in the logs, is settled at the first batch, when the outputs are known.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import backend, losses, tree
from . import metrics as _metrics
from .tape import Tensor, unwrap


@dataclasses.dataclass(frozen=True)
class _Weighted:
    """A loss as the user gave it, and its weight. (No tuple, for a tuple would be looked into.)"""

    loss: Any
    weight: Any


@dataclasses.dataclass
class _Part:
    """One loss: where its output lies, its name in the logs, its weight, and the mean that is logged."""

    path: tree.Path
    loss: Any
    name: str
    weight: Any
    tracker: Any = None


class CompileLoss(losses.Loss):
    """The losses of all outputs, weighted and added up.

    Parameters
    ----------
    loss : str, Loss, callable, or nested
        One for all outputs, or nested as the outputs are; None where an output has no loss.
    loss_weights : float, or nested as `loss`
    output_names : list of str, optional
        Of the outputs in order: a dict of losses may go by them, and the logs do.

    Attributes
    ----------
    metrics : list of Mean
        With several losses, each one's mean, before its weight.
    """

    def __init__(
        self,
        loss: Any,
        loss_weights: Any = None,
        reduction: str | None = "sum_over_batch_size",
        output_names: Sequence[str] | None = None,
    ) -> None:
        if loss_weights and not isinstance(loss_weights, (list, tuple, dict, float)):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (for one output), or a list, tuple or dict (for "
                f"several); got {loss_weights!r}."
            )
        for weight in tree.flatten(loss_weights):
            if isinstance(weight, str) or callable(weight):
                raise ValueError(f"loss_weights expects numbers; got {weight!r}. Was it meant as metrics=[{weight!r}]?")
        super().__init__(name="compile_loss", reduction=reduction)
        self.given, self.weights, self.output_names = loss, loss_weights, output_names
        for leaf in tree.flatten(loss):
            if leaf is not None:
                losses.as_reduced(leaf)  # an unknown name is told at once
        self.built = False
        self.parts: list[_Part] = []

    @property
    def metrics(self) -> list[Any]:
        return [part.tracker for part in self.parts if part.tracker is not None]

    @property
    def variables(self) -> list[Any]:
        return [v for metric in self.metrics for v in metric.variables]

    # -- which loss is whose ----------------------------------------------------------------------

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Settle which loss is that of which output; of labels and outputs only shapes are looked at."""
        if tree.is_nested(y_pred) or tree.is_nested(y_true):
            y_true = self._like(y_pred, y_true)
        loss, weights = self._in_order(y_pred)
        if weights is None:
            weights = tree.map_structure(lambda _: None, loss)
        elif not tree.same_structure(loss, weights):
            flat = tree.flatten(weights)
            if len(flat) != len(tree.flatten(loss)):
                raise ValueError(
                    f"`loss_weights` must match the number of losses, got {len(tree.flatten(loss))} losses and "
                    f"{len(flat)} weights."
                )
            weights = tree.pack_sequence_as(loss, flat)
        pairs = tree.map_structure(lambda a, b: None if a is None else _Weighted(a, b), loss, weights)
        if not tree.is_nested(pairs):
            pairs = tree.map_structure(lambda _: pairs, y_pred)
        paths = _paths(y_pred)
        names = self.output_names if self.output_names and len(self.output_names) == len(paths) else [None] * len(paths)
        self.parts = list(_assign(pairs, y_true, y_pred, (), dict(zip(paths, names, strict=True))))
        if len(self.parts) > 1:
            for part in self.parts:
                part.tracker = _metrics.Mean(name=f"{part.name}_loss")
        self._nesting = tree.map_structure(lambda _: None, y_true), tree.map_structure(lambda _: None, y_pred)
        self.built = True

    def _in_order(self, y_pred: Any) -> tuple[Any, Any]:
        """Return losses and weights, those given by the names of outputs in the outputs' order."""
        loss, weights, names = self.given, self.weights, self.output_names
        if not names or not isinstance(loss, dict) or isinstance(y_pred, dict):
            return loss, weights
        if set(names) != set(loss):
            raise ValueError(f"Expected keys {list(names)} in loss dict, but found loss.keys()={list(loss)}")
        if isinstance(weights, dict):
            weights = [weights[name] for name in names]
        return [loss[name] for name in names], weights

    # -- a batch ----------------------------------------------------------------------------------

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the total, a scalar Tensor; None if no output has a loss."""
        nested = tree.is_nested(y_pred) or tree.is_nested(y_true)
        if nested:
            y_true = self._like(y_pred, y_true)
        if not self.built:
            self.build(y_true, y_pred)
        if nested:
            y_true, y_pred = map(_repacked, self._nesting, (y_true, y_pred))
        elif len(self.parts) == 1:
            return _value(self.parts[0], y_true, y_pred, sample_weight)
        total: Any = None
        for part in self.parts:
            weights = tree.at(sample_weight, part.path) if tree.is_nested(sample_weight) else sample_weight
            value = _value(part, tree.at(y_true, part.path), tree.at(y_pred, part.path), weights)
            total = value if total is None else total + value
        return total

    call = __call__

    def _like(self, y_pred: Any, y_true: Any) -> Any:
        """Return the labels nested as the outputs are."""
        if tree.same_structure(y_pred, y_true):
            return y_true
        names = self.output_names or ()
        if tree.is_nested(y_pred) and len(y_pred) == 1 and not tree.is_nested(y_true):
            y_true = [y_true]
        if isinstance(y_pred, (list, tuple)) and isinstance(y_true, dict) and set(names) == set(y_true):
            y_true = [y_true[name] for name in names]
        flat, n_outputs = tree.flatten(y_true), len(tree.flatten(y_pred))
        listed = isinstance(y_true, (list, tuple)) and len(y_true) == len(flat)
        if len(flat) == n_outputs and (listed or _paths(y_true) == _paths(y_pred)):
            return tree.pack_sequence_as(y_pred, flat)
        has_loss = [loss is not None for loss in tree.flatten(self.given)]
        if len(has_loss) == n_outputs and sum(has_loss) == len(flat):  # labels for those outputs alone
            labels = iter(flat)
            return tree.pack_sequence_as(y_pred, [next(labels) if has else None for has in has_loss])
        raise ValueError(
            f"y_true and y_pred have different structures: y_true is {tree.shape_of(y_true)}, y_pred "
            f"{tree.shape_of(y_pred)}."
        )

    @property
    def is_additive(self) -> bool:
        """Whether the mean over samples is the same however they are cut into batches."""
        losses_ = [part.loss for part in self.parts]
        return all(_is_of_samples(loss, losses.LossFunction) and loss.reduction in _MEANS for loss in losses_)

    def check_labels(self, y_true: Any, output_shape: Any) -> None:
        """Raise if all the labels of a single output cannot go with its shape."""
        for part in self.parts:
            if not part.path and hasattr(part.loss, "check_labels"):
                part.loss.check_labels(y_true, output_shape)


#: Functions that give each sample a value of its own, as long as `axis` is the last.
_OF_SAMPLES = frozenset(
    {
        *(losses.mean_squared_error, losses.mean_absolute_error, losses.mean_absolute_percentage_error),
        *(losses.mean_squared_logarithmic_error, losses.huber, losses.log_cosh, losses.poisson, losses.kl_divergence),
        *(losses.binary_crossentropy, losses.categorical_crossentropy, losses.sparse_categorical_crossentropy),
        *(_metrics.binary_accuracy, _metrics.categorical_accuracy, _metrics.sparse_categorical_accuracy),
    }
)
_MEANS = ("sum_over_batch_size", "mean")


def _is_of_samples(loss_or_metric: Any, base: type) -> bool:
    """Tell whether this is one of the engine's own, and such a function's mean."""
    own = isinstance(loss_or_metric, base) and type(loss_or_metric).__module__.startswith(__package__)
    if not own or loss_or_metric.fn not in _OF_SAMPLES:
        return False
    options = loss_or_metric.options
    return options.get("axis", -1) == -1 and options.get("ignore_class") is None


def _value(part: _Part, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
    """Return one loss, times its weight; take it into its mean before that."""
    if y_true is None:
        raise ValueError(f"The loss {part.name} compares outputs with y; got y=None. Pass y.")
    loss = part.loss
    value = loss(y_true, y_pred) if sample_weight is None else loss(y_true, y_pred, sample_weight)
    if getattr(value, "shape", None) != ():
        value = _as_scalar(value, loss)
    if part.tracker is not None:
        part.tracker.update_state(unwrap(value), sample_weight=len(tree.flatten(y_pred)[0]))
    if part.weight is not None:
        value = value * part.weight
        value = np.mean(value) if value.shape else value
    return value


def _assign(loss: Any, y_true: Any, y_pred: Any, path: tree.Path, names: Mapping[tree.Path, Any]) -> Iterator[_Part]:
    """Walk down losses, labels and outputs side by side, and yield each loss with the path to its output."""
    if loss is None:
        return
    if isinstance(loss, _Weighted):
        fn = _Joint(loss.loss) if tree.is_nested(y_pred) else losses.as_reduced(loss.loss)
        given = loss.loss if isinstance(loss.loss, str) else None  # as it was spelt: mse_loss
        called = names.get(path) or given or getattr(fn, "name", None) or getattr(fn, "__name__", type(fn).__name__)
        if tree.is_nested(y_pred) and not path:  # one loss of all outputs together
            called = "_".join(map(str, y_pred if isinstance(y_pred, dict) else names.values()))
        place = path
        if not path or isinstance(path[-1], int):  # a key says more than the output's own name, a number less
            place = (*path[:-1], called)
        yield _Part(path, fn, "/".join(map(str, place)), loss.weight)
        return
    if isinstance(loss, (list, tuple)):
        if len(loss) == len(tree.flatten(y_pred)) and not any(map(tree.is_nested, loss)):
            packed = tree.pack_sequence_as(y_pred, loss)
            if not tree.is_nested(packed):
                yield from _assign(packed, y_true, y_pred, path, names)
                return
            loss = packed
        elif not isinstance(y_pred, type(loss)):
            for each in loss:
                yield from _assign(each, y_true, y_pred, path, names)
            return
    if not isinstance(loss, type(y_pred)):
        raise KeyError(f"The path: {path} in the `loss` argument, can't be found in the model's output (`y_pred`).")
    for key in loss if isinstance(loss, dict) else range(len(loss)):
        if loss[key] is None:
            continue
        if not (_has(y_true, key) and _has(y_pred, key)):
            raise KeyError(
                f"The path: {(*path, key)} in the `loss` argument, can't be found in either the model's output "
                "(`y_pred`) or in the labels (`y_true`)."
            )
        yield from _assign(loss[key], y_true[key], y_pred[key], (*path, key), names)


class _Joint:
    """A function of several outputs together: their labels and they come nested."""

    def __init__(self, fn: Any) -> None:
        self.fn, self.name = fn, getattr(fn, "__name__", type(fn).__name__)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return losses.reduce_weighted(self.fn(y_true, y_pred), sample_weight)


def _has(structure: Any, key: Any) -> bool:
    if isinstance(structure, dict):
        return key in structure
    return isinstance(structure, (list, tuple)) and isinstance(key, int) and key < len(structure)


def _paths(structure: Any) -> list[tree.Path]:
    return [path for path, _ in tree.flatten_with_path(structure)]


def _repacked(nesting: Any, structure: Any) -> Any:
    """Return leaves in the nesting that the losses were built for."""
    if tree.same_structure(nesting, structure):
        return structure
    return tree.pack_sequence_as(nesting, tree.flatten(structure))


def _as_scalar(value: Any, loss: Any) -> Any:
    if hasattr(value, "shape"):
        raise ValueError(
            f"The loss {getattr(loss, 'name', type(loss).__name__)} must reduce to one number; it returned shape "
            f'{value.shape}. Return the mean, or leave the reduction at "sum_over_batch_size".'
        )
    return Tensor(backend.asarray(value))


# --------------------------------------------------------------------------- metrics


class _Group(NamedTuple):
    """The metrics of one output, and what the output is called in the logs if there are several."""

    output: str | None
    metrics: list[Any]


class CompileMetrics(_metrics.Metric):
    """All metrics of all outputs, made at the first batch, when the shapes are known.

    Parameters
    ----------
    metrics, weighted_metrics : list, tuple or dict
        Names, objects, classes or functions, for one output a list of them, for several nested as the outputs are; only
        the second see sample weights.
    output_names : list of str, optional

    Attributes
    ----------
    metrics : list of Metric
        Empty before the first batch.
    """

    def __init__(
        self,
        metrics: Any,
        weighted_metrics: Any,
        name: str = "compile_metric",
        output_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name="compile_metrics")
        for argument, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given and not isinstance(given, (list, tuple, dict)):
                raise ValueError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict, such as [{given!r}]; got {given!r} "
                    f"of type {type(given).__name__}."
                )
            for identifier in tree.flatten(given or []):
                if identifier is not None:
                    _metrics.check(identifier, f"compile({argument}=...)")
        self.plain, self.weighted, self.output_names = metrics, weighted_metrics, output_names
        self.built = False
        self._groups: list[list[_Group]] = [[], []]  # plain and weighted, one an output
        self._keys: Sequence[str] | None = None  # in which order outputs given as a dict come

    def __bool__(self) -> bool:
        return bool(self.plain or self.weighted)

    @property
    def metrics(self) -> list[Any]:
        return [metric for groups in self._groups for group in groups for metric in group.metrics]

    @property
    def variables(self) -> list[Any]:
        return [v for metric in self.metrics for v in metric.variables]

    # -- which metric is whose --------------------------------------------------------------------

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics; of labels and outputs only shapes are looked at."""
        n_outputs, names = len(tree.flatten(y_pred)), self.output_names
        shallow = tree.is_nested(y_pred) and len(y_pred) == n_outputs
        if shallow and isinstance(y_pred, dict) and set(names or ()) != set(y_pred):
            names = list(y_pred) if isinstance(y_pred, OrderedDict) else sorted(y_pred)
        self._keys = names if shallow and n_outputs > 1 else None
        self._groups = [
            self._sorted_out(argument, given, y_true, y_pred, names, shallow) if given else []
            for argument, given in (("metrics", self.plain), ("weighted_metrics", self.weighted))
        ]
        self.built = True

    def _sorted_out(
        self, argument: str, given: Any, y_true: Any, y_pred: Any, names: Sequence[str] | None, shallow: bool
    ) -> list[_Group]:
        """Return the metrics of each output."""
        y_t, y_p = self._flat(y_true), self._flat(y_pred)
        if len(y_p) == 1:
            return [_group(tree.flatten(given), y_t[0], y_p[0], None)]
        all_names: Sequence[Any] = names or [None] * len(y_p)
        each: Any = None
        if shallow and isinstance(given, (list, tuple)) and len(given) == len(y_p):
            each = given
        elif shallow and names and isinstance(given, dict) and set(given) <= set(names):
            each = [given.get(name) for name in names]
        if each is not None:
            return [_group(*of_output) for of_output in zip(each, y_t, y_p, all_names, strict=False)]
        try:
            nesting = tree.lists_to_tuples(y_pred)
            parts = (given, y_true, y_pred, tree.pack_sequence_as(nesting, all_names))
            found: list[_Group] = []
            tree.map_structure_up_to(nesting, lambda *a: found.append(_group(*a)), *map(tree.lists_to_tuples, parts))
            return found
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{error}\nInvalid `{argument}`: metrics are to be nested as the outputs are, {tree.shape_of(y_pred)}, "
                f"or given by the names of the outputs, {self.output_names}; got {given}."
            ) from error

    def _flat(self, y: Any) -> list[Any]:
        if self._keys is not None and isinstance(y, dict):
            return [y[key] for key in self._keys]
        return tree.flatten(y)

    # -- a batch ----------------------------------------------------------------------------------

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        if not self.built:
            self.build(y_true, y_pred)
        y_t, y_p, weights = self._flat(y_true), self._flat(y_pred), self._flat(sample_weight)
        if len(weights) < len(y_t):
            weights = [weights[0]] * len(y_t)
        plain, weighted = self._groups
        for group, t, p in zip(plain, y_t, y_p, strict=False):
            for metric in group.metrics:
                metric.update_state(t, p)
        for group, t, p, w in zip(weighted, y_t, y_p, weights, strict=False):
            for metric in group.metrics:
                metric.update_state(t, p, sample_weight=w)

    @property
    def is_additive(self) -> bool:
        """Whether results are the same however the samples are cut into batches."""
        return all(_is_of_samples(metric, _metrics.MeanMetricWrapper) for metric in self.metrics)

    def check_fit(self, y_true: Any, y_pred: Any) -> None:
        """Raise if one of the engine's own metrics cannot compare such labels with such outputs; nothing is counted."""
        for group, t, p in zip(
            self._groups[0] or self._groups[1], self._flat(y_true), self._flat(y_pred), strict=False
        ):
            for metric in group.metrics:
                if type(metric).__module__.startswith(__package__):
                    with np.errstate(all="ignore"):
                        copy.deepcopy(metric).update_state(t, unwrap(p))

    def by_name(self) -> dict[str, Any]:
        """Return the metrics by the names that they have in the logs."""
        found: dict[str, Any] = {}
        repeats: dict[str, int] = {}
        for weighted, groups in enumerate(self._groups):
            for output, held in groups:
                for metric in held:
                    prefix = f"{output}_" if output else ""
                    name = f"{prefix}{metric.name}"
                    if weighted and name in repeats:
                        name = f"{prefix}weighted_{metric.name}"
                    repeats[name] = repeats.get(name, -1) + 1
                    found[f"{name}_{repeats[name]}" if repeats[name] else name] = metric
        return found

    def result(self) -> dict[str, Any]:
        """Return the running values by log name."""
        return {name: metric.result() for name, metric in self.by_name().items()}

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()


def _group(given: Any, y_true: Any, y_pred: Any, output: str | None) -> _Group:
    """Make the metrics of one output; a name such as "accuracy" means what fits the shapes."""
    identifiers = given if isinstance(given, (list, tuple)) else [given]
    return _Group(output, [_metrics.resolve(m, unwrap(y_true), unwrap(y_pred)) for m in identifiers if m is not None])
