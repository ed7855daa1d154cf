"""TensorBoard: the logs of a run in files that TensorBoard shows."""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..naming import check_numbers
from ..serialization import serialize_keras_object
from .callback import Callback, Logs
from .event_file import EventFile
from .learning_rate import rate_of


class TensorBoard(Callback):
    """Write losses, metrics and learning rate, and if wanted histograms of the weights, for TensorBoard.

    Look at them with ``tensorboard --logdir logs`` (``pip install tensorboard``); nothing of it is needed here.

    Parameters
    ----------
    log_dir : str or path
        Gets a folder ``train`` and, if there is validation, a folder ``validation``.
    histogram_freq : int
        Every so many epochs write a histogram of each weight; 0 for never.
    write_graph : bool
        Whether to write the architecture of a Sequential or functional model.
    write_images : bool
        Whether to write weights as pictures, too, together with the histograms.
    write_steps_per_second : bool
    update_freq : "epoch", "batch" or int
        Whether to write the logs of batches, too: of every one, or of every so manieth.
    profile_batch : int or (int, int)
        Accepted for compatibility with Keras; there is nothing here that TensorBoard could profile. See
        `minifit.trace` instead.
    embeddings_freq : int
        Every so many epochs save the weights beside the logs, for the projector of embeddings.
    embeddings_metadata : str or dict, optional
        File with the labels of the embeddings, or name of a layer to file.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        if update_freq not in ("epoch", "batch") and (isinstance(update_freq, str) or int(update_freq) < 1):
            raise ValueError(
                f'TensorBoard(update_freq=...) expects "epoch", "batch" or a number of batches; got {update_freq!r}.'
            )
        check_numbers(self, 0, whole=True, histogram_freq=histogram_freq, embeddings_freq=embeddings_freq)
        if profile_batch:
            warnings.warn("TensorBoard(profile_batch=...) has no effect: see minifit.trace instead.", stacklevel=2)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph, self.write_images = histogram_freq, write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self.reads_batch_logs = self.update_freq != "epoch"
        self._files: dict[str, EventFile] = {}
        self._global_train_batch = self._previous_epoch_iterations = 0
        self._batch_began = self._epoch_began = 0.0

    def _file(self, kind: str) -> EventFile:
        if kind not in self._files:  # a folder without events would show up as an empty run
            self._files[kind] = EventFile(Path(self.log_dir) / kind)
        return self._files[kind]

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._close()
        if self.write_graph and type(model).__name__ in ("Functional", "Sequential"):
            try:
                architecture = json.dumps(serialize_keras_object(model))
            except (TypeError, ValueError) as error:
                warnings.warn(f"TensorBoard cannot show the architecture: {error}", stacklevel=2)
            else:
                self._file("train").words("keras", architecture, "graph_keras_model", step=0)
        if self.embeddings_freq:
            self._configure_projector()

    def _configure_projector(self) -> None:
        metadata = self.embeddings_metadata
        names = [layer.name for layer in self.model.layers if type(layer).__name__ == "Embedding"]
        if isinstance(metadata, dict) and not set(metadata) <= set(names):
            unknown = sorted(set(metadata) - set(names))
            raise ValueError(f"Unrecognized `Embedding` layer names in embeddings_metadata: {', '.join(unknown)}.")
        entries = []
        for name in names:
            file = metadata.get(name) if isinstance(metadata, dict) else metadata
            lines = ['  tensor_name: "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE"\n']
            lines += [f'  metadata_path: "{file}"\n'] if file else []
            entries.append("embeddings {\n" + "".join(lines) + "}\n")
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        (Path(self.log_dir) / "projector_config.pbtxt").write_text("".join(entries), encoding="utf-8")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._global_train_batch = self._previous_epoch_iterations = 0

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.write_steps_per_second:
            self._previous_epoch_iterations = int(self.model.optimizer.iterations)
            self._epoch_began = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._global_train_batch += 1
        self._batch_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        step = self._global_train_batch
        if self.update_freq == "epoch" or step % int(self.update_freq):
            return
        file = self._file("train")
        if self.write_steps_per_second:
            file.scalar("batch_steps_per_second", 1 / (time.perf_counter() - self._batch_began), step)
        for name, value in (logs or {}).items():
            file.scalar(f"batch_{name}", value, step)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if hasattr(self.model.optimizer, "iterations"):
            for name, value in (logs or {}).items():
                step = int(self.model.optimizer.iterations)
                self._file("validation").scalar(f"evaluation_{name}_vs_iterations", value, step)
            self._flush()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        shown = dict(logs or {})
        if shown and hasattr(optimizer, "learning_rate"):
            shown["learning_rate"] = rate_of(optimizer)
        if shown and self.write_steps_per_second:
            steps = int(optimizer.iterations) - self._previous_epoch_iterations
            shown["steps_per_second"] = steps / (time.perf_counter() - self._epoch_began)
        for name, value in shown.items():
            kind = "validation" if name.startswith("val_") else "train"
            if np.ndim(value) == 0:
                self._file(kind).scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self.model.save_weights(Path(self.log_dir) / "train" / f"keras_embedding.ckpt-{epoch}.weights.h5")
        self._flush()

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                name = weight.path.replace(":", "_")
                file.histogram(f"{name}/histogram", weight.numpy(), epoch)
                picture = _as_picture(weight.numpy()) if self.write_images else None
                if picture is not None:
                    file.image(f"{name}/image", picture, epoch)


def _as_picture(weight: np.ndarray) -> np.ndarray | None:
    """Return a weight as a picture, if it has few enough axes for one: the kernels of a convolution side by side."""
    weight = weight.squeeze()
    if not 1 <= weight.ndim <= 3:
        return None
    if weight.ndim == 3:
        weight = weight.transpose(2, 0, 1).reshape(-1, weight.shape[1])
    weight = np.atleast_2d(weight)
    spread = np.ptp(weight)
    return (weight - weight.min()) / (spread or 1)
