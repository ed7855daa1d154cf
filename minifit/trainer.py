"""compile, fit, evaluate, predict: the loop.

`Trainer.fit` is the outer loop over epochs and the inner loop over batches; `_update` is the step
inside: forward, loss, backward, update, metrics. Everything else in the engine serves these two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import backend, inputs, losses, optimizers
from . import metrics as _metrics
from .backend import Array
from .callbacks import CallbackList, History, ProgbarLogger
from .callbacks.callback import Logs, as_callbacks, python_logs
from .compiled import CompileMetrics
from .data import ArrayData
from .inputs import Batch
from .layers import Layer
from .metrics import Mean
from .tape import GradientTape, Tensor, unwrap


class Trainer:
    """What makes a model trainable. `Model` derives from it."""

    # What the trainer asks of the model it is mixed into.
    __call__: Callable[..., Any]
    trainable_variables: list[Any]
    variables: list[Any]
    losses: list[Any]
    built: bool
    output_shape: Any

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.compiled = False
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: History | None = None
        self._own_metrics: list[Any] = []
        self._loss: Callable[..., Any] | None = None
        self._loss_weight = 1.0

    # -- compile ----------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        loss_weights: float | None = None,
        weighted_metrics: Sequence[Any] | None = None,
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
        loss : str, Loss, class or callable
            Such as ``"mse"``; or a function of (y_true, y_pred) that returns one value a sample.
        metrics : list of str, Metric or callable, optional
            Never weighted.
        loss_weights : float, optional
            Multiplies the loss.
        weighted_metrics : list, optional
            Metrics that do see sample and class weights.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Accepted for compatibility with Keras; they change nothing here.
        """
        if loss_weights is not None and not isinstance(loss_weights, float):
            raise ValueError(f"compile(loss_weights=...) expects a float for one output; got {loss_weights!r}.")
        compiled_metrics = CompileMetrics(metrics, weighted_metrics)
        self.optimizer = optimizers.get(optimizer)
        self._loss = None if loss is None else losses.as_reduced(loss)
        self._loss_weight = 1.0 if loss_weights is None else loss_weights
        self._loss_tracker = Mean(name="loss")
        self._compiled_metrics = compiled_metrics
        self.compiled = True

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return plain data that compiles an equal model, or None if something in it is the user's own."""
        loss, metrics = losses.serialize(self._loss), self._compiled_metrics
        plain, weighted = ([_metrics.serialize(m) for m in given] for given in (metrics.plain, metrics.weighted))
        ours = (
            isinstance(self.optimizer, optimizers.Optimizer) and type(self.optimizer).__module__ == optimizers.__name__
        )
        if not ours or loss is None or None in (*plain, *weighted):
            return None
        config = self.optimizer.get_config()
        if callable(config["learning_rate"]):
            return None
        return {
            "optimizer": {"class_name": type(self.optimizer).__name__, "config": config},
            "loss": loss,
            "metrics": plain,
            "weighted_metrics": weighted,
            "loss_weights": self._loss_weight,
        }

    @property
    def loss(self) -> Any:
        """What `compile` made of its argument `loss`."""
        return self._loss

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics as one, and metrics set as attributes of the model."""
        if not self.compiled:
            return list(self._own_metrics)
        compiled = [self._compiled_metrics] if self._compiled_metrics else []
        return [self._loss_tracker, *compiled, *self._own_metrics]

    def find_metric(self, name: str) -> Any:
        """Return the metric that is logged under this name, or None."""
        compiled = self._compiled_metrics.metrics if self.compiled else []
        return next((m for m in [*self.metrics, *compiled] if m.name == name), None)

    @property
    def metrics_names(self) -> list[str]:
        """The names under which `metrics` are logged."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Forget all that the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> Logs:
        """Return the running values of loss and metrics, by name."""
        return python_logs(self._results())

    def _results(self) -> Logs:
        return {
            "loss": self._loss_tracker.result(),
            **self._compiled_metrics.result(),
            **{metric.name: metric.result() for metric in self._own_metrics},
        }

    # -- one step ---------------------------------------------------------------------------------

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss that is minimised: the compiled one plus what layers added.

        Returns
        -------
        Tensor, scalar
        """
        total: Any = None
        if self._loss is not None:
            if y is None:
                raise ValueError(
                    f"The loss {getattr(self._loss, 'name', 'of compile')} compares outputs with y; got y=None. Pass y."
                )
            total = self._loss(y, y_pred) if sample_weight is None else self._loss(y, y_pred, sample_weight)
            total = self._checked_loss(total)
            if self._loss_weight != 1.0:
                total = total * self._loss_weight
        for extra in self.losses:
            total = extra if total is None else total + extra
        if total is None:
            raise ValueError(
                'No loss to compute: pass compile(loss=...), such as loss="mse", or add one in a layer with add_loss().'
            )
        return total

    def _checked_loss(self, value: Any) -> Any:
        if getattr(value, "shape", None) == ():
            return value
        name = getattr(self._loss, "name", type(self._loss).__name__)
        if hasattr(value, "shape"):
            raise ValueError(
                f"The loss {name} must reduce to one number; it returned shape {value.shape}. Return the mean, or "
                'leave the reduction at "sum_over_batch_size".'
            )
        return Tensor(backend.asarray(value))

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
        self._update(data)
        return self._results()

    def _update(self, data: Any, variables: list[Any] | None = None) -> None:
        x, y, sample_weight = _unpack(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        if variables is None:
            variables = self.trainable_variables
        if variables:
            if not getattr(loss, "tracked", False):
                raise TypeError(
                    "The loss does not depend on the model: it ignores y_pred, or the computation left the tape. "
                    "Look for float(...), np.asarray(...), .numpy() or .item() on the way from y_pred to the loss."
                )
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply(gradients, variables)
        # The predictions, and so the metrics, are those of the weights before the update.
        self._measure(x, y, y_pred, sample_weight, loss)

    def test_step(self, data: Any) -> Logs:
        """Forward, loss and metrics of a batch, with no gradient and no update."""
        self._test(data)
        return self._results()

    def _test(self, data: Any) -> None:
        x, y, sample_weight = _unpack(data)
        y_pred = self(x, training=False)
        self._measure(x, y, y_pred, sample_weight, self.compute_loss(x, y, y_pred, sample_weight, training=False))

    def _measure(self, x: Array, y: Any, y_pred: Tensor, sample_weight: Any, loss: Any) -> None:
        # A batch counts in the epoch's loss by its number of samples, whatever their weights.
        n_samples = len(x)
        self._loss_tracker.total = self._loss_tracker.total + unwrap(loss).astype("float64") * n_samples
        self._loss_tracker.count += n_samples
        if y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch of inputs."""
        x, _, _ = _unpack(data)
        return self(x, training=False)

    # -- fit --------------------------------------------------------------------------------------

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
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x : (N, ...)
        y : (N, ...)
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
        validation_data : (x, y) or (x, y, sample_weight), optional
            Wins over `validation_split`.
        shuffle : bool or "batch"
            True draws a new order of all samples for every epoch.
        class_weight : dict of int to float, optional
            Weight of each class in the training loss; a class that is missing weighs 1.
        sample_weight : (N,), optional
            Weight of each sample; not together with `class_weight`.
        initial_epoch : int
            The epoch to start from.
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
        epochs = inputs.positive_integer("epochs", epochs, smallest=0)
        initial_epoch = inputs.positive_integer("initial_epoch", initial_epoch, smallest=0)
        validate_after = inputs.epochs_to_validate(validation_freq)
        verbose = inputs.verbosity(verbose)
        train, held_out = self._training_data(
            x, y, sample_weight, class_weight, batch_size, shuffle, validation_split, validation_data
        )
        validation = None
        if held_out is not None:
            if validation_batch_size is not None:
                inputs.positive_integer("validation_batch_size", validation_batch_size)
            validation = self._test_data(*held_out, validation_batch_size or batch_size, "validation_data")
        self._prepare(train, validation)

        logs: Logs = {}
        self.stop_training = False
        run = self._callback_list(callbacks, verbose, with_history=True, epochs=epochs, steps=train.n_steps)
        step = self._step("train_step", self._update)
        with backend.one_blas_thread(self._largest_product(train.batch_size)):
            run.call("on_train_begin")
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                run.call("on_epoch_begin", epoch)
                logs = self._run_epoch(train, step, run)
                if validation is not None and validate_after(epoch + 1):
                    val_logs = self._run_test(validation, run)
                    logs.update({f"val_{name}": value for name, value in val_logs.items()})
                # A sorted copy: a key that a callback adds is seen by those after it, and by nobody else.
                run.call("on_epoch_end", epoch, logs=python_logs(logs))
                if self.stop_training:
                    break
            run.call("on_train_end", logs=python_logs(logs))
        return self.history  # type: ignore[return-value]

    def _run_epoch(self, train: ArrayData, step: Callable[..., Any], run: CallbackList) -> Logs:
        logs: Any = None

        def current_logs() -> Logs:
            return python_logs(self._results() if logs is None else logs)

        variables = self.trainable_variables  # looked up once an epoch, not at every step
        for index, batch in enumerate(train):
            run.call("on_train_batch_begin", index)
            logs = step(batch, variables)
            run.call("on_train_batch_end", index, logs=current_logs)
            if self.stop_training:
                break
        return current_logs()

    def _step(self, name: str, ours: Callable[..., None]) -> Callable[..., Any]:
        """Return a step that returns logs only if it is the user's own; ours are asked when wanted."""
        if getattr(type(self), name) is getattr(Trainer, name):
            return ours
        users = getattr(self, name)

        def step(batch: Batch, variables: list[Any] | None = None) -> Logs:
            x, y, sample_weight = batch
            logs = users((x, y) if sample_weight is None else (x, y, sample_weight))
            if not isinstance(logs, Mapping):
                raise TypeError(
                    f"{type(self).__name__}.{name}(data) must return the logs, a dict from names to numbers; it "
                    f"returned {type(logs).__name__}. End it with: return {{m.name: m.result() for m in self.metrics}}"
                )
            return dict(logs)

        return step

    # -- evaluate and predict ---------------------------------------------------------------------

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics over a data set; no weight and no random stream moves.

        Parameters
        ----------
        x, y : (N, ...)
        batch_size : int, optional
            It changes the speed, not the result.
        return_dict : bool
            Whether to return a dict by name instead of a list (a bare float if there is only the loss).
        """
        self._must_be_compiled("evaluate")
        test = self._test_data(x, y, sample_weight, batch_size)
        self._prepare(test)
        run = self._callback_list(callbacks, inputs.verbosity(verbose), steps=test.n_steps)
        with backend.one_blas_thread(self._largest_product(test.batch_size)):
            logs = self._run_test(test, run)
        return logs if return_dict else self._as_list(logs)

    def _run_test(self, test: ArrayData, run: CallbackList) -> Logs:
        step = self._step("test_step", self._test)
        logs: Any = None

        def current_logs() -> Logs:
            return python_logs(self._results() if logs is None else logs)

        self.stop_evaluating = False
        self.reset_metrics()
        run.call("on_test_begin")
        for index, batch in enumerate(test):
            run.call("on_test_batch_begin", index)
            logs = step(batch)
            run.call("on_test_batch_end", index, logs=current_logs)
            if self.stop_evaluating:
                break
        result = current_logs()
        run.call("on_test_end", logs=result)
        return result

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", callbacks: Any = None
    ) -> np.ndarray:
        """Return the outputs for all samples, (N, ...), as a NumPy array. Needs no `compile`."""
        batches = ArrayData(self._checked_input("x", x), batch_size=batch_size)
        run = self._callback_list(callbacks, inputs.verbosity(verbose), steps=batches.n_steps)
        outputs = []
        self.stop_predicting = False
        with backend.one_blas_thread(self._largest_product(batches.batch_size)):
            run.call("on_predict_begin")
            for index, batch in enumerate(batches):
                run.call("on_predict_batch_begin", index)
                y_pred = backend.to_numpy(self.predict_step(batch[:1]))
                outputs.append(y_pred)
                run.call("on_predict_batch_end", index, logs={"outputs": y_pred})
                if self.stop_predicting:
                    break
            run.call("on_predict_end")
        return np.concatenate(outputs)

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
        train, _ = self._training_data(x, y, sample_weight, class_weight, len(x), False, 0.0, None)
        self._prepare(train)
        self.reset_metrics()
        logs = self._step("train_step", self._update)(next(iter(train))) or self._results()
        return python_logs(logs) if return_dict else self._as_list(logs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return loss and metrics of one batch."""
        self._must_be_compiled("test_on_batch")
        test = self._test_data(x, y, sample_weight, len(x))
        self._prepare(test)
        self.reset_metrics()
        logs = self._step("test_step", self._test)(next(iter(test))) or self._results()
        return python_logs(logs) if return_dict else self._as_list(logs)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Return the outputs for one batch as a NumPy array."""
        return self.predict(x, batch_size=max(1, len(x)), verbose=0)

    # -- between the user and the loop ------------------------------------------------------------

    def _must_be_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f'You must call `compile()` before `{method}()`, such as model.compile(optimizer="adam", loss="mse").'
            )

    def _training_data(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        batch_size: int | None,
        shuffle: bool | str,
        validation_split: float,
        validation_data: Any,
    ) -> tuple[ArrayData, Batch | None]:
        """Return the batches to train on, and what to validate on."""
        x = self._checked_input("x", x)
        y = None if y is None else inputs.as_array("y", y)
        if class_weight is not None and sample_weight is not None:
            raise ValueError(
                "class_weight and sample_weight cannot be given together: multiply them yourself and pass "
                "sample_weight."
            )
        if class_weight is not None and y is None:
            raise ValueError("class_weight needs y, whose classes it weighs; got y=None.")
        if sample_weight is not None:
            sample_weight = inputs.sample_weights("sample_weight", sample_weight)
        inputs.same_length({"x": x, "y": y, "sample_weight": sample_weight})
        held_out = None if validation_data is None else inputs.unpack(validation_data)
        if validation_split and held_out is None:
            (x, y, sample_weight), held_out = inputs.split_tail((x, y, sample_weight), validation_split)
        if class_weight is not None:  # after the split: validation is never weighted by class
            sample_weight = inputs.class_weight_to_sample_weight(y, class_weight)
        for name, array in (("x", x), ("y", y)):
            if array is not None:
                inputs.all_finite(name, array)
        return ArrayData(x, y, sample_weight, batch_size, shuffle), held_out

    def _test_data(
        self, x: Any, y: Any, sample_weight: Any, batch_size: int | None, whose: str | None = None
    ) -> ArrayData:
        """Return the batches to test on; `whose` is the argument of fit that they came in, if one."""
        names = ("x", "y", "sample_weight") if whose is None else (f"{whose}[0]", f"{whose}[1]", f"{whose}[2]")
        x = self._checked_input(names[0], x)
        y = None if y is None else inputs.as_array(names[1], y)
        if sample_weight is not None:
            sample_weight = inputs.sample_weights(names[2], sample_weight)
        for name, array in zip(names, (x, y), strict=False):
            if array is not None:
                inputs.all_finite(name, array)
        return ArrayData(x, y, sample_weight, batch_size, names=names)

    def _checked_input(self, name: str, x: Any) -> Array:
        if x is None:
            raise ValueError(f"{name} expects an array of samples, shape (N, ...); got None.")
        array = inputs.as_array(name, x)
        inputs.same_length({name: array})
        expected = getattr(self, "input_shape", None)
        if expected is not None and len(expected) == 2 and expected[1] == 1 and array.ndim == 1:
            array = array[:, None]  # a column of numbers, as Keras takes it
        if expected is not None and not inputs.fits(array.shape, expected):
            raise ValueError(
                f"{name} expects samples of shape {inputs.shown(expected[1:])}, as the model was built for; got "
                f"{inputs.shown(array.shape[1:])} ({name}.shape is {array.shape}). Reshape the data or change the "
                "model's input shape."
            )
        return array

    def _prepare(self, *sets: ArrayData | None) -> None:
        """Build the model and compare it with all the labels: errors come before the first step."""
        for batches in sets:
            if batches is None:
                continue
            if not self.built and getattr(type(self), "call", None) is not Layer.call:
                self(batches.first_row(), training=False)
            shape = self.output_shape
            if batches.y is None or shape is None or type(self).train_step is not Trainer.train_step:
                continue
            if isinstance(self._loss, losses.Loss):
                self._loss.check_labels(batches.y, shape)
            self._compiled_metrics.check_fit(batches.y[:1], shape)

    def _callback_list(self, callbacks: Any, verbose: int, with_history: bool = False, **params: Any) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            for callback in callbacks.callbacks:
                callback.set_model(self)
            if with_history:
                known = [callback for callback in callbacks.callbacks if isinstance(callback, History)]
                self.history = known[0] if known else History()
                if not known:
                    callbacks.append(self.history)
            return callbacks
        chain = as_callbacks(callbacks)
        if with_history:
            self.history = History()
            chain = [*chain, self.history]
        if verbose and not any(isinstance(callback, ProgbarLogger) for callback in chain):
            chain = [*chain, ProgbarLogger()]
        return CallbackList(chain, model=self, verbose=verbose, **params)

    def _as_list(self, logs: Logs) -> Any:
        """Return logs as Keras does: a bare float, or a list with the loss first, in compile order."""
        names = [name for name in self._results() if name in logs]
        values = [logs[name] for name in [*names, *(n for n in logs if n not in names)]]
        values = [float(v) if np.ndim(v) == 0 else v for v in values]
        return values[0] if len(values) == 1 else values

    def _largest_product(self, batch_size: int) -> float:
        """Return the multiplications and additions in the largest matrix product of a step."""
        matrices = [v.size for v in self.variables if v.ndim > 1]
        return 2.0 * batch_size * max(matrices, default=0)


def _unpack(batch: Any) -> Batch:
    return inputs.unpack(batch, "the batch")
