"""What Keras' tests know as ``keras.src.testing``, written for an engine that computes at once in NumPy.

Keras itself is asked for nothing. A layer is checked once more on symbolic inputs where minifit has them.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import shutil
import tempfile
import types
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def minifit(inside: str = "") -> Any:
    """Return minifit, or a module of it."""
    return importlib.import_module(f"minifit.{inside}" if inside else "minifit")


def to_numpy(x: Any) -> Any:
    """Return the numbers of a tensor, weight or nested list as a NumPy array."""
    return x if isinstance(x, np.ndarray) else np.asarray(minifit("backend").to_numpy(x))


def type_name(x: Any) -> str:
    """Return the type of an array, or of what stands for a type."""
    x = getattr(x, "dtype", x)
    names = {float: "float32", int: "int32", bool: "bool"}
    if isinstance(x, type) and x in names:
        return names[x]
    return str(x).removeprefix("torch.") if "torch" in str(x) else _name_of(x)


def _name_of(x: Any) -> str:
    try:
        return np.dtype(x).name
    except TypeError:
        return str(x)


class Comparisons:
    """Assertions on arrays."""

    maxDiff = None

    def setUp(self) -> None:
        """Start every test with fresh names."""
        super().setUp()  # type: ignore[misc]
        minifit().clear_session()

    def get_temp_dir(self) -> str:
        """Return a new folder that goes when the test ends."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)  # type: ignore[attr-defined]
        return folder

    def convert_to_numpy(self, x: Any) -> Any:
        return to_numpy(x)

    def assertAllClose(
        self, actual: Any, desired: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: Any = None, **tpu: Any
    ) -> None:
        np.testing.assert_allclose(to_numpy(actual), to_numpy(desired), atol=atol, rtol=rtol, err_msg=msg or "")

    def assertNotAllClose(self, x1: Any, x2: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: Any = None) -> None:
        if np.allclose(to_numpy(x1), to_numpy(x2), atol=atol, rtol=rtol):
            raise AssertionError(msg or f"all elements are close to each other: {x1}")

    def assertAlmostEqual(self, actual: Any, desired: Any, decimal: int = 3, msg: Any = None, **tpu: Any) -> None:
        np.testing.assert_almost_equal(to_numpy(actual), to_numpy(desired), decimal=decimal, err_msg=msg or "")

    def assertAllEqual(self, actual: Any, desired: Any, msg: Any = None) -> None:
        np.testing.assert_array_equal(to_numpy(actual), to_numpy(desired), err_msg=msg or "")

    def assertLen(self, iterable: Any, expected_len: int, msg: Any = None) -> None:
        assert len(iterable) == expected_len, msg or f"expected {expected_len} items, got {len(iterable)}: {iterable}"

    def assertSparse(self, x: Any, sparse: bool = True) -> None:
        assert not sparse, "there are no sparse tensors here"

    def assertRagged(self, x: Any, ragged: bool = True) -> None:
        assert not ragged, "there are no ragged tensors here"

    def assertDType(self, x: Any, dtype: Any, msg: Any = None) -> None:
        assert type_name(x) == type_name(dtype), msg or f"expected {type_name(dtype)}, got {type_name(x)}"

    def assertFileExists(self, path: Any) -> None:
        assert Path(path).is_file(), f"there is no file {path}"


class ObjectChecks(Comparisons):
    """Checks on whole objects: configurations, and layers from making to training."""

    def run_class_serialization_test(self, instance: Any, custom_objects: Any = None) -> Any:
        """Make the object anew, from its own configuration and from the serialized form in JSON."""
        saving = minifit("serialization")
        config, attributes = as_json(instance.get_config()), _attributes(instance)
        with saving.custom_object_scope(custom_objects):
            revived = type(instance).from_config(instance.get_config())
        assert as_json(revived.get_config()) == config
        assert _attributes(revived) == attributes

        text = as_json(saving.serialize_keras_object(instance))
        with saving.custom_object_scope(custom_objects):
            revived = saving.deserialize_keras_object(from_json(text))
        assert as_json(revived.get_config()) == config
        assert _attributes(revived) == attributes
        return revived

    def run_layer_test(
        self,
        layer_cls: Any,
        init_kwargs: Any,
        input_shape: Any = None,
        input_dtype: Any = None,
        input_sparse: bool = False,
        input_ragged: bool = False,
        input_data: Any = None,
        call_kwargs: Any = None,
        expected_output_shape: Any = None,
        expected_output_dtype: Any = None,
        expected_output_sparse: bool = False,
        expected_output_ragged: bool = False,
        expected_output: Any = None,
        expected_num_trainable_weights: int | None = None,
        expected_num_non_trainable_weights: int | None = None,
        expected_num_non_trainable_variables: int | None = None,
        expected_num_seed_generators: int | None = None,
        expected_num_losses: int | None = None,
        supports_masking: bool | None = None,
        expected_mask_shape: Any = None,
        custom_objects: Any = None,
        run_training_check: bool = True,
        run_mixed_precision_check: bool = True,
        assert_built_after_instantiation: bool = False,
        **tpu: Any,
    ) -> None:
        """Check a layer: its configuration, masking, weights, output from shapes and from data, and a training step.

        `input_shape` or `input_data` may be one or a list, tuple or dict (arguments of the call by name).
        """
        if input_sparse or input_ragged:
            pytest.skip("there are no sparse and no ragged tensors here")
        make, call_kwargs = functools.partial(layer_cls, **(init_kwargs or {})), call_kwargs or {}
        self.run_class_serialization_test(make(), custom_objects)
        if supports_masking is not None:
            assert make().supports_masking == supports_masking
        if input_shape is None and input_data is None:
            return
        shapes = input_shape if input_data is None else map_arrays(lambda x: tuple(x.shape), input_data)
        types_ = input_dtype or map_shapes(lambda shape: "float32", shapes)
        if input_data is None:
            input_data = map_shapes(_numbers, shapes, types_)
        else:
            types_ = map_arrays(lambda x: type_name(x), input_data)

        def counts(layer: Any) -> None:
            for attribute, expected in (
                ("trainable_weights", expected_num_trainable_weights),
                ("non_trainable_weights", expected_num_non_trainable_weights),
                ("non_trainable_variables", expected_num_non_trainable_variables),
            ):
                if expected is not None:
                    self.assertLen(getattr(layer, attribute), expected, f"{attribute}: {getattr(layer, attribute)}")
            if expected_num_seed_generators is not None:
                self.assertLen(_seed_generators(layer), expected_num_seed_generators, "seed generators")

        def outputs_fit(outputs: Any) -> None:
            if expected_output_shape is not None:
                for expected, got in zip(_shapes(expected_output_shape), _shapes_of(outputs), strict=True):
                    fits = len(expected) == len(got) and all(e in (None, g) for e, g in zip(expected, got, strict=True))
                    assert fits, f"expected the output shape {expected}, got {got}"
            if expected_output_dtype is not None:
                got = [type_name(x) for x in leaves(outputs)]
                assert got == [type_name(x) for x in leaves(expected_output_dtype)], f"output types {got}"

        built = make()
        if isinstance(shapes, dict):
            built.build(**shapes)
        else:
            built.build(shapes)
        assert built.built, "build() left the layer unbuilt"
        counts(built)

        symbolic = symbolic_inputs(shapes, types_)
        if symbolic is not None:
            layer = make()
            outputs = _call(layer, symbolic, call_kwargs)
            counts(layer)
            outputs_fit(outputs)
            if expected_mask_shape is not None:
                assert tuple(layer.compute_mask(symbolic).shape) == tuple(expected_mask_shape)
        elif not isinstance(shapes, dict):
            computed = make().compute_output_shape(shapes)
            if expected_output_shape is not None:
                assert list(_shapes(computed)) == list(_shapes(expected_output_shape)), f"computed shape {computed}"

        if assert_built_after_instantiation:
            assert make().built, "a layer without weights is built from the start"
            own_build = type("OwnBuild", (layer_cls,), {"build": lambda self, *shapes: None})
            assert not own_build(**(init_kwargs or {})).built, "a build() of one's own is still to be called"

        layer = make()
        outputs = _call(layer, input_data, call_kwargs)
        counts(layer)
        outputs_fit(outputs)
        if expected_output is not None:
            for expected, got in zip(leaves(expected_output), leaves(outputs), strict=True):
                self.assertAllClose(got, expected, msg="unexpected output")
        if expected_num_losses is not None:
            self.assertLen(layer.losses, expected_num_losses)
        if run_training_check:
            _train(layer, input_data, outputs)
        if run_mixed_precision_check:
            self._half_precision(make, input_data, call_kwargs)

    def _half_precision(self, make: Any, inputs: Any, call_kwargs: Any) -> None:
        """Compute in float16 with float32 weights."""
        layer = make(dtype="mixed_float16")
        for x in leaves(_call(layer, inputs, call_kwargs)):
            if type_name(x).startswith("float"):
                assert type_name(x) == layer.compute_dtype, f"output type {type_name(x)}"
        for weight in layer.weights:
            if type_name(weight).startswith("float"):
                assert type_name(weight) == "float32", f"weight type {type_name(weight)}"


def _attributes(instance: Any) -> set[str]:
    return set(dir(instance)) - {"__annotations__"}


def _seed_generators(layer: Any) -> list[Any]:
    found: dict[int, Any] = {}
    inner = [layer, *(layer._flatten_layers() if hasattr(layer, "_flatten_layers") else ())]
    for part in inner:
        for value in vars(part).values():
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if type(item).__name__ == "SeedGenerator":
                    found[id(item)] = item
    return list(found.values())


def _call(layer: Any, inputs: Any, call_kwargs: Any) -> Any:
    if isinstance(inputs, dict):
        return layer(**inputs, **call_kwargs)
    return layer(inputs, **call_kwargs)


def _train(layer: Any, inputs: Any, outputs: Any) -> None:
    """Take one step that lowers the sum of what the layer returns."""
    keras = minifit()

    class TestModel(keras.Model):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer

        def call(self, x: Any, training: bool = False) -> Any:
            return self.layer(x, training=training) if _takes_training(self.layer) else self.layer(x)

    class Total(keras.losses.Loss):
        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return keras.ops.sum(y_pred)

    model = TestModel(layer)
    model.compile(optimizer="sgd", loss=Total())
    data = (map_arrays(to_numpy, inputs), map_arrays(to_numpy, outputs))
    model.fit(itertools.repeat(data), steps_per_epoch=1, verbose=0)


def _takes_training(layer: Any) -> bool:
    return True  # every layer accepts it, whether or not its call() does


def symbolic_inputs(shapes: Any, types_: Any) -> Any:
    """Return symbolic tensors, or None where minifit has none."""
    from . import shim

    kind = shim.find("keras.src.backend.KerasTensor")
    return None if kind is shim.NOTHING else map_shapes(lambda shape, type_: kind(shape, dtype=type_), shapes, types_)


def _numbers(shape: Any, type_: str) -> Any:
    return (np.random.default_rng(0).uniform(0, 3, shape)).astype(type_)


def is_shape(x: Any) -> bool:
    """Tell one shape from a list or tuple of shapes."""
    return isinstance(x, (list, tuple)) and all(n is None or isinstance(n, int) for n in x)


def map_shapes(function: Any, shapes: Any, *others: Any) -> Any:
    """Apply a function to each shape in a nested structure of them; an argument ``a_shape`` becomes ``a``."""
    if is_shape(shapes):
        return function(tuple(shapes), *others)
    if isinstance(shapes, dict):
        return {k.removesuffix("_shape"): map_shapes(function, v, *(o[k] for o in others)) for k, v in shapes.items()}
    return type(shapes)(map_shapes(function, s, *(o[i] for o in others)) for i, s in enumerate(shapes))


def map_arrays(function: Any, nested: Any) -> Any:
    """Apply a function to each array in dicts, lists and tuples."""
    if isinstance(nested, dict):
        return {k: map_arrays(function, v) for k, v in nested.items()}
    if isinstance(nested, (list, tuple)):
        return type(nested)(map_arrays(function, v) for v in nested)
    return function(nested)


def leaves(nested: Any) -> list[Any]:
    """Return the arrays in dicts, lists and tuples."""
    if isinstance(nested, dict):
        return [leaf for key in sorted(nested) for leaf in leaves(nested[key])]
    if isinstance(nested, (list, tuple)):
        return [leaf for item in nested for leaf in leaves(item)]
    return [nested]


def _shapes(nested: Any) -> list[tuple[Any, ...]]:
    if is_shape(nested):
        return [tuple(nested)]
    parts = [nested[key] for key in sorted(nested)] if isinstance(nested, dict) else nested
    return [shape for part in parts for shape in _shapes(part)]


def _shapes_of(nested: Any) -> list[tuple[Any, ...]]:
    return [tuple(x.shape) for x in leaves(nested)]


def as_json(value: Any) -> str:
    """Write plain data with its tuples kept apart from lists."""

    def mark(item: Any) -> Any:
        if isinstance(item, tuple):
            return {"__tuple__": [mark(i) for i in item]}
        if isinstance(item, list):
            return [mark(i) for i in item]
        return {k: mark(v) for k, v in item.items()} if isinstance(item, dict) else item

    return json.dumps(mark(value), sort_keys=True, indent=1)


def from_json(text: str) -> Any:
    """Read what `as_json` wrote."""
    return json.loads(text, object_hook=lambda d: tuple(d["__tuple__"]) if set(d) == {"__tuple__"} else d)


# --------------------------------------------------------------------------- the modules


@functools.cache
def test_case() -> type:
    """Return the class that Keras' tests are made from, which needs absl."""
    from absl.testing import parameterized

    return type("TestCase", (ObjectChecks, parameterized.TestCase), {"__test__": True})


test_case.__test__ = False  # type: ignore[attr-defined]


def named_product(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """Return every combination of parameters, each with a name made from its values."""

    def shown(value: Any) -> str:
        return str(getattr(value, "__name__", value)).lower()

    choices = [
        *map(list, args),
        *([{"testcase_name": shown(v), key: v} for v in values] for key, values in kwargs.items()),
    ]
    combined = []
    for chosen in itertools.product(*choices):
        merged: dict[str, Any] = {}
        for part in chosen:
            merged |= part
        combined.append(merged | {"testcase_name": "_".join(part["testcase_name"] for part in chosen)})
    return combined


def get_test_data(
    train_samples: int, test_samples: int, input_shape: Any, num_classes: int, random_seed: Any = None
) -> Any:
    """Return samples around one random point a class: ``(x_train, y_train), (x_test, y_test)``."""
    rng = np.random.default_rng(random_seed)
    centres = 2 * num_classes * rng.random((num_classes, *input_shape))

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.arange(n) % num_classes)
        return (centres[labels] + rng.normal(size=(n, *input_shape))).astype("float32"), labels

    return part(train_samples), part(test_samples)


def _no(*args: Any) -> bool:
    return False


def testing(path: str) -> Any:
    """Return what Keras' testing package has under a dotted name, or None."""
    name = path.rpartition(".")[2]
    if name == "TestCase":
        return test_case()
    if name.endswith(("uses_gpu", "uses_tpu")):
        return _no
    return {"named_product": named_product, "get_test_data": get_test_data}.get(name)


testing.__test__ = False  # type: ignore[attr-defined]


def conftest(name: str) -> types.ModuleType:
    """Return the module that Keras' tests import beside them."""
    module = types.ModuleType(name)
    module.skip_if_backend = lambda backend, reason: (
        lambda test: (  # type: ignore[attr-defined]
            unittest.skip(reason)(test) if backend == "numpy" else test
        )
    )
    return module
