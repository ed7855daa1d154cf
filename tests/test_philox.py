"""Numbers by their number: NumPy's on the host, and bit for bit the same from the kernels that a device would run."""

import math
from types import SimpleNamespace
from typing import Any

import host_kernels
import numpy as np
import pytest

import minifit as keras
from minifit import backend, philox

KEY = (2**63 + 11, 7)
SHAPES = [(0,), (), (1,), (15,), (16,), (3, 37), (64, 129)]
needs_compiler = pytest.mark.skipif(host_kernels.COMPILER is None, reason=host_kernels.WHY_NOT)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draws by the device's kernels, which run on NumPy arrays."""

    def on_device(draw: Any, *arguments: Any) -> Any:
        module = SimpleNamespace(empty=np.empty, ElementwiseKernel=host_kernels.ElementwiseKernel)
        with monkeypatch.context() as patched:
            patched.setattr(backend, "_module", _Hashable(vars(module)))
            return draw(*arguments)

    return on_device


class _Hashable:
    def __init__(self, functions: dict[str, Any]) -> None:
        self.__dict__.update(functions)


def test_words_are_those_of_the_published_generator() -> None:
    # From the authors' own test vectors for philox4x64, 10 rounds: counter and key of all ones, of which the first
    # word's counter is one less, for NumPy adds one before it draws.
    ones = np.full(4, 2**64 - 1, "uint64")
    bits = np.random.Philox(counter=ones - np.array([1, 0, 0, 0], "uint64"), key=ones[:2])
    assert [hex(word) for word in bits.random_raw(4).tolist()] == [
        "0x87b092c3013fe90b",
        "0x438c3c67be8d0224",
        "0x9cc7d7c69cd777b6",
        "0xa09caebf594f0ba0",
    ]
    key = np.array(KEY, "uint64")
    np.testing.assert_array_equal(philox.words(KEY, 9), np.random.Philox(key=key).random_raw(9))
    np.testing.assert_array_equal(philox.words(KEY, 9)[:5], philox.words(KEY, 5))


@needs_compiler
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_device_draws_what_the_host_draws(shape: Any, dtype: str, device: Any) -> None:
    for rate in (0.25, 0.2, 1e-4):
        np.testing.assert_array_equal(
            device(philox.mask, KEY, shape, dtype, rate), philox.mask(KEY, shape, dtype, rate), strict=True
        )
    np.testing.assert_array_equal(
        device(philox.uniform, KEY, shape, dtype), philox.uniform(KEY, shape, dtype), strict=True
    )
    near = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    there, here = (draw(philox.normal, KEY, shape, dtype, 1.0, 2.0) for draw in (device, lambda f, *a: f(*a)))
    assert (there.dtype, there.shape) == (here.dtype, here.shape)
    np.testing.assert_allclose(there, here, rtol=near, atol=near)


@needs_compiler
def test_kernels_that_want_one_element_get_the_bits_of_its_mask() -> None:
    body = "out = philox_bits(k0, k1, i, bits);"
    kernel = host_kernels.ElementwiseKernel("uint64 k0, uint64 k1, int32 bits", "uint32 out", body, "bits", True,
                                            philox.CUDA)  # fmt: skip
    for bits, kind in ((16, "uint16"), (32, "uint32")):
        out = np.empty(100, "uint32")
        kernel(*KEY, bits, out)
        np.testing.assert_array_equal(out, philox.words(KEY, 50).view(kind)[:100])


@pytest.mark.parametrize("rate", [0.5, 0.2, 0.1, 1 / 3, 0.999, 1e-3, 1e-6, 1 - 1e-6, 1 - 1e-12])
def test_the_share_that_is_dropped_is_the_rate(rate: float) -> None:
    bits, below = philox.cut(rate)
    assert below / 2**bits == pytest.approx(rate, rel=1e-3)
    assert 1 - below / 2**bits == pytest.approx(1 - rate, rel=1e-3, abs=2**-32)
    dropped = int((philox.mask(KEY, (200_000,), "float32", rate) == 0).sum())
    assert abs(dropped - 200_000 * rate) <= 4 * math.sqrt(200_000 * rate * (1 - rate)) + 1


def test_normal_numbers_have_the_moments_and_tails_of_their_distribution() -> None:
    for dtype in ("float32", "float64"):
        drawn = philox.normal(KEY, (400_000,), dtype).astype("float64")
        for power, moment, near in ((1, 0, 0.01), (2, 1, 0.01), (3, 0, 0.03), (4, 3, 0.08), (6, 15, 0.8)):
            assert np.mean(drawn**power) == pytest.approx(moment, abs=near)  # four to five standard errors
        assert np.mean(np.abs(drawn) > 3) == pytest.approx(0.0027, abs=3e-4)
        assert np.corrcoef(drawn[::2], drawn[1::2])[0, 1] == pytest.approx(0, abs=0.01)


def test_the_mask_of_a_step_follows_from_the_state_of_its_layer_alone() -> None:
    layer = keras.layers.Dropout(0.5, seed=3)
    ones = np.ones((4, 6), "float32")
    state = layer.seed_generator.state.numpy().copy()
    first, second = layer(ones, training=True).numpy(), layer(ones, training=True).numpy()
    assert not np.array_equal(first, second)
    layer.seed_generator.state.assign(state)
    np.testing.assert_array_equal(layer(ones, training=True).numpy(), first)
    np.testing.assert_array_equal(first, philox.mask((3, 0), (4, 6), "float32", 0.5))
