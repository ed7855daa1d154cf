"""A run that is interrupted, wherever, and started again ends with the bits of one that was not."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kill_many import CASES, kill_many, train

import minifit as keras
from minifit.callbacks.callback import HOOKS

pytestmark = pytest.mark.filterwarnings("ignore:.*ran out of data")


class Killed(BaseException):
    """What nothing catches."""


def killer(after: int) -> Any:
    """A callback that dies at the hook of this number; without one, it counts them."""
    counted = [0]

    def hook(self: Any, *arguments: Any, **named: Any) -> None:
        counted[0] += 1
        if counted[0] == after:
            raise Killed

    callback = type("Killer", (keras.callbacks.Callback,), dict.fromkeys(HOOKS, hook))()
    callback.counted = counted
    callback.get_state = dict
    return callback


def run(folder: Path, case: str, after: int = -1) -> str:
    folder.mkdir(exist_ok=True)
    return json.dumps(train(folder, **CASES[case], extra=(killer(after),)))


@pytest.mark.parametrize("case", CASES)
def test_interrupted_at_any_hook_it_ends_the_same(tmp_path: Path, case: str) -> None:
    expected = run(tmp_path / "whole", case)
    counter = killer(-1)
    train(tmp_path / "whole", **CASES[case], extra=(counter,))
    last = counter.counted[0]
    for moment in (1, last // 4, last // 2, 3 * last // 4, last - 1, last):  # tests/kill_many.py tries many more
        folder = tmp_path / str(moment)
        with pytest.raises(Killed):
            run(folder, case, moment)
        assert run(folder, case) == expected, f"interrupted at hook {moment} of {last}"
        assert not (folder / "backup").exists()
        shutil.rmtree(folder)


def test_interrupted_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    expected = run(tmp_path / "whole", "every 3 batches")
    for _ in range(40):
        try:
            ended = run(tmp_path / "killed", "every 3 batches", after=23)
            break
        except Killed:
            continue
    assert ended == expected


@pytest.mark.parametrize("nth", [1, 2, 3, 6])
def test_interrupted_while_a_backup_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    expected = run(tmp_path / "whole", "every 3 batches")
    replace, counted = os.replace, [0]

    def killed(source: Any, target: Any) -> None:
        counted[0] += 1
        if counted[0] == nth:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            run(tmp_path / "killed", "every 3 batches")
    assert run(tmp_path / "killed", "every 3 batches") == expected


def test_processes_killed_by_the_system_end_the_same() -> None:
    assert kill_many(3, seed=1, tell=lambda line: None) == 0


# --- BackupAndRestore by itself --------------------------------------------------------------------------------------

X, Y = np.random.default_rng(1).normal(size=(20, 3)), np.ones(20)


def built() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def interrupted(folder: Path, **arguments: Any) -> Any:
    """Train for two epochs of four, then fail in a callback after the backup."""

    def fail(epoch: int, logs: Any) -> None:
        if epoch == 1:
            raise RuntimeError("in a callback")

    callbacks = [
        keras.callbacks.BackupAndRestore(folder, **arguments),
        keras.callbacks.LambdaCallback(on_epoch_end=fail),
    ]
    model = built()
    with pytest.raises(RuntimeError, match="in a callback"):
        model.fit(X, Y, batch_size=5, epochs=4, verbose=0, callbacks=callbacks)
    return model


def resume(folder: Path, model: Any = None, **arguments: Any) -> Any:
    backup = keras.callbacks.BackupAndRestore(folder, **arguments)
    return (model or built()).fit(X, Y, batch_size=5, epochs=4, verbose=0, callbacks=[backup])


def test_history_holds_the_epochs_before_and_after(tmp_path: Path) -> None:
    interrupted(tmp_path / "b")
    history = resume(tmp_path / "b")
    assert history.epoch[-2:] == [2, 3]
    assert len(history.history["loss"]) == len(history.epoch)


def test_an_error_in_another_callback_is_still_backed_up(tmp_path: Path) -> None:
    interrupted(tmp_path / "b")
    assert json.loads((tmp_path / "b" / "training_metadata.json").read_text())["epoch"] == 2


def test_the_backup_is_kept_if_wanted_and_then_nothing_is_left_to_train(tmp_path: Path) -> None:
    resume(tmp_path / "b", delete_checkpoint=False)
    model = built()
    history = resume(tmp_path / "b", model, delete_checkpoint=False)
    assert history.epoch == [0, 1, 2, 3]
    assert int(model.optimizer.iterations) == 16


def test_the_last_backup_but_one_serves_if_the_last_is_broken(tmp_path: Path) -> None:
    interrupted(tmp_path / "b", double_checkpoint=True)
    (tmp_path / "b" / "latest.npz").write_bytes(b"0")
    assert resume(tmp_path / "b", double_checkpoint=True).epoch[-3:] == [1, 2, 3]


def test_a_broken_backup_is_said_and_nothing_is_set(tmp_path: Path) -> None:
    interrupted(tmp_path / "b")
    (tmp_path / "b" / "latest.npz").write_bytes(b"0")
    model = built()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"latest\.npz cannot be read"):
        resume(tmp_path / "b", model)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_a_backup_of_another_model_is_refused(tmp_path: Path) -> None:
    interrupted(tmp_path / "b")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="another model"):
        resume(tmp_path / "b", model)


def test_it_needs_a_built_model_and_a_folder() -> None:
    backup = keras.callbacks.BackupAndRestore("somewhere")
    backup.set_model(keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="built"):
        backup.on_train_begin()
    with pytest.raises(ValueError, match="Empty"):
        keras.callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq"):
        keras.callbacks.BackupAndRestore("somewhere", save_freq="batch")


def test_a_step_of_ones_own_logs_what_it_did_when_its_last_batch_was_backed_up(tmp_path: Path) -> None:
    class Counts(keras.Sequential):
        def train_step(self, data: Any) -> dict[str, Any]:
            super().train_step(data)
            return {"steps": float(self.optimizer.iterations)}

    def run(*callbacks: Any) -> Any:
        model = Counts([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        backup = keras.callbacks.BackupAndRestore(tmp_path / "b", save_freq=4)
        return model.fit(X, Y, batch_size=5, epochs=2, verbose=0, callbacks=[backup, *callbacks]).history

    def die(epoch: int, logs: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        run(keras.callbacks.LambdaCallback(on_epoch_end=die))
    assert run() == {"steps": [4.0, 8.0]}


def test_without_interruption_nothing_changes(tmp_path: Path) -> None:
    make: list[Callable[[], list[Any]]] = [
        list,
        lambda: [keras.callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)],
    ]
    plain, backed = (built().fit(X, Y, epochs=3, verbose=0, callbacks=callbacks()).history for callbacks in make)
    assert plain == backed
    assert list(tmp_path.iterdir()) == []
