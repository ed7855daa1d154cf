"""Real Keras, made to compute in float64 from end to end, for recording runs and for comparing live."""

import importlib.util
import os
from typing import Any


def choose_backend() -> str | None:
    """The backend to record with: what ``KERAS_BACKEND`` says, else the first that is installed of torch and JAX.

    TensorFlow is not chosen by itself: it keeps the logits behind a softmax and uses them in place of the
    probabilities, so saturated probabilities cost more there than on the other backends.
    """
    if importlib.util.find_spec("keras") is None:
        return None
    said = os.environ.get("KERAS_BACKEND")
    return said or next((name for name in ("torch", "jax") if importlib.util.find_spec(name)), None)


def keras_in_float64() -> Any:
    """Import Keras, set its float type to float64 and lift its cap on precision.

    ``set_floatx("float64")`` is not enough. Keras' type promotion takes float64 results back to float32 on torch
    and JAX ("to be aligned with JAX's default behavior"), so products of matrices, losses and metrics would be
    kept in float32. The table behind that rule has one entry for float64; here it says float64, as it does on
    TensorFlow. No formula changes.

    Raises
    ------
    ImportError
        Without Keras or a backend for it.
    RuntimeError
        When results still come out in single precision, since records of such runs would be worthless.
    """
    backend = choose_backend()
    if backend is None:
        raise ImportError("recording needs real Keras and torch or JAX: pip install keras torch")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    import keras
    from keras.src.backend.common import dtypes

    keras.config.set_floatx("float64")
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    one = keras.ops.convert_to_tensor([[1.0]])
    for name, result in (("matmul", keras.ops.matmul(one, one)), ("add", keras.ops.add(one, 1.0))):
        if "float64" not in str(result.dtype):
            raise RuntimeError(f"keras.ops.{name} of float64 gives {result.dtype} on {backend}; expected float64")
    return keras
