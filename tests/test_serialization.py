"""Objects as plain data and back: arguments read off attributes, names looked up, nothing run."""

import json
from typing import Any

import numpy as np
import pytest

from minifit import serialization
from minifit.serialization import Described, Registry, arguments_of, custom_object_scope, deserialize, serialize


class Base(Described):
    def __init__(self, name: str | None = None) -> None:
        self.name = name


class Scale(Base):
    def __init__(self, factor: Any, inner: Any = None, **others: Any) -> None:
        super().__init__(**others)
        self.factor, self.inner = factor, inner


class Closed(Base):
    """Takes no name, so its configuration must hold none."""

    def __init__(self, factor: float) -> None:
        super().__init__("closed")
        self.factor = factor


def halve(x: Any) -> Any:
    return 0.5 * x


FAMILY = Registry("tested_things", [Base, Scale], [halve], {"half": halve}, example="scale")


def test_arguments_are_those_that_the_class_takes() -> None:
    assert arguments_of(Scale) == ("factor", "inner", "name")
    assert Closed(2.0).get_config() == {"factor": 2.0}


def test_what_is_described_comes_back_through_json() -> None:
    thing = Scale((1, 2), inner=Scale(np.float32(0.5), halve), name="outer")
    described = serialize(thing)
    assert described["module"] == "keras.tested_things"
    assert described["registered_name"] is None
    again = deserialize(json.loads(json.dumps(described)))
    assert list(again.factor) == [1, 2]
    assert (again.name, again.inner.factor, again.inner.inner) == ("outer", 0.5, "halve")
    assert serialize(deserialize(described)) == described


@pytest.mark.parametrize("value", [None, True, 3, 0.1, "a", [1, [2.5]], {"a": (1, None)}, slice(1, None, 2), Ellipsis])
def test_plain_values_come_back_as_they_are(value: Any) -> None:
    assert deserialize(serialize(value)) == value


def test_arrays_come_back_with_their_type() -> None:
    again = deserialize(json.loads(json.dumps(serialize(np.array([[1.5, 2]], dtype="float32")))))
    assert again.dtype == "float32"
    np.testing.assert_array_equal(again, [[1.5, 2]])


def test_own_classes_are_known_in_a_scope_or_once_registered() -> None:
    described = serialize(Closed(3.0))
    with pytest.raises(ValueError, match=r"Could not locate 'Closed'.*custom_objects"):
        deserialize(described)
    with custom_object_scope({"Closed": Closed}):
        assert deserialize(described).factor == 3.0
    serialization.register_keras_serializable("tests")(Closed)
    try:
        described = serialize(Closed(4.0))
        assert described["registered_name"] == "tests>Closed"
        assert deserialize(described).factor == 4.0
    finally:
        serialization._registered.pop(serialization._registered_names.pop(Closed))


def test_a_lambda_comes_back_only_when_it_is_allowed_to() -> None:
    with pytest.warns(UserWarning, match="lambda"):
        described = json.loads(json.dumps(serialize(lambda x, by=3: x * by)))
    for call in (deserialize, serialization.deserialize_keras_object):
        with pytest.raises(ValueError, match="safe_mode=False"):
            call(described)
    assert serialization.deserialize_keras_object(described, safe_mode=False)(2) == 6
    with pytest.raises(ValueError, match="safe_mode=False"):
        deserialize(described)


@pytest.mark.parametrize("hostile", ["os.system", "builtins", "__import__", "eval", "exec"])
def test_a_name_is_only_looked_up_among_what_is_known(hostile: str) -> None:
    for described in (
        {"class_name": "function", "module": "builtins", "config": hostile, "registered_name": hostile},
        {"class_name": hostile, "module": "os", "config": {}, "registered_name": None},
    ):
        with pytest.raises(ValueError, match="Could not locate"):
            deserialize(described)


def test_a_family_takes_names_classes_objects_and_descriptions() -> None:
    assert FAMILY.get(None) is None
    assert FAMILY.get("half") is FAMILY.get("halve") is FAMILY.get(halve) is halve
    assert isinstance(FAMILY.get("Base", call_it="get_config"), Base)
    assert isinstance(FAMILY.get("base", call_it="get_config"), Base)
    assert FAMILY.deserialize({"class_name": "Scale", "config": {"factor": 1}}).factor == 1
    with pytest.raises(ValueError, match=r'Could not interpret f\(a=...\).*Did you mean "halve"'):
        FAMILY.get("halv", "f(a=...)")
    with pytest.raises(ValueError, match=r'f\(a=...\) expects a name such as "scale".*int'):
        FAMILY.get(3, "f(a=...)")
    with pytest.raises(TypeError, match=r"Expected .config. to be a dict.*Scale"):
        FAMILY.deserialize({"class_name": "Scale", "config": 3})


def test_what_cannot_be_described_says_why() -> None:
    with pytest.raises(ValueError, match="get_config"):
        serialize(object())
