"""Where in minifit the names of Keras' modules are, where that is not simply the module of the same name."""

from __future__ import annotations

import contextlib
import importlib
import os
import types
from typing import Any

from . import adapters, checks

#: Modules of minifit in which to look first, by the longest fitting prefix of Keras' module.
PLACES = {
    "backend": ["backend", "config", "ops", "tape", "variables", "tree", "naming"],
    "backend.numpy": ["ops"],
    "backend.random": ["random"],
    **{f"backend.{name}": ["ops"] for name in ("nn", "math", "linalg", "core")},
    "backend.common": ["backend", "config", "ops", "tape", "variables", "naming"],
    "backend.common.global_state": ["naming"],
    "backend.config": ["config", "backend"],
    "callbacks": ["callbacks"],
    "dtype_policies": ["dtype_policies"],
    "config": ["config"],
    "legacy.saving": ["saving", "files"],
    "models.model": ["model", "models"],
    "models.sequential": ["model", "models"],
    "models.functional": ["functional", "models"],
    "models": ["models", "model"],
    "ops": ["ops"],
    "ops.random": ["random"],
    "random": ["random"],
    "saving": ["saving", "files", "serialization", "models"],
    "trainers.data_adapters": ["data", "inputs"],
    "trainers": ["trainer", "compiled", "data", "inputs"],
    "tree": ["tree"],
    "utils": ["utils"],
    "utils.naming": ["naming", "utils"],
    "utils.tracking": ["layers.owner"],
    "utils.traceback_utils": ["utils"],
    "utils.numerical_utils": ["utils"],
}

#: Names that minifit calls something else, or keeps elsewhere: Keras' dotted name to minifit's.
RENAMED = {
    "Variable": "variables.Variable",
    "backend.Variable": "variables.Variable",
    "backend.numpy.trainer.NumpyTrainer": "trainer.Trainer",
    "losses.loss.squeeze_or_expand_to_same_rank": "losses.loss.align_ranks",
    "saving.object_registration.GLOBAL_CUSTOM_NAMES": "serialization._registered_names",
    "saving.object_registration.GLOBAL_CUSTOM_OBJECTS": "serialization._registered",
    "trainers.data_adapters.get_data_adapter": "data.source_of",
    "trainers.trainer.Trainer": "trainer.Trainer",
    "utils.naming.auto_name": "naming.auto_name",
    "utils.naming.to_snake_case": "naming.snake_case",
    "utils.PyDataset": "data.PyDataset",
}


class _Here:
    """What the file now running is told about the engine."""

    backend = "numpy"


#: Files in which the tests do more that concerns minifit under the name of another backend.
BACKENDS = {"dataset_utils_test.py": "torch"}

#: Files that hang masks on what they make, which minifit's Tensors carry and NumPy's arrays do not.
WITH_MASKS = ("loss_test.py", "layer_test.py")


def now_running(file: str) -> None:
    """Take note of the test file whose tests come next."""
    _Here.backend = BACKENDS.get(file, "numpy")


def as_tensors(ops: Any) -> Any:
    """Return a module like `ops` whose creating functions return Tensors."""
    tensor = checks.minifit("tape").Tensor

    class Ops:
        def __getattr__(self, name: str) -> Any:
            value = getattr(ops, name)
            if name not in ("convert_to_tensor", "ones", "zeros", "array"):
                return self.__class__.of(value) if name == "numpy" else value
            return lambda *args, **kwargs: tensor(value(*args, **kwargs))

        of = staticmethod(as_tensors)

    return Ops()


def _set_keras_mask(x: Any, mask: Any) -> None:
    x._keras_mask = mask


@contextlib.contextmanager
def _safe_mode(safe_mode: bool | None = True) -> Any:
    here = checks.minifit("serialization")._here
    before, here.safe = here.safe, safe_mode
    try:
        yield
    finally:
        here.safe = before


@contextlib.contextmanager
def _nothing_to_do(*args: Any, **kwargs: Any) -> Any:
    yield


#: What the tests ask of Keras' machinery, said for minifit: an engine like the NumPy backend, but one that trains.
SAID = {
    "backend.backend": lambda: _Here.backend,
    "backend.config.backend": lambda: _Here.backend,
    "backend.random_seed_dtype": lambda: "uint32",
    "backend.set_keras_mask": _set_keras_mask,
    "backend.get_keras_mask": lambda x: getattr(x, "_keras_mask", None),
    "backend.SUPPORTS_SPARSE_TENSORS": False,
    "backend.SUPPORTS_RAGGED_TENSORS": False,
    "backend.SUPPORTS_COMPLEX_DTYPES": False,
    "backend.device": _nothing_to_do,
    "backend.common.symbolic_scope.in_symbolic_scope": lambda: False,
    "metrics.metrics_utils.AUCCurve": types.SimpleNamespace(ROC="ROC", PR="PR", PRGAIN="PRGAIN"),
    "metrics.metrics_utils.AUCSummationMethod": types.SimpleNamespace(
        INTERPOLATION="interpolation", MAJORING="majoring", MINORING="minoring"
    ),
    "legacy.saving.legacy_h5_format.save_model_to_hdf5": lambda model, path, **kwargs: model.save(path, **kwargs),
    "saving.serialization_lib.SafeModeScope": _safe_mode,
    "saving.saving_lib.save_weights_only": lambda model, path, *args, **kwargs: model.save_weights(path, **kwargs),
    "saving.saving_lib.load_weights_only": lambda model, path, *args, **kwargs: model.load_weights(path, **kwargs),
    "utils.summary_utils.print_summary": lambda model, *args, **kwargs: model.summary(*args, **kwargs),
    "utils.file_utils.join": os.path.join,
    "utils.file_utils.exists": os.path.exists,
    "utils.file_utils.File": open,
    "saving.saving_lib._CONFIG_FILENAME": "config.json",
    "saving.saving_lib._METADATA_FILENAME": "metadata.json",
    "saving.saving_lib._MEMORY_UPPER_BOUND": 0.5,
    "version.__version__": "3.15.1",
}


def special(path: str) -> Any:
    """Return what is listed for a dotted name, or None."""
    if path.startswith("testing"):
        return checks.testing(path)
    if path.startswith("trainers.") and path.endswith("Adapter"):
        return adapters.adapter(path.rpartition(".")[2])
    if path in SAID:
        return SAID[path]
    if path in RENAMED:
        module, _, name = RENAMED[path].rpartition(".")
        with contextlib.suppress(ImportError):
            return getattr(importlib.import_module(f"minifit.{module}"), name, None)
    return None


def listed(parts: list[str]) -> list[types.ModuleType]:
    """Return the modules of minifit listed for a module of Keras."""
    for n in range(len(parts), 0, -1):
        places = PLACES.get(".".join(parts[:n]))
        if places is not None:
            found = []
            for place in places:
                with contextlib.suppress(ModuleNotFoundError):
                    found.append(importlib.import_module(f"minifit.{place}"))
            return found
    return []
