"""compile, fit, evaluate, predict: the loop.

`Trainer.fit` is the outer loop over epochs, `_run` the inner loop over batches, and `_update` the step inside: forward,
loss, backward, update, metrics. Everything else in the engine serves these three.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import backend, config, inputs, measuring, optimizers, serialization, tree
from .callbacks import CallbackList, History, TerminateOnNaN
from .callbacks.callback import Logs, as_callbacks, python_logs
from .compiled import CompileLoss, CompileMetrics
from .data import ArrayData, EpochIterator
from .measuring import Measuring
from .metrics import Mean, Metric
from .preparing import blas_threads, check_input, count_of, epochs_of, join_batches, on_device, prepare
from .recording import Repeated
from .tape import GradientTape, Tensor, unwrap

Step = tuple[Any, Any, list[Any], list[Any]]  #: predictions, loss, gradients, and the variables that they are of
Differentiate = Callable[[Any, Any, Any], Step]
_STOPS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


@functools.cache
def _takes_training(call: Callable[..., Any]) -> bool:
    return "training" in inspect.signature(call).parameters


@dataclasses.dataclass
class Fitting:
    """A `fit` that is under way.

    Attributes
    ----------
    repeated : Repeated or None
        The recorded steps of the epoch, if the model's may be recorded.
    variables : sequence of Variable
        Those that the epoch trains.
    first_epoch, resumed_logs
        Where to begin, and the logs that an epoch has if no step of it is left: a callback that resumes sets them.
    """

    data: EpochIterator
    validation: EpochIterator | None
    validate_after: Callable[[int], bool]
    callbacks: CallbackList
    first_epoch: int
    epochs: int
    repeated: Repeated | None = None
    variables: Sequence[Any] = ()
    resumed_logs: Logs | None = None

    def __reduce__(self) -> Any:
        return type(None), ()  # a copy of the model is not being fitted


class Trainer:
    """What makes a model trainable. `Model` derives from it."""

    # What the trainer asks of the model it is mixed into.
    __call__: Callable[..., Any]
    trainable_variables: list[Any]
    variables: list[Any]
    losses: list[Any]
    built: bool
    call: Callable[..., Any]
    walk: Callable[[], Any]
    _owned: Callable[..., list[Any]]

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.compiled = self.run_eagerly = self.jit_compile = False
        self.steps_per_execution = 1
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: History | None = None
        self.loss: Any = None
        self._loss_tracker: Any = None
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics = CompileMetrics(None, None)
        self._scale: Callable[[Any], Any] | None = None  # of a loss scale optimizer
        self._measuring = Measuring(None, self._compile_metrics)
        self._under_way: Fitting | None = None
        self._repeated: Repeated | None = None

    # -- compile ----------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is to be trained. Weights stay as they are; the optimizer begins anew.

        Parameters
        ----------
        optimizer : str, Optimizer or class
            Such as ``"adam"`` or ``Adam(0.01)``.
        loss : str, Loss, class or callable, or a list or dict of them
            Such as ``"mse"``; or a function of (y_true, y_pred) that returns one value a sample. For several outputs,
            nested as they are or by their names.
        loss_weights : float, or nested as `loss`
            What the losses are multiplied by.
        metrics, weighted_metrics : list, or a list or dict of lists
            Names, Metrics or functions, for several outputs nested as they are. Only the second see sample and class
            weights.
        steps_per_execution : int
            Callbacks are called once for so many batches.
        auto_scale_loss : bool
            Whether a model of the policy ``"mixed_float16"`` has its optimizer in a `LossScaleOptimizer`.
        run_eagerly, jit_compile
            Accepted for compatibility with Keras; they change nothing here.
        """
        if run_eagerly and jit_compile not in ("auto", False):
            warnings.warn("If run_eagerly is True, jit_compile cannot be: it is taken as False.", stacklevel=2)
        names = getattr(self, "output_names", None)
        compile_loss = None if loss is None else CompileLoss(loss, loss_weights, output_names=names)
        compile_metrics = CompileMetrics(metrics, weighted_metrics, output_names=names)
        self.optimizer = given = optimizers.get(optimizer)
        half = getattr(getattr(self, "dtype_policy", None), "name", "") == "mixed_float16"
        scales = isinstance(given, optimizers.LossScaleOptimizer) or not isinstance(given, optimizers.Optimizer)
        if auto_scale_loss and half and not scales:
            self.optimizer = optimizers.LossScaleOptimizer(given, name="loss_scale_optimizer")
        self.loss, self._compile_loss, self._compile_metrics = loss, compile_loss, compile_metrics
        self._loss_tracker = Mean(name="loss")
        self._measuring = Measuring(self._loss_tracker, compile_metrics)
        self._scale = self.optimizer.scale_loss if getattr(self.optimizer, "loss_scale_factor", None) else None
        self.run_eagerly, self.jit_compile = run_eagerly, jit_compile is True and not run_eagerly
        self.steps_per_execution = inputs.positive_integer("steps_per_execution", steps_per_execution)
        self.compiled = True
        # Not a dict: what lies in one belongs to the model, and these metrics are those of compile.
        self._compiled_with = SimpleNamespace(
            optimizer=given,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=self.jit_compile,
        )

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return plain data from which `compile_from_config` compiles an equal model; None before `compile`."""
        return serialization.serialize(vars(self._compiled_with)) if self.compiled else None

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config` described it."""
        if self._overrides("compile"):
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "Call it, or write compile_from_config(config), too.",
                stacklevel=2,
            )
            return
        self.compile(**serialization.deserialize(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list[Any]:
        """The loss, the compiled metrics as one, each output's loss, and metrics held here or in layers."""
        self._measuring.hand_out()
        return self._all_metrics()

    def _all_metrics(self) -> list[Any]:
        """Return `metrics`, up to date; the caller does not keep them."""
        if self._overrides("metrics"):
            return self.metrics
        self._measuring.catch_up()
        compiled: list[Any] = []
        if self.compiled:
            compiled = [self._loss_tracker, *([self._compile_metrics] if self._compile_metrics else [])]
            compiled += self._compile_loss.metrics if self._compile_loss else []
        held = self._measuring.held
        return [*compiled, *(self._held_metrics() if held is None else held)]

    def _held_metrics(self) -> list[Any]:
        """Return the metrics that are attributes here or in layers, without those of `compile`."""
        ours = [self._loss_tracker, self._compile_metrics, *(self._compile_loss.metrics if self._compile_loss else ())]
        owners = [owner for owner in self.walk() if owner is self or not isinstance(owner, Trainer)]
        found = {id(metric): metric for owner in owners for metric in owner._owned(Metric)}
        return [metric for key, metric in found.items() if key not in set(map(id, ours))]

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self._all_metrics()]

    @property
    def metrics_variables(self) -> list[Any]:
        """What all metrics count in."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def reset_metrics(self) -> None:
        """Forget all that the metrics have seen."""
        self._measuring.settle()
        for metric in self._all_metrics():
            metric.reset_state()

    def get_metrics_result(self) -> Logs:
        """Return the running values of loss and metrics, by name."""
        results: Logs = {}
        for metric in self._all_metrics():
            value = metric.result()
            results.update(value if isinstance(value, Mapping) else {metric.name: value})
        return results

    # -- one step ---------------------------------------------------------------------------------

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss that is minimised, a scalar Tensor: the compiled one plus what layers added."""
        total = None if self._compile_loss is None else self._compile_loss(y, y_pred, sample_weight)
        for extra in self.losses:
            extra = np.sum(extra) if extra.shape else extra
            total = extra if total is None else total + extra
        if total is None:
            raise ValueError(
                'No loss to compute: pass compile(loss=...), such as loss="mse", or add one in a layer with add_loss().'
            )
        return total

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        if self._overrides("compute_loss") and "training" not in inspect.signature(self.compute_loss).parameters:
            return self.compute_loss(x, y, y_pred, sample_weight)  # as it was written for older Keras
        return self.compute_loss(x, y, y_pred, sample_weight, training=training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Logs:
        """Take a batch into the compiled metrics; return what is logged."""
        self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data: Any) -> Logs:
        """Forward, loss, backward, update, metrics: override this for a step of your own.

        Parameters
        ----------
        data : tuple
            ``(x, y)`` or ``(x, y, sample_weight)``, a batch.

        Returns
        -------
        dict of str to float
            What is logged.
        """
        return self._update(*inputs.unpack_x_y_sample_weight(data)) or self.get_metrics_result()

    def _update(self, x: Any, y: Any, sample_weight: Any, differentiate: Differentiate | None = None) -> Logs | None:
        y_pred, loss, gradients, variables = (differentiate or self._differentiate)(x, y, sample_weight)
        if variables:
            self.optimizer.apply(gradients, variables)
        # The predictions, and so the metrics, are those of the weights before the update.
        return self._measure(x, y, y_pred, sample_weight, loss)

    def _differentiate(self, x: Any, y: Any, sample_weight: Any, variables: list[Any] | None = None) -> Step:
        """Return predictions, loss, and its gradients with respect to the variables; nothing is changed."""
        with GradientTape() as tape:
            y_pred = self._forward(x, training=True)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training=True)
            scaled = loss if self._scale is None else self._scale(loss)
        if variables is None:
            variables = self.trainable_variables
        if not variables:
            return y_pred, loss, [], []
        if not getattr(loss, "tracked", False):
            raise TypeError(
                "The loss does not depend on the model: it ignores y_pred, or the computation left the tape. "
                "Look for float(...), np.asarray(...), .numpy() or .item() on the way from y_pred to the loss."
            )
        room = self.optimizer.room() if hasattr(self.optimizer, "room") else None
        return y_pred, loss, tape.gradient(scaled, variables, out=room), variables

    def test_step(self, data: Any) -> Logs:
        """Forward, loss and metrics of a batch, with no gradient and no update."""
        return self._test(*inputs.unpack_x_y_sample_weight(data)) or self.get_metrics_result()

    def _test(self, x: Any, y: Any, sample_weight: Any) -> Logs | None:
        y_pred = self._forward(x, training=False)
        loss = self._compute_loss(x, y, y_pred, sample_weight, training=False)
        return self._measure(x, y, y_pred, sample_weight, loss)

    def _measure(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Any) -> Logs | None:
        """Take a batch into loss and metrics. Their values are looked at when somebody asks."""
        # A batch counts in the epoch's loss by its number of samples, whatever their weights.
        if self._measuring.deferred and measuring.is_plain(y, y_pred, sample_weight):
            self._measuring.defer(loss, count_of(x), y, y_pred, sample_weight)
            return None
        self._loss_tracker.update_state(unwrap(loss), sample_weight=count_of(x))
        if self._overrides("compute_metrics"):
            return self.compute_metrics(x, y, y_pred, sample_weight)
        if y is not None and self._compile_metrics:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return None

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch of inputs."""
        return self._forward(inputs.unpack_x_y_sample_weight(data)[0], training=False)

    def _forward(self, x: Any, training: bool) -> Any:
        x = x if tree.is_nested(x) or isinstance(x, Tensor) else Tensor(x)
        # As in Keras, a model whose call() does not take `training` does not tell its layers either.
        return self(x, training=training) if _takes_training(type(self).call) else self(x)

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Trainer, method)

    def _step(self, name: str, ours: Callable[..., Logs | None]) -> Callable[..., Logs | None]:
        """Return a step that returns logs only if it is the user's own; ours are asked when wanted."""
        if not self._overrides(name):
            return ours
        users = getattr(self, name)

        def step(x: Any, y: Any, sample_weight: Any) -> Logs:
            logs = users(inputs.pack_x_y_sample_weight(x, y, sample_weight) if y is not None else (x,))
            if not isinstance(logs, Mapping):
                raise TypeError(
                    f"{type(self).__name__}.{name}(data) must return the logs, a dict from names to numbers; it "
                    f"returned {type(logs).__name__}. End it with: return {{m.name: m.result() for m in self.metrics}}"
                )
            return dict(logs)

        return step

    def _train_step(self) -> Callable[..., Logs | None]:
        if self.optimizer is None and not self._overrides("train_step"):
            raise ValueError('Training needs an optimizer: compile() was given None. Pass one, such as "adam".')
        variables = self.trainable_variables  # looked up once an epoch, not at every step
        differentiate: Differentiate = functools.partial(self._differentiate, variables=variables)
        if self._under_way is not None:
            self._under_way.variables = variables
            if self._under_way.repeated is not None:
                differentiate = self._under_way.repeated.step_of(differentiate, variables)
        if self._scale is not None:  # a scaled loss is meant to overflow now and then; whoever scales it looks for that
            differentiate = np.errstate(over="ignore", invalid="ignore")(differentiate)
        return self._step("train_step", functools.partial(self._update, differentiate=differentiate))

    def _logs(self, of_step: Logs | None = None) -> Logs:
        """Return the running values, unless a step of the user's own logs others."""
        running = self.get_metrics_result()
        return python_logs(running if of_step is None or of_step.keys() == running.keys() else of_step)

    def _logs_of_batch(self, of_step: Logs | None) -> Logs:
        """Return the logs of a batch of training; where batches wait they are worked out when somebody looks."""
        if self._measuring.deferred and of_step is None and not self._measuring.held:
            return self._measuring.logs(self._logs)
        return self._logs(of_step)

    # -- fit, evaluate, predict -------------------------------------------------------------------

    def _run(
        self,
        phase: str,
        data: EpochIterator,
        step: Callable[..., Any],
        run: CallbackList,
        logs_of: Callable[..., Logs],
    ) -> Any:
        """Walk through the batches of an epoch; return what the last step returned. This is the loop."""
        result: Any = None
        begin, end, stop = f"on_{phase}_batch_begin", f"on_{phase}_batch_end", _STOPS[phase]
        begin_is_heard, end_is_heard = run.hears(begin), run.hears(end)
        measuring = self._measuring
        before = measuring.held

        def logs() -> Logs:
            return logs_of(result)

        try:
            for first, last, batches in data:
                if begin_is_heard:
                    run.call(begin, first)
                for x, y, sample_weight in batches:
                    result = step(x, y, sample_weight)
                if measuring.held is None:  # all is built now, and logs may be wanted at every batch
                    measuring.held = self._held_metrics()
                if end_is_heard:
                    run.call(end, last, logs=logs)
                    measuring.settle()
                if getattr(self, stop):
                    break
        finally:
            if phase != "train":  # `fit` keeps them to its end
                measuring.held = before
        return result

    @on_device
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x : (N, ...), or a source of batches
            An array, or a list or dict of arrays, one an input; or a generator, a `PyDataset`, a torch DataLoader or
            whatever else yields batches ``(x, y)`` or ``(x, y, sample_weight)``.
        y : (N, ...), or a list or dict, one an output
        batch_size : int, optional
            Samples a step, 32 by default. The last batch holds what is left.
        epochs : int
            The index at which to stop, which is the number of epochs if `initial_epoch` is 0.
        verbose : {0, 1, 2, "auto"}
            Silent, a progress bar, or a line an epoch.
        callbacks : list of Callback, optional
            Called in this order.
        validation_split : float
            The share of rows, the *last* ones before any shuffling, to validate on.
        validation_data : (x, y) or (x, y, sample_weight) or a source of batches, optional
            Wins over `validation_split`.
        shuffle : bool or "batch"
            True draws a new order of all samples for every epoch; "batch" only inside each batch.
        class_weight : dict of int to float, optional
            Weight of each class in the training loss; a class that is missing weighs 1.
        sample_weight : (N,), optional
            Weight of each sample; not together with `class_weight`.
        initial_epoch : int
            The epoch to start from.
        steps_per_epoch, validation_steps : int, optional
            Batches an epoch, and a validation; by default all. The next epoch goes on where the last one stopped.
        validation_batch_size : int, optional
            By default `batch_size`.
        validation_freq : int or list of int
            Validate every so many epochs, or after these ones, counted from 1.

        Returns
        -------
        History

        Raises
        ------
        ValueError
            Before `compile`, and for data that do not fit each other or the model.
        """
        self._must_be_compiled("fit")
        epochs = min(inputs.positive_integer("epochs", epochs, smallest=0), config.max_epochs() or epochs)
        initial_epoch = inputs.positive_integer("initial_epoch", initial_epoch, smallest=0)
        if steps_per_epoch is not None:
            inputs.positive_integer("steps_per_epoch", steps_per_epoch)
        validate_after = inputs.epochs_to_validate(validation_freq)
        if validation_split and validation_data is None:
            arrays = inputs.to_be_split(x, y, sample_weight)
            (x, y, sample_weight), validation_data = inputs.split_tail(arrays, validation_split)
        judged = any(isinstance(callback, TerminateOnNaN) for callback in as_callbacks(callbacks))
        train = epochs_of(self, "", x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight, judged)
        validation = None
        if validation_data is not None:
            given = inputs.unpack_validation(validation_data)
            validation = epochs_of(self, "validation_", *given, validation_batch_size or batch_size, validation_steps)
        prepare(self, train.data_adapter)
        if validation is not None and isinstance(validation.data_adapter, ArrayData):
            prepare(self, validation.data_adapter)
        train.reset()
        run = self._callback_list(callbacks, verbose, with_history=True, epochs=epochs, steps=train.num_batches)
        if validation is not None:
            join_batches(self, "test", validation, run)
        self.stop_training = False
        measuring, outer = self._measuring, self._under_way
        before = measuring.deferred, measuring.held
        self._under_way = Fitting(train, validation, validate_after, run, initial_epoch, epochs)
        try:
            with blas_threads(self, train.data_adapter):
                self._train(self._under_way)
        finally:
            self._under_way = outer
            measuring.deferred, measuring.held = before
        return self.history  # type: ignore[return-value]

    def _defer(self, fitting: Fitting) -> None:
        """Let batches wait for loss and metrics, if whoever looks at these asks the model for them."""
        measuring, source = self._measuring, fitting.data.data_adapter
        additive = fitting.repeated is not None and self._compile_metrics.is_additive
        measuring.watched = bool(fitting.callbacks.strangers("train"))
        if fitting.repeated is not None:
            fitting.repeated.careful = measuring.watched or not (additive and isinstance(source, ArrayData))
        measuring.deferred = (
            additive and isinstance(source, ArrayData) and not (measuring.watched and measuring.in_hand)
        )

    def _train(self, fitting: Fitting) -> None:
        """Train epoch by epoch."""
        run, data, validation = fitting.callbacks, fitting.data, fitting.validation
        run.call("on_train_begin")
        logs, fitting.resumed_logs = fitting.resumed_logs or {}, None
        for epoch in range(fitting.first_epoch, fitting.epochs):
            self.reset_metrics()
            run.call("on_epoch_begin", epoch)
            fitting.repeated = self._repeated = Repeated.of(self, self._repeated)
            self._defer(fitting)
            of_step = self._run("train", data, self._train_step(), run, self._logs_of_batch)
            logs = self._logs(fitting.resumed_logs if of_step is None else of_step)  # if no step was left
            fitting.resumed_logs = None
            if validation is not None and fitting.validate_after(epoch + 1):
                logs |= {f"val_{name}": value for name, value in self._run_test(validation, run).items()}
            # A sorted copy: a key that a callback adds is seen by those after it, and by nobody else.
            run.call("on_epoch_end", epoch, logs=python_logs(logs))
            if self.stop_training:
                break
        if fitting.epochs > 0 and hasattr(self.optimizer, "finalize_variable_values"):
            self.optimizer.finalize_variable_values(fitting.variables or self.trainable_variables)
        run.call("on_train_end", logs=python_logs(logs))

    @on_device
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics over a data set; no weight and no random stream moves.

        Parameters
        ----------
        x, y
            See `fit`.
        batch_size : int, optional
            It changes the speed, not the result.
        steps : int, optional
            Batches to stop after.
        return_dict : bool
            Whether to return a dict by name instead of a list (a bare float if there is only the loss).
        """
        self._must_be_compiled("evaluate")
        test = epochs_of(self, "", x, y, sample_weight, batch_size, steps)
        prepare(self, test.data_adapter)
        run = self._callback_list(callbacks, verbose, epochs=1, steps=test.num_batches)
        join_batches(self, "test", test, run)
        with blas_threads(self, test.data_adapter):
            logs = self._run_test(test, run)
        return logs if return_dict else self._as_list(logs)

    def _run_test(self, test: EpochIterator, run: CallbackList) -> Logs:
        test.reset()
        self.stop_evaluating = False
        run.call("on_test_begin")
        self.reset_metrics()
        logs = self._logs(self._run("test", test, self._step("test_step", self._test), run, self._logs))
        run.call("on_test_end", logs=logs)
        return logs

    @on_device
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for all samples, (N, ...), as NumPy arrays. Needs no `compile`."""
        data = epochs_of(self, "", x, None, None, batch_size, steps)
        check_input(self, data.data_adapter)
        run = self._callback_list(callbacks, verbose, epochs=1, steps=data.num_batches)
        join_batches(self, "predict", data, run)
        outputs: list[Any] = []

        def step(*batch: Any) -> Any:
            outputs.append(tree.map_structure(backend.to_numpy, self.predict_step(batch)))
            return outputs[-1]

        self.stop_predicting = False
        with blas_threads(self, data.data_adapter):
            run.call("on_predict_begin")
            self._run("predict", data, step, run, lambda y_pred: {"outputs": y_pred})
            run.call("on_predict_end")
        return tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)

    # -- on one batch -----------------------------------------------------------------------------

    @on_device
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step on one batch; return loss and metrics of this batch alone."""
        self._must_be_compiled("train_on_batch")
        return self._on_batch(ArrayData(x, y, sample_weight, None, 1, class_weight=class_weight), True, return_dict)

    @on_device
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return loss and metrics of one batch."""
        self._must_be_compiled("test_on_batch")
        return self._on_batch(ArrayData(x, y, sample_weight, None, 1), False, return_dict)

    def _on_batch(self, batch: ArrayData, train: bool, return_dict: bool) -> Any:
        prepare(self, batch)
        self.reset_metrics()
        step = self._train_step() if train else self._step("test_step", self._test)
        logs = self._logs(step(*next(batch.batches())))
        return logs if return_dict else self._as_list(logs)

    @on_device
    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch as NumPy arrays."""
        batch = ArrayData(x, steps=1)
        check_input(self, batch)
        return tree.map_structure(backend.to_numpy, self.predict_step(next(batch.batches())))

    # -- between the user and the loop ------------------------------------------------------------

    def _must_be_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f'You must call `compile()` before `{method}()`, such as model.compile(optimizer="adam", loss="mse").'
            )

    def _differs(self, x: Any) -> bool:
        """Tell whether a batch has other sizes than the model was built for, and may have them."""
        return False

    def _symbolic_build(self, iterator: EpochIterator | None = None, data_batch: Any = None) -> None:
        """Build model, loss and metrics for data or a batch, under the name that Keras has for it."""
        batch = inputs.unpack_x_y_sample_weight(data_batch)
        prepare(self, ArrayData(*batch) if iterator is None else iterator.data_adapter)

    def _callback_list(self, callbacks: Any, verbose: Any, with_history: bool = False, **params: Any) -> CallbackList:
        verbose = inputs.verbosity(verbose)
        if isinstance(callbacks, CallbackList):
            callbacks.set_model(self)
            if with_history and callbacks.history is None:
                callbacks.append(History())
            return callbacks
        return CallbackList(callbacks, with_history, verbose != 0, self, verbose=verbose, **params)

    def _as_list(self, logs: Logs) -> Any:
        """Return logs as Keras does: a bare float, or a list with the loss first, in compile order."""
        names: list[str] = []
        for metric in self._all_metrics():
            names += [m.name for m in metric.metrics] if isinstance(metric, CompileMetrics) else [metric.name]
        ordered = dict.fromkeys([*(name for name in names if name in logs), *sorted(logs)])
        values = [logs[name] for name in ordered]
        return values[0] if len(values) == 1 else values
