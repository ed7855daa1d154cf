"""Metrics: signatures, types, results, state, shapes that do not fit. (Their values: test_keras_runs.)"""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from strict_array import FETCHED, DeviceArray, StrictModule
from test_losses import CLASSES as LOSSES
from test_losses import KERAS_SIGNATURES, labels_for, plain_signature

import minifit as keras
from minifit import backend, metrics

SIGNATURES = KERAS_SIGNATURES["metrics"]

UP = "AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation CosineSimilarity F1Score"
UP += " FBetaScore IoU MeanIoU OneHotIoU OneHotMeanIoU PearsonCorrelation Precision PrecisionAtRecall R2Score Recall"
UP += " RecallAtPrecision SensitivityAtSpecificity SparseCategoricalAccuracy SparseTopKCategoricalAccuracy"
UP += " SpecificityAtSensitivity TopKCategoricalAccuracy"
NEITHER = "FalseNegatives FalsePositives Mean MeanMetricWrapper Sum TrueNegatives TruePositives"

ARGUMENTS: dict[str, dict[str, Any]] = {
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": keras.losses.huber, "delta": 0.5},
    "AUC": {"thresholds": [0.25, 0.75], "curve": "PR"},
}
CLASSES = sorted(name for name in SIGNATURES if name[0].isupper() and name != "Metric")
SPARSE = ("SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "SparseCategoricalCrossentropy")


def made(class_name: str, /, **options: Any) -> Any:
    return getattr(metrics, class_name)(**ARGUMENTS.get(class_name, {}), **options)


def batch(name: str, n: int = 5, seed: int = 0) -> tuple[np.ndarray, ...]:
    """A batch that suits the metric."""
    rng = np.random.default_rng(seed)
    labels, y_pred = rng.integers(0, 3, n), rng.random((n, 3)).astype("float32")
    if name in ("Mean", "Sum"):
        return (y_pred,)
    if name in ("IoU", "MeanIoU"):
        return labels, rng.integers(0, 3, n)
    return (labels if name in SPARSE else np.eye(3)[labels]), y_pred


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_is_keras(name: str) -> None:
    assert plain_signature(getattr(metrics, name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", CLASSES)
def test_direction_is_keras(name: str) -> None:
    expected = "up" if name in UP.split() else None if name in (*NEITHER.split(),) else "down"
    if name == "MeanMetricWrapper":
        expected = "down"  # of a loss
    assert getattr(made(name), "_direction", None) == expected


@pytest.mark.parametrize("name", CLASSES)
def test_a_result_can_be_read_in_every_way(name: str) -> None:
    metric = made(name)
    metric.update_state(*batch(name))
    result = metric.result()
    assert result.numpy().dtype == "float32"
    if result.shape == ():
        assert float(result) == result.numpy()
        assert f"{result:.2f}" == f"{float(result):.2f}"
        assert bool(result == float(result))
        assert not result < float(result)
        assert np.sqrt(result * result) == pytest.approx(abs(float(result)))


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_result_has_the_type_asked_for(name: str, dtype: str) -> None:
    metric = made(name, dtype=dtype)
    assert metric.dtype == dtype
    metric.update_state(*batch(name))
    assert metric.result().dtype == ("float32" if "IoU" in name else dtype)  # as in Keras
    with pytest.raises(AttributeError):
        metric.dtype = "float32"


@pytest.mark.parametrize("name", CLASSES)
def test_a_metric_is_plain_data_and_back_a_copy_and_a_pickle(name: str) -> None:
    metric = made(name, name="mine")
    described = json.loads(json.dumps(metrics.serialize(metric)))
    assert described["module"] == "keras.metrics"
    metric.update_state(*batch(name))
    for again in (metrics.deserialize(described), copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert type(again) is type(metric)
        assert again.get_config() == metric.get_config()
        again.reset_state()
        again.update_state(*batch(name))
        np.testing.assert_array_equal(again.result().numpy(), metric.result().numpy())


@pytest.mark.parametrize("name", CLASSES)
def test_reset_forgets_and_the_stateless_functions_change_nothing(name: str) -> None:
    metric = made(name)
    metric.update_state(*batch(name))
    first = metric.result().numpy()
    held = [variable.numpy() for variable in metric.variables]
    after = metric.stateless_update_state(metric.variables, *batch(name, 4, seed=1))
    empty = metric.stateless_reset_state()
    for variable, value in zip(metric.variables, held, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert all(np.all(value.numpy() == 0) for value in empty)
    result = metric.stateless_result(after).numpy()
    metric.update_state(*batch(name, 4, seed=1))
    np.testing.assert_array_equal(metric.result().numpy(), result)
    metric.reset_state()
    metric.update_state(*batch(name))
    np.testing.assert_array_equal(metric.result().numpy(), first)
    with pytest.raises(ValueError, match="must hold one value for each"):
        metric.stateless_result([])


@pytest.mark.parametrize("name", CLASSES)
def test_any_split_into_batches_gives_the_value_over_all(name: str) -> None:
    whole, parts = made(name, dtype="float64"), made(name, dtype="float64")
    data = batch(name, 12)
    whole.update_state(*data)
    for start, stop in ((0, 5), (5, 6), (6, 12)):
        parts.update_state(*(array[start:stop] for array in data))
    np.testing.assert_allclose(parts.result().numpy(), whole.result().numpy(), rtol=1e-12)


def test_long_epochs_lose_no_digits() -> None:
    mean = metrics.Mean()
    mean.total.assign(np.float64(2**24))
    mean.count.assign(np.float64(2**24))
    for _ in range(8):
        mean.update_state(np.ones(1, "float32"))
    assert float(mean.total) == 2**24 + 8  # in float32, 2^24 + 1 is 2^24
    assert isinstance(keras.callbacks.callback.python_logs({"m": mean.result()})["m"], float)


def test_variables_are_found_in_lists_dicts_and_inner_metrics() -> None:
    class Two(metrics.Metric):
        def __init__(self, **others: Any) -> None:
            super().__init__(**others)
            self.seen = self.add_weight(name="seen")
            self.inner = {"mean": metrics.Mean(), "more": [metrics.Sum()]}

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.seen.assign_add(1.0)
            self.inner["mean"].update_state(y_pred)

        def result(self) -> Any:
            return {"seen": self.seen, "mean": self.inner["mean"].result()}

    metric = Two()
    assert [v.name for v in metric.variables] == ["seen", "total", "count", "total"]
    assert float(metric([0.0], [4.0])["mean"]) == 4.0
    metric.reset_state()
    assert all(float(v) == 0 for v in metric.variables)

    class Forgetful(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Forgetful()


def test_names_mean_what_fits_the_shapes_and_are_logged_as_given() -> None:
    n, c = np.zeros((4,)), np.zeros((4, 3))
    assert isinstance(metrics.resolve("acc", n, c), metrics.SparseCategoricalAccuracy)
    assert isinstance(metrics.resolve("ce", c, c), metrics.CategoricalCrossentropy)
    assert metrics.resolve("mse", c, c).name == "mse"
    assert metrics.get("mse").name == "mean_squared_error"
    assert metrics.resolve(keras.losses.huber, c, c).name == "huber"
    assert metrics.get(keras.losses.huber) is keras.losses.huber
    metrics.check("Accuracy", "compile(metrics=...)")
    with pytest.raises(ValueError, match='Did you mean "accuracy"'):
        metrics.check("acuracy", "compile(metrics=...)")


def test_masks_hide_samples_of_metrics_too() -> None:
    y_pred = keras.Tensor(np.array([[1.0], [5.0], [3.0]], "float32"))
    y_pred._keras_mask = np.array([True, False, True])
    metric = metrics.MeanSquaredError()
    assert float(metric(np.zeros((3, 1)), y_pred)) == 5.0
    assert float(metric.count) == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(thresholds=[-1, 0.5, 2]), r"must be in \[0, 1\]. Received: \[-1, 2\]"),
        (lambda: metrics.AUC(num_thresholds=1), "must be an integer > 1"),
        (lambda: metrics.AUC(curve="FOO"), 'Invalid AUC curve value: "FOO"'),
        (lambda: metrics.AUC(num_labels=2), "needed only when `multi_label`"),
        (lambda: metrics.RecallAtPrecision(2.0), r"`precision` must be in the range \[0, 1\]"),
        (lambda: metrics.FBetaScore(beta=1), "Python float"),
        (lambda: metrics.R2Score(class_aggregation="mean"), "Invalid value for argument `class_aggregation`"),
        (lambda: metrics.IoU(2, [2]), "out of range"),
        (lambda: metrics.R2Score().update_state([1.0], [1.0]), "expects 2D inputs"),
        (lambda: metrics.AUC(multi_label=True).update_state([1.0], [1.0]), "must have rank 2"),
        (lambda: metrics.Precision(class_id=0).update_state([1.0], [1.0]), "must be a 2D array"),
        (lambda: metrics.Precision().update_state(np.ones((3, 1)), np.ones((3, 2))), "of one shape"),
        (lambda: metrics.Mean().update_state(np.ones(3), np.ones(2)), "sample_weight of shape"),
        (lambda: metrics.BinaryAccuracy(treshold=0.5), 'Did you mean "threshold"'),
        (lambda: metrics.SparseTopKCategoricalAccuracy().update_state([3], np.ones((1, 3))), "holds the label 3"),
        (lambda: metrics.MeanIoU(2).update_state([0, 1], [1]), "as many labels as predictions"),
    ],
)
def test_what_does_not_fit_is_told(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryAccuracy", "Accuracy", "Precision", "AUC", "R2Score"])
@pytest.mark.parametrize("seed", range(40))
def test_random_shapes_fit_or_raise(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, other = (tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 4))) for _ in range(2))
    if shape == other or shape == (*other, 1) or (*shape, 1) == other:
        return
    with pytest.raises(ValueError, match=r"shape|2D"):
        made(name).update_state(np.zeros(shape), np.zeros(other))


def test_predictions_that_are_not_numbers_count_as_no() -> None:
    auc = metrics.AUC()
    auc.update_state([0.0, 1.0, 1.0], [0.1, np.nan, 0.9])
    assert 0 <= float(auc.result()) <= 1


# --- on a device -----------------------------------------------------------------------------------------------------


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_module", StrictModule())
    monkeypatch.setattr(backend, "_device", "gpu")
    FETCHED.clear()


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CLASSES)
def test_a_batch_is_counted_without_waiting_for_the_device(name: str, weighted: bool) -> None:
    metric, data = made(name), [backend.asarray(array) for array in batch(name)]
    weights = {"sample_weight": backend.asarray(np.ones(5))} if weighted else {}
    metric.update_state(*data, **weights)
    metric.update_state(*data)
    assert not FETCHED
    assert isinstance(metric.result().value, DeviceArray)
    metric.reset_state()


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_stay_on_the_device(name: str) -> None:
    y_true, y_pred = labels_for(name, (5, 3))
    variable = keras.Variable(y_pred)
    with keras.GradientTape() as tape:
        loss = getattr(keras.losses, name)()(backend.asarray(y_true), variable, backend.asarray(np.ones(5)))
    assert isinstance(tape.gradient(loss, variable).value, DeviceArray)
    assert not FETCHED


def test_only_given_thresholds_are_part_of_what_describes_an_auc() -> None:
    assert "thresholds" not in keras.metrics.AUC(num_thresholds=3).get_config()
    assert keras.metrics.AUC(thresholds=[0.5]).get_config()["thresholds"] == [0.5]


def test_variables_are_known_under_the_name_of_their_metric() -> None:
    assert [v.path for v in keras.metrics.Mean(name="loss").variables] == ["loss/total", "loss/count"]
