"""Callbacks: what the recorded runs of ``keras_runs`` cannot show: files, messages, errors, and records of events."""

import csv
import json
import logging
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit.callbacks.event_file import EventFile, crc32c

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)), RNG.normal(size=(24, 1))


def compiled(optimizer: Any = "sgd", **arguments: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", **arguments)
    return model


def fit(callbacks: Any, model: Any = None, **arguments: Any) -> Any:
    given = {"epochs": 2, "batch_size": 8, "verbose": 0, "shuffle": False, **arguments}
    return (model or compiled()).fit(X, Y, callbacks=callbacks, **given)


def script(**values: list[float]) -> Any:
    """A callback that writes values into the logs of each epoch."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update({name: series[epoch] for name, series in values.items()})
    )


# --- lists of callbacks ----------------------------------------------------------------------------------------------


def test_a_callback_list_is_used_as_in_a_loop_of_ones_own() -> None:
    seen: list[Any] = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, logs)))
    model = compiled()
    run = keras.callbacks.CallbackList(
        [note], add_history=True, add_progbar=True, model=model, epochs=1, verbose=0, steps=1
    )
    assert [type(c).__name__ for c in run.callbacks] == ["LambdaCallback", "History", "ProgbarLogger"]
    assert model.history is run.history
    run.on_train_begin()
    run.on_epoch_end(3, {"b": np.float32(2), "a": {"c": 1}})
    assert seen == [(3, {"b": 2.0, "c": 1.0})]
    with pytest.raises(AttributeError, match="on_epoch_ende"):
        run.on_epoch_ende(1)


def test_callbacks_may_be_nested_and_need_not_call_the_base_class() -> None:
    class Bare(keras.callbacks.Callback):
        def __init__(self) -> None:
            self.epochs = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs += self.model is not None

    bare = [Bare(), Bare()]
    fit([[bare[0]], (bare[1],)])
    assert [callback.epochs for callback in bare] == [2, 2]


def test_those_that_come_last_do_so_also_after_an_error() -> None:
    order: list[str] = []

    class Last(keras.callbacks.Callback):
        comes_last = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            order.append("last")

    def fail(epoch: int, logs: Any) -> None:
        order.append("first")
        raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        fit([Last(), keras.callbacks.LambdaCallback(on_epoch_end=fail)])
    assert order == ["first", "last"]


def test_state_of_a_callback_leaves_settings_out_and_keeps_lists_the_same_objects() -> None:
    stop = keras.callbacks.EarlyStopping(patience=5)
    assert set(stop.get_state()) == {"wait", "stopped_epoch", "best", "best_epoch", "best_weights", "monitor_op"}
    history = keras.callbacks.History()
    epochs = history.epoch
    history.set_state({"epoch": [0, 1], "history": {"loss": [2.0, 1.0]}})
    assert history.epoch is epochs
    assert epochs == [0, 1]


# --- learning rates --------------------------------------------------------------------------------------------------


def test_a_schedule_of_epochs_may_ignore_the_present_rate_and_must_return_a_float() -> None:
    history = fit([keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))])
    assert history.history["learning_rate"] == [0.5, 0.25]
    with pytest.raises(ValueError, match=r"should be a float; got 1"):
        fit([keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1)])


def test_a_plateau_reduces_the_rate_waits_and_stops_at_the_smallest() -> None:
    reduce = keras.callbacks.ReduceLROnPlateau("score", factor=0.1, patience=1, cooldown=2, min_lr=1e-3, mode="min")
    history = fit([script(score=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), reduce], compiled(keras.optimizers.SGD(0.1)), epochs=6)
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3], rtol=1e-6)
    with pytest.raises(ValueError, match=r"factor >= 1\.0"):
        keras.callbacks.ReduceLROnPlateau(factor=1.0)


@pytest.mark.parametrize("kind", ["LearningRateScheduler", "ReduceLROnPlateau"])
def test_messages_are_printed_or_logged(
    kind: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = {
        "LearningRateScheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.5, verbose=1),
        "ReduceLROnPlateau": lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=99, verbose=1),
    }[kind]
    fit([made()])
    assert kind in capsys.readouterr().out
    keras.config.disable_interactive_logging()
    try:
        with caplog.at_level(logging.INFO, "minifit"):
            fit([made()])
    finally:
        keras.config.enable_interactive_logging()
    assert kind in caplog.text
    assert capsys.readouterr().out == ""


def test_the_direction_of_a_metric_is_asked_of_it_and_an_unknown_name_is_an_error() -> None:
    model = compiled(metrics=[keras.metrics.BinaryAccuracy(name="score"), keras.metrics.MeanAbsoluteError(name="off")])
    for name, direction in (("val_score", "greater"), ("off", "less"), ("loss", "less")):
        watch = keras.callbacks.EarlyStopping(name)
        fit([watch], model, validation_split=0.25)
        assert watch.monitor_op is getattr(keras.ops, direction)
    with pytest.raises(ValueError, match=r"monitor='profit'.*mode=\"max\" or mode=\"min\""):
        fit([script(profit=[1.0, 2.0]), keras.callbacks.EarlyStopping("profit")], model)


# --- files of logs ---------------------------------------------------------------------------------------------------


def rows(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_logs_go_into_a_csv_file_and_on_with_it(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = fit([keras.callbacks.CSVLogger(path)], validation_split=0.25, validation_freq=2, epochs=3)
    loss, val = history.history["loss"], history.history["val_loss"]
    lines = [["0", str(loss[0]), "NA"], ["1", str(loss[1]), str(val[0])], ["2", str(loss[2]), "NA"]]
    assert rows(path) == [["epoch", "loss", "val_loss"], *lines]
    fit([keras.callbacks.CSVLogger(path, append=True)], epochs=1)
    assert len(rows(path)) == 5
    fit([keras.callbacks.CSVLogger(path, separator=";")], epochs=1)
    assert path.read_text().startswith("epoch;loss;val_loss")


def test_a_list_of_values_is_one_cell(tmp_path: Path) -> None:
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    fit([script(per_class=[[0.5, 1.0]] * 2), logger])
    assert rows(tmp_path / "log.csv")[1][2] == '"[0.5, 1.0]"'


# --- NaN -------------------------------------------------------------------------------------------------------------


def test_a_run_whose_loss_is_no_number_stops_or_raises() -> None:
    class Infinite(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return y_pred[:, 0] * np.inf

    ended: list[str] = []
    end = keras.callbacks.LambdaCallback(on_train_end=lambda logs: ended.append("end"))
    model = compiled()
    model.compile("sgd", Infinite())
    with np.errstate(all="ignore"):
        history = fit([keras.callbacks.TerminateOnNaN(), end], model, epochs=5)
        assert len(history.epoch) == 1
        assert ended == ["end"]
        with pytest.raises(RuntimeError, match="NaN or Inf loss"):
            fit([keras.callbacks.TerminateOnNaN(raise_error=True), end], model)
    assert ended == ["end"]


# --- averaged weights ------------------------------------------------------------------------------------------------


def test_evaluation_sees_the_averages_and_training_goes_on_without_them() -> None:
    plain, swapped = (compiled(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)) for _ in range(2))
    swapped.set_weights(plain.get_weights())
    one = fit([], plain, validation_data=(X, Y))
    two = fit([keras.callbacks.SwapEMAWeights()], swapped, validation_data=(X, Y))
    assert one.history["loss"] == two.history["loss"]
    assert one.history["val_loss"] != two.history["val_loss"]
    assert two.history["val_loss"][-1] == pytest.approx(swapped.evaluate(X, Y, verbose=0))


def test_checkpoints_hold_the_averages_if_swapped_at_epochs(tmp_path: Path) -> None:
    model = compiled(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5))
    callbacks = [
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.npz", save_weights_only=True),
    ]
    fit(callbacks, model, validation_data=(X, Y))
    after = model.get_weights()
    model.load_weights(tmp_path / "2.npz")
    for one, other in zip(after, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_without_averages_there_is_nothing_to_swap() -> None:
    with pytest.raises(ValueError, match="use_ema=True"):
        fit([keras.callbacks.SwapEMAWeights()], validation_data=(X, Y))


# --- progress --------------------------------------------------------------------------------------------------------


def test_a_bar_says_steps_and_means_of_values(capsys: pytest.CaptureFixture[str]) -> None:
    bar = keras.utils.Progbar(4, stateful_metrics=["rate"], interval=0.0)
    bar.update(1, [("loss", 4.0), ("rate", 0.5)])
    bar.add(1, [("loss", 2.0), ("rate", 0.25)])
    said = capsys.readouterr().out.splitlines()[-1]
    assert "2/4" in said
    assert "loss: 3.0000" in said
    assert "rate: 0.2500" in said
    bar.update(4, [("loss", 1.0)])
    assert "loss: 1.0000" in capsys.readouterr().out  # the end says the last value: fit gives the epoch's
    with pytest.raises(ValueError, match="Only one of"):
        keras.utils.Progbar(4, stateful_metrics=[], stateless_metrics=[])


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    fit([])
    keras.utils.Progbar(2, verbose=0).update(2, [("loss", 1.0)])
    assert capsys.readouterr().out == ""


# --- TensorBoard: the records, read by a reader that knows nothing of the writer -------------------------------------


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protocol buffer."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = struct.unpack("<d" if kind == 1 else "<f", data[at : at + size])[0], at + size
        else:
            assert kind == 2
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        yield key >> 3, value


def masked(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:  # bit by bit, without a table
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events(folder: Path) -> list[tuple[str, int, dict[int, Any]]]:
    """Tag, step and value of every summary in the event files of a folder."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at, records = path.read_bytes(), 0, []
        while at < len(data):
            (length,), (check,) = struct.unpack_from("<Q", data, at), struct.unpack_from("<I", data, at + 8)
            assert check == masked(data[at : at + 8])
            record = data[at + 12 : at + 12 + length]
            assert struct.unpack_from("<I", data, at + 12 + length) == (masked(record),)
            records.append(dict(fields(record)))
            at += 16 + length
        assert records[0][3] == b"brain.Event:2"
        for record in records[1:]:
            value = dict(fields(dict(fields(record[5]))[1]))
            found.append((value.pop(1).decode(), record.get(2, 0), value))
    return found


def test_checksums_are_those_of_the_standard() -> None:
    assert crc32c(b"") == 0
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_tensorboard_gets_epochs_batches_and_evaluations(tmp_path: Path) -> None:
    board = keras.callbacks.TensorBoard(tmp_path, update_freq=2, write_steps_per_second=True)
    history = fit([board], validation_split=0.25, epochs=2)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    scalars = {(tag, step): value[2] for tag, step, value in train if 2 in value}
    for epoch, loss in enumerate(history.history["loss"]):
        assert scalars["epoch_loss", epoch] == pytest.approx(loss)
    assert {tag for tag, _, _ in train} == {
        *(
            "keras",
            "batch_loss",
            "batch_steps_per_second",
            "epoch_loss",
            "epoch_learning_rate",
            "epoch_steps_per_second",
        )
    }
    assert [(tag, step) for tag, step, _ in validation] == [
        *(
            ("evaluation_loss_vs_iterations", 3),
            ("epoch_loss", 0),
            ("evaluation_loss_vs_iterations", 6),
            ("epoch_loss", 1),
        )
    ]
    assert [step for tag, step, _ in train if tag == "batch_loss"] == [2, 4, 6]
    text = next(value for tag, _, value in train if tag == "keras")
    architecture = json.loads(dict(fields(text[8]))[8])
    assert architecture["class_name"] == "Sequential"


def test_tensorboard_gets_histograms_and_pictures_of_weights(tmp_path: Path) -> None:
    model = compiled()
    fit([keras.callbacks.TensorBoard(tmp_path, histogram_freq=2, write_images=True)], model, epochs=3)
    found = [(tag, step, value) for tag, step, value in events(tmp_path / "train") if {4, 5} & set(value)]
    assert sorted({step for _, step, _ in found}) == [0, 2]
    kernel = dict(fields(found[-3][2][5]))
    weights = model.layers[-1].get_weights()[0]
    assert (kernel[1], kernel[2], kernel[3]) == (weights.min(), weights.max(), weights.size)
    assert np.frombuffer(kernel[7]).sum() == weights.size
    picture = dict(fields(found[-2][2][4]))
    assert picture[4].startswith(b"\x89PNG")
    assert (picture[1], picture[2]) == (1, 3)  # height and width


def test_tensorboard_makes_no_empty_folders_and_says_what_it_does_not_take(tmp_path: Path) -> None:
    fit([keras.callbacks.TensorBoard(tmp_path, write_graph=False)])
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    with pytest.raises(ValueError, match="update_freq"):
        keras.callbacks.TensorBoard(tmp_path, update_freq="epochs")
    with pytest.warns(UserWarning, match="profile_batch"):
        keras.callbacks.TensorBoard(tmp_path, profile_batch=2)


def test_values_that_are_no_numbers_are_left_out_of_a_histogram(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file.histogram("h", np.array([1.0, np.nan, np.inf]), 0)
    file.histogram("nothing", np.array([np.nan]), 0)
    file.close()
    ((tag, _, value),) = events(tmp_path)
    assert tag == "h"
    assert dict(fields(value[5]))[3] == 1.0


# --- checkpoints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npz", "safetensors", "weights.h5"])
def test_checkpoints_in_every_container(tmp_path: Path, ending: str) -> None:
    if ending.endswith("h5"):
        pytest.importorskip("h5py")
    model = compiled()
    fit([keras.callbacks.ModelCheckpoint(tmp_path / f"{{epoch}}.{ending}", save_weights_only=True)], model)
    after = model.get_weights()
    other = compiled()
    other.load_weights(tmp_path / f"2.{ending}")
    np.testing.assert_array_equal(other.get_weights()[0], after[0])


def test_a_checkpoint_of_a_value_with_axes_warns_and_saves(tmp_path: Path) -> None:
    keep = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.npz", "per_class", save_best_only=True, save_weights_only=True, mode="max"
    )
    with pytest.warns(UserWarning, match="no single number"):
        fit([script(per_class=[[0.5, 1.0]] * 2), keep])
    assert (tmp_path / "best.npz").exists()


def test_a_checkpoint_says_what_it_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "best.npz"
    keep = keras.callbacks.ModelCheckpoint(path, "score", 1, save_best_only=True, save_weights_only=True, mode="max")
    fit([script(score=[1.0, 0.5]), keep])
    said = capsys.readouterr().out
    assert f"Epoch 1: score improved from None to 1.00000, saving model to {path}" in said
    assert f"Epoch 1: finished saving model to {path}" in said
    assert "Epoch 2: score did not improve from 1.00000" in said


def test_history_is_whole_when_a_callback_ends_the_run_with_an_error() -> None:
    class Boom(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("enough")

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[Boom()])
    assert model.history is not None
    assert model.history.epoch == [0]
    assert len(model.history.history["loss"]) == 1


def test_a_line_an_epoch_is_keras_line(capsys: pytest.CaptureFixture[str]) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=2)
    assert re.fullmatch(r"1/1 - \d+s - \d+(s|ms|us)/step - loss: 1\.0000\n", capsys.readouterr().out)
