"""CSVLogger: the logs of every epoch as a line of a file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from .callback import Callback, Logs


class CSVLogger(Callback):
    """Write the logs of every epoch into a CSV file.

    The columns are ``epoch``, counted from 0, and the keys of the first epoch, sorted. If that one
    was not validated there is a column ``val_...`` for each, and ``NA`` stands where nothing was measured.

    Parameters
    ----------
    filename : str or path
    separator : str
    append : bool
        Whether to go on with a file that is there, rather than write over it.
    """

    reads_batch_logs = False

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.sep = separator
        self.filename = os.fspath(filename)
        self.append = append
        self.append_header = True
        self.keys: list[str] | None = None
        self.csv_file: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        path = Path(self.filename)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"CSVLogger(filename={str(path)!r}): the folder does not exist. Make it first.")
        self.append_header = not (self.append and path.exists() and path.stat().st_size)
        self._open("a" if self.append else "w")
        self.keys = None

    def _open(self, mode: str) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115 - until on_train_end

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        writer = csv.writer(self.csv_file, delimiter=self.sep)
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            if self.append_header:
                writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
            self.csv_file = None

    def get_state(self) -> dict[str, Any]:
        written = Path(self.filename).read_text(encoding="utf-8") if Path(self.filename).exists() else ""
        return {"keys": self.keys, "append_header": self.append_header, "written": written}

    def set_state(self, state: dict[str, Any]) -> None:
        self.keys, self.append_header = state["keys"], state["append_header"]
        # Lines of epochs that are to be run again go; those that opening the file took away come back.
        self._open("w")
        self.csv_file.write(state["written"])
        self.csv_file.flush()


def _cell(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
