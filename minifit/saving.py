"""Weights and models in files: written to a temporary name and renamed, read without running code.

A file is a flat table of arrays, each under a path such as ``layers/dense/vars/0``, plus one text
in JSON. Both containers, NumPy's ``.npz`` and HDF5, can hold just that. The paths are Keras', so
that ``.weights.h5`` files are exchanged with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import activations, losses, metrics, optimizers
from . import layers as layers_module
from .naming import look_up, snake_case

_JSON = "config.json"
_H5_ENDINGS = (".h5", ".hdf5")
_NPZ_ENDINGS = (".npz", ".keras")


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed to it if the block ends well.

    Whoever reads `path` finds the old file or the new one, never half of one, even if the process
    is killed.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist. Make it first.")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # as any new file; mkstemp keeps its own to the user alone
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], text: str = "") -> None:
    """Write a table of arrays and a text; the ending of `path` chooses the container."""
    with written_whole(path) as temporary:
        if _container(path) == "h5":
            with _h5py().File(temporary, "w") as file:
                for name, array in arrays.items():
                    file.create_dataset(name, data=array)
                if text:
                    file.attrs[_JSON] = text
        else:
            table: dict[str, Any] = {**arrays, **({_JSON: np.array(text)} if text else {})}
            with open(temporary, "wb") as file:
                np.savez(file, **table)


def read_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], str]:
    """Return the table of arrays and the text of a file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        if _container(path) == "h5":
            with _h5py().File(path, "r") as file:
                arrays: dict[str, np.ndarray] = {}
                file.visititems(lambda name, item: _collect(arrays, name, item))
                return arrays, str(file.attrs.get(_JSON, ""))
        with np.load(path, allow_pickle=False) as table:
            if "model.weights.h5" in table.files:
                raise ValueError("it was saved by Keras. Save its weights there as .weights.h5, and load those")
            arrays = {name: table[name] for name in table.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as saved weights: {error}") from None
    text = str(arrays.pop(_JSON, ""))
    return arrays, text


def _collect(arrays: dict[str, np.ndarray], name: str, item: Any) -> None:
    if hasattr(item, "shape"):
        arrays[name] = item[()]


def _container(path: str | os.PathLike[str]) -> str:
    name = str(path)
    if name.endswith(_H5_ENDINGS):
        return "h5"
    if name.endswith(_NPZ_ENDINGS):
        return "npz"
    raise ValueError(
        f"The file name {name!r} must end in .weights.h5 or .npz for weights, in .keras, .h5 or .npz for models."
    )


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError(
            'Files that end in .h5 need h5py: pip install h5py (it comes with "minifit[course]"). '
            "Or choose a name that ends in .npz."
        ) from None
    return h5py


# --------------------------------------------------------------------------- weights


def weights_by_path(model: Any) -> dict[str, Any]:
    """Return a model's variables under the paths that Keras gives them in files.

    A layer is called after its class and counted within the model, whatever its own name.
    """
    paths: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        name = f"{kind}_{counts[kind]}" if counts.get(kind) else kind
        counts[kind] = counts.get(kind, 0) + 1
        for i, variable in enumerate(layer.variables):
            paths[f"layers/{name}/vars/{i}"] = variable
    owned = {id(v) for v in paths.values()}
    for i, variable in enumerate(v for v in model.variables if id(v) not in owned):
        paths[f"vars/{i}"] = variable
    return paths


def save_weights(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights."""
    _must_be_built(model, "save_weights")
    _may_write(path, overwrite)
    write_arrays(path, {name: variable.numpy() for name, variable in weights_by_path(model).items()})


def load_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Read a model's weights; all are checked before the first is set."""
    _must_be_built(model, "load_weights")
    _set_weights(model, read_arrays(path)[0], path)


def _set_weights(model: Any, arrays: dict[str, np.ndarray], path: Any) -> None:
    variables = weights_by_path(model)
    found = {name: array for name, array in arrays.items() if name.startswith(("layers/", "vars/"))}
    if set(found) != set(variables):
        missing, extra = sorted(set(variables) - set(found)), sorted(set(found) - set(variables))
        raise ValueError(
            f"{path} does not hold the weights of this model: "
            f"missing {', '.join(missing) or 'nothing'}; not in the model {', '.join(extra) or 'nothing'}."
        )
    for name, variable in variables.items():
        if found[name].shape != variable.shape:
            raise ValueError(
                f"{path}: {name} has shape {found[name].shape}; the model's {variable.name} has {variable.shape}."
            )
    for name, variable in variables.items():
        variable.assign(found[name])


def _must_be_built(model: Any, method: str) -> None:
    if not model.built:
        raise ValueError(f"{method}() needs a built model: call it on data, or give it an Input shape, first.")


def _may_write(path: str | os.PathLike[str], overwrite: bool) -> None:
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists. Choose another name, or pass overwrite=True.")


# --------------------------------------------------------------------------- whole models


def save_model(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write architecture, weights and, where it is compiled, how, with the optimizer's state.

    Raises
    ------
    ValueError
        If a layer could not be made again from its `get_config`.
    """
    _must_be_built(model, "save")
    _may_write(path, overwrite)
    for layer in model.layers:
        _must_be_rebuildable(layer)
    arrays = {name: variable.numpy() for name, variable in weights_by_path(model).items()}
    described: dict[str, Any] = {"class_name": type(model).__name__, "config": model.get_config()}
    described["compiled"] = model.compiled
    described["compile"] = model.get_compile_config() if model.compiled else None
    if described["compile"] and model.optimizer.built:
        arrays |= {f"optimizer/{name}": array for name, array in model.optimizer.get_state().items()}
    write_arrays(path, arrays, json.dumps(described))


def _must_be_rebuildable(layer: Any) -> None:
    try:
        config = layer.get_config()
        if isinstance(config.get("activation"), str) and config["activation"] not in activations.NAMED:
            config["activation"] = None  # the user's own, which load_model takes from custom_objects
        type(layer).from_config(config)
    except Exception as error:
        raise ValueError(
            f"The layer {layer.name!r} cannot be saved: {type(layer).__name__}.get_config() does not give what its "
            f"__init__ needs ({error}). Write get_config(), or use save_weights()."
        ) from None


def load_model(path: str | os.PathLike[str], custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """Return the model that `Model.save` wrote, ready to predict and to train on.

    Parameters
    ----------
    path : str or path
    custom_objects : dict of str to class, optional
        The user's own layer classes by name.
    compile : bool
        Whether to compile it as it was when saved.

    Raises
    ------
    ValueError
        If the file is no saved model, or names a class that is not known. Nothing in a file is run.
    """
    from .model import Sequential

    arrays, text = read_arrays(path)
    if not text:
        raise ValueError(f"{path} holds weights alone: build the model and call load_weights() on it.")
    described = json.loads(text)
    if not {"class_name", "config", "compiled", "compile"} <= described.keys():
        raise ValueError(f"{path} holds no model that minifit saved.")
    if described["class_name"] != "Sequential":
        raise ValueError(
            f"{path} holds a {described['class_name']}, which cannot be rebuilt from a file. Make the model in code "
            "and call load_weights() on weights saved by save_weights()."
        )
    model = Sequential.from_config(described["config"], custom_objects)
    if not model.built:
        raise ValueError(f"{path} holds a model without an input shape; it cannot be built.")
    _set_weights(model, arrays, path)
    if compile and described["compiled"]:
        _compile_as_saved(model, described["compile"], arrays, path)
    return model


def _compile_as_saved(model: Any, config: dict[str, Any] | None, arrays: dict[str, np.ndarray], path: Any) -> None:
    if config is None:
        warnings.warn(
            f"{path}: the model was compiled with a loss, a metric, an optimizer or a schedule of your own, which a "
            "file does not hold. It predicts; call compile() again before you train or evaluate it.",
            stacklevel=3,
        )
        return
    optimizer, loss = optimizers.get(config.pop("optimizer")), losses.deserialize(config.pop("loss"))
    for argument in ("metrics", "weighted_metrics"):
        config[argument] = [metrics.deserialize(described) for described in config[argument]]
    model.compile(optimizer, loss, **config)
    if "optimizer/iterations" in arrays:
        optimizer.build(model.trainable_variables)
        optimizer.set_state({k.partition("/")[2]: v for k, v in arrays.items()})


def layer_from_config(item: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Make a layer from its class name and configuration."""
    from .model import Sequential

    own = custom_objects or {}
    if item["class_name"] == "Sequential":
        return Sequential.from_config(item["config"], own)
    known = {name: getattr(layers_module, name) for name in layers_module.__all__ if name not in ("Input", "Foreign")}
    config = {**item["config"]}
    if config.get("activation") in own:
        config["activation"] = own[config["activation"]]
    kinds = {**known, **own}
    return look_up("load_model(custom_objects=...)", item["class_name"], kinds, "Dense")(**config)
