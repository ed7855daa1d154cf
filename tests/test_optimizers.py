"""Optimizers: what records of Keras' numbers cannot show."""

import copy
import functools
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from strict_array import DeviceArray, StrictModule

import minifit as keras
from minifit import backend, serialization

optimizers, schedules = keras.optimizers, keras.optimizers.schedules

RULES: dict[str, Callable[..., Any]] = {
    "sgd": optimizers.SGD,
    "momentum": functools.partial(optimizers.SGD, momentum=0.9),
    "nesterov": functools.partial(optimizers.SGD, momentum=0.9, nesterov=True),
    "rmsprop": optimizers.RMSprop,
    "rmsprop, all": functools.partial(optimizers.RMSprop, momentum=0.5, centered=True),
    "adam": optimizers.Adam,
    "amsgrad": functools.partial(optimizers.Adam, amsgrad=True),
    "adamw": optimizers.AdamW,
    "adamax": optimizers.Adamax,
    "nadam": optimizers.Nadam,
    "adagrad": optimizers.Adagrad,
    "adadelta": optimizers.Adadelta,
    "lion": optimizers.Lion,
    "ftrl": functools.partial(optimizers.Ftrl, l1_regularization_strength=0.01, beta=0.1),
}
ALL = {"weight_decay": 0.01, "use_ema": True, "ema_overwrite_frequency": 3, "gradient_accumulation_steps": 2}
COMMON = [
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum"),
    *("ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps", "name"),
]

every_rule = pytest.mark.parametrize("rule", list(RULES))


def weights(dtype: str = "float64") -> list[Any]:
    rng = np.random.default_rng(1)
    return [keras.Variable(rng.normal(size=s), dtype=dtype, name=f"w{i}") for i, s in enumerate([(2, 3), (3,), ()])]


def train(optimizer: Any, variables: list[Any], steps: int = 5, seed: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        gradients = [rng.normal(size=v.shape).astype(v.dtype) for v in variables]
        optimizer.apply([backend.asarray(g) for g in gradients], variables)
    return [v.numpy() for v in variables]


def assert_equal(got: Any, expected: Any) -> None:
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# --- the step --------------------------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_everything_stays_in_the_type_of_the_weights(rule: str, dtype: str) -> None:
    optimizer, variables = RULES[rule](np.float64(0.1), **ALL, clipnorm=1.0), weights(dtype)
    train(optimizer, variables)
    assert {str(v.dtype) for v in [*variables, *optimizer.variables[2:]]} == {dtype}
    assert {str(a.dtype) for a in [optimizer.flat.vector, *optimizer.slots.values()]} == {dtype}


@every_rule
def test_variable_by_variable_is_the_same_as_all_at_once(rule: str) -> None:
    together = RULES[rule](0.1, name="o")
    one_by_one = RULES[rule](0.1, name="o")
    kind = type(one_by_one)
    one_by_one.__class__ = type("Own", (kind,), {"update_step": lambda self, *a: kind.update_step(self, *a)})
    expected, found = (train(optimizer, weights()) for optimizer in (together, one_by_one))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)
    assert_equal(map(np.shape, together.get_state().values()), map(np.shape, one_by_one.get_state().values()))


@every_rule
def test_a_step_on_a_device_fetches_no_number(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = train(RULES[rule](0.1, **ALL, global_clipnorm=0.5), weights())
    monkeypatch.setattr(backend, "_module", StrictModule())
    optimizer, variables = RULES[rule](0.1, **ALL, global_clipnorm=0.5), weights()
    for kind in ("__float__", "__int__", "__bool__", "item"):
        monkeypatch.setattr(DeviceArray, kind, lambda self: pytest.fail("a number was fetched"))
    found = train(optimizer, variables)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_gradients_are_read_not_written() -> None:
    gradient = np.array([3.0, 4.0])
    optimizer = optimizers.SGD(1.0, clipnorm=1.0, loss_scale_factor=2.0)
    optimizer.apply([gradient], [keras.Variable(np.zeros(2))])
    assert_equal([gradient], [[3.0, 4.0]])
    np.testing.assert_allclose(optimizer._clip_gradients([gradient]), [[0.6, 0.8]])
    assert_equal([gradient], [[3.0, 4.0]])


def test_variables_come_in_any_order_and_some_alone() -> None:
    (a, b, _), gradients = weights(), [np.ones((2, 3)), np.ones(3)]
    optimizer = optimizers.SGD(1.0)
    optimizer.build([a, b])
    before = a.numpy(), b.numpy()
    optimizer.apply(gradients[::-1], [b, a])
    optimizer.apply(gradients[1:], [b])
    np.testing.assert_allclose(a.numpy(), before[0] - 1)
    np.testing.assert_allclose(b.numpy(), before[1] - 2)


def test_no_gradients_at_all_are_no_step() -> None:
    optimizer = optimizers.SGD(1.0)
    optimizer.apply([])
    assert int(optimizer.iterations) == 0


def test_a_missing_gradient_is_warned_of() -> None:
    a, b, _ = weights()
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['w0'\]"):
        optimizers.SGD(1.0).apply([None, np.ones(3)], [a, b])


def test_apply_gradients_returns_the_count_of_calls() -> None:
    variable = keras.Variable(1.0)
    optimizer = optimizers.SGD(0.1, gradient_accumulation_steps=2)
    assert [int(optimizer.apply_gradients([(np.ones(()), variable)])) for _ in range(3)] == [1, 2, 3]
    assert optimizer.iterations == 1


# --- wrong calls leave everything as it was --------------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "steps to accumulate": (
        lambda: optimizers.SGD(gradient_accumulation_steps=1),
        ValueError,
        "`gradient_accumulation_steps` must be an integer >= 2.*got 1",
    ),
    "steps to overwrite": (
        lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0.5),
        ValueError,
        "`ema_overwrite_frequency` must be an integer >= 1.*got 0.5",
    ),
    "momentum of the mean": (
        lambda: optimizers.SGD(use_ema=True, ema_momentum=1.5),
        ValueError,
        r"`ema_momentum` .*\[0, 1\]; got 1.5",
    ),
    "a beta": (lambda: optimizers.Nadam(beta_2=1.0), ValueError, r"Nadam\(beta_2=...\).*got 1.0"),
    "no rule": (
        lambda: optimizers.Optimizer(0.1).apply([np.ones(())], [keras.Variable(1.0)]),
        NotImplementedError,
        "Optimizer must define update_step",
    ),
    "nothing to step on": (lambda: optimizers.SGD().apply([np.ones(())]), ValueError, "variables at the first step"),
    "too few gradients": (lambda: optimizers.SGD().apply([1], weights()), ValueError, "1 gradients and 3 variables"),
    "a gradient of another shape": (
        lambda: optimizers.SGD().apply([np.ones(3)], weights()[:1]),
        ValueError,
        r"'w0' has shape \(3,\).*\(2, 3\)",
    ),
    "names without initializers": (
        lambda: optimizers.SGD().add_optimizer_variables(weights(), ["a", "b"], ["zeros"]),
        ValueError,
        "must match the number of initializers",
    ),
    "a rate that is no number": (lambda: setattr(optimizers.SGD(), "learning_rate", -1.0), ValueError, "at least 0"),
    "an unknown optimizer": (lambda: optimizers.get("adma"), ValueError, 'Did you mean "adam"?'),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_calls_say_what_was_wrong(case: str) -> None:
    call, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        call()


def test_a_variable_that_the_optimizer_was_not_built_for_is_refused() -> None:
    a, b, c = weights()
    optimizer = optimizers.Adam()
    optimizer.build([a, b])
    with pytest.raises(ValueError, match=r"Unknown variable.*w2.*built for other variables"):
        optimizer.apply([np.ones(())], [c])


def test_decay_of_old_scripts_is_ignored_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="`decay` is ignored"):
        optimizers.SGD(0.1, decay=1e-6)


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("SGD", ["momentum", "nesterov"]),
        ("RMSprop", ["rho", "momentum", "epsilon", "centered"]),
        ("Adam", ["beta_1", "beta_2", "epsilon", "amsgrad"]),
        ("AdamW", ["weight_decay", "beta_1", "beta_2", "epsilon", "amsgrad"]),
        ("Adamax", ["beta_1", "beta_2", "epsilon"]),
        ("Nadam", ["beta_1", "beta_2", "epsilon"]),
        ("Adagrad", ["initial_accumulator_value", "epsilon"]),
        ("Adadelta", ["rho", "epsilon"]),
        ("Lion", ["beta_1", "beta_2"]),
    ],
)
def test_arguments_come_in_keras_order(name: str, own: list[str]) -> None:
    cls = getattr(optimizers, name)
    expected = ["learning_rate", *own, *(a for a in COMMON if a not in own)]
    assert list(inspect.signature(cls).parameters) == expected
    by_place = cls(0.5, *[0.25] * len(own), *[None] * (len(COMMON) - 1 - (name == "AdamW")), "named")
    assert {a: by_place.get_config()[a] for a in own} == dict.fromkeys(own, 0.25)
    assert by_place.name == "named"


@every_rule
def test_an_optimizer_comes_back_from_its_configuration(rule: str) -> None:
    optimizer = RULES[rule](schedules.CosineDecay(0.1, 5), **ALL, clipnorm=0.5)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert_equal(train(again, weights()), train(optimizer, weights()))


def test_get_takes_names_classes_dicts_and_objects() -> None:
    for name in ("rmsprop", "RMSprop", "adamw", "AdamW", "adam_w"):
        assert type(optimizers.get(name)).__name__.lower() == name.lower().replace("_", "")
    optimizer = optimizers.Lion()
    assert optimizers.get(optimizer) is optimizer
    assert isinstance(optimizers.get(optimizers.Ftrl), optimizers.Ftrl)
    assert optimizers.get(None) is None
    assert float(optimizers.get({"class_name": "nadam", "config": {"learning_rate": 0.25}}).learning_rate) == 0.25


def test_a_rule_of_ones_own_is_described_and_found() -> None:
    class Own(optimizers.Optimizer):
        def __init__(self, learning_rate: Any = 0.1, keep: float = 0.5, **kwargs: Any) -> None:
            super().__init__(learning_rate, **kwargs)
            self.keep = keep

    described = optimizers.serialize(Own(keep=0.75, clipnorm=2.0))
    again = optimizers.deserialize(described, custom_objects={"Own": Own})
    assert (again.keep, again.clipnorm) == (0.75, 2.0)


# --- the rate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rate", [0.25, np.float32(0.25), np.array(0.25), keras.Variable(0.25), keras.Tensor(np.array(0.25))]
)
def test_the_rate_is_set_while_training(rate: Any) -> None:
    optimizer, variable = optimizers.SGD(0.5), keras.Variable(1.0)
    train(optimizer, [variable])
    before = optimizer.variables[1]
    optimizer.learning_rate = rate
    assert optimizer.learning_rate is before
    assert float(optimizer.lr) == 0.25
    value = variable.numpy()
    optimizer.apply([np.float32(1)], [variable])
    assert variable.numpy() == value - 0.25


def test_a_schedule_takes_the_place_of_a_rate() -> None:
    optimizer = optimizers.Adam(0.5)
    optimizer.learning_rate = schedules.PolynomialDecay(optimizer.learning_rate, 4)
    assert [v.name for v in optimizer.variables] == ["iteration"]
    assert optimizer.get_config()["learning_rate"]["config"]["initial_learning_rate"] == 0.5
    with pytest.raises(TypeError, match="follows a schedule"):
        optimizer.learning_rate = 0.1


def test_a_schedule_gives_a_float_for_a_step_and_an_array_for_many() -> None:
    schedule = schedules.CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=3)
    rates = schedule(np.arange(12))
    assert rates.dtype == "float32"
    np.testing.assert_allclose(rates, [schedule(step) for step in range(12)], rtol=1e-6)
    for step in (3, np.int64(3), np.float32(3), keras.Variable(3), keras.Tensor(np.array(3))):
        assert type(schedule(step)) is float
        assert schedule(step) == 0.5


def test_a_schedule_of_ones_own() -> None:
    class Halving(schedules.LearningRateSchedule):
        def __init__(self, first: float) -> None:
            self.first = first

        def __call__(self, step: Any) -> Any:
            return self.first / keras.ops.cast(step + 1, "float32")

    variable, optimizer = keras.Variable(0.0), optimizers.SGD(Halving(1.0))
    for expected in (-1.0, -1.5):
        optimizer.apply([np.float32(1)], [variable])
        assert float(variable) == expected
    with serialization.custom_object_scope({"Halving": Halving}):
        assert schedules.deserialize(schedules.serialize(Halving(0.5))).first == 0.5


# --- state -----------------------------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("way", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_goes_on_as_the_original_does(rule: str, way: Callable[[Any], Any]) -> None:
    pair = RULES[rule](0.1, **ALL), weights()
    pair[0].exclude_from_weight_decay(var_list=pair[1][:1])
    train(pair[0], pair[1], 3)
    other = way(pair)
    for steps, seed in ((2, 3), (3, 4)):
        assert_equal(*(train(optimizer, variables, steps, seed) for optimizer, variables in (other, pair)))
    assert_equal(other[0].get_state().values(), pair[0].get_state().values())


@every_rule
def test_a_state_that_is_put_back_goes_on_the_same(rule: str) -> None:
    optimizer, variables = RULES[rule](0.1, **ALL), weights()
    values = train(optimizer, variables, 3)
    state = optimizer.get_state()
    expected = train(optimizer, variables, 4)
    other, fresh = RULES[rule](0.2, **ALL), weights()
    other.build(fresh)
    other.set_state(state)
    for variable, value in zip(fresh, values, strict=True):
        variable.assign(value)
    assert_equal(train(other, fresh, 4), expected)


def test_a_variable_of_ones_own_may_be_made_before_the_weights_are_known() -> None:
    class Own(optimizers.Adam):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.count = self.add_variable((), name="count")

    optimizer = Own(name="o")
    train(optimizer, weights()[:1])
    assert [v.path for v in optimizer.variables[2:]] == ["o/count", "o/w0_momentum", "o/w0_velocity"]
    optimizer.unbuild()
    assert [v.path for v in optimizer.variables[2:]] == ["o/count"]


def test_a_state_of_another_model_is_refused_and_nothing_is_set() -> None:
    one, other = optimizers.Adam(), optimizers.Adam(0.5)
    one.build(weights())
    other.build(weights()[:2])
    before = other.get_state()
    with pytest.raises(ValueError, match="same architecture"):
        other.set_state(one.get_state())
    assert_equal(other.get_state().values(), before.values())
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        other.load_own_variables(one.get_state())


def test_variables_of_the_state_are_views_of_the_slots() -> None:
    optimizer, variables = optimizers.Adam(0.1), weights()
    train(optimizer, variables)
    optimizer.variables[2].assign(np.full((2, 3), 7.0))
    assert_equal([optimizer.slots["momentum"][:6]], [np.full(6, 7.0)])
    assert [v.name for v in optimizer.variables[2:4]] == ["w0_momentum", "w0_velocity"]


def test_slots_are_called_after_the_paths_of_their_weights() -> None:
    variable = keras.Variable(1.0, name="kernel")
    variable.path = "net/dense/kernel"
    optimizer = optimizers.SGD(momentum=0.5, name="s")
    optimizer.build([variable])
    assert [v.path for v in optimizer.variables] == ["s/iteration", "s/learning_rate", "s/net_dense_kernel_momentum"]


# --- decay, averages, constraints ------------------------------------------------------------------------------------


def test_exclusion_from_decay_may_come_after_the_first_step() -> None:
    a, b, _ = weights()
    optimizer = optimizers.SGD(0.5, weight_decay=1.0)
    optimizer.apply([np.zeros((2, 3)), np.zeros(3)], [a, b])
    optimizer.exclude_from_weight_decay(var_names=["^w1$"])
    before = a.numpy(), b.numpy()
    optimizer.apply([np.zeros((2, 3)), np.zeros(3)], [a, b])
    assert_equal([a.numpy(), b.numpy()], [before[0] * 0.5, before[1]])


def test_mean_weights_are_put_in_place_at_the_end_of_fit() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=2, epochs=2, verbose=0)
    assert_equal(model.get_weights(), [v.numpy() for v in model.optimizer._model_variables_moving_average])


def test_finalizing_without_averages_or_before_the_first_step_changes_nothing() -> None:
    for optimizer in (optimizers.SGD(0.1), optimizers.SGD(0.1, use_ema=True)):
        variables = weights()
        before = [v.numpy() for v in variables]
        optimizer.finalize_variable_values(variables)
        assert_equal([v.numpy() for v in variables], before)


def test_a_constraint_that_returns_another_shape_is_an_error() -> None:
    variable = keras.Variable([1.0, 2.0])
    variable.constraint = lambda w: w[:1]
    with pytest.raises(ValueError, match="shape"):
        optimizers.SGD(0.1).apply([np.ones(2)], [variable])


def test_constraints_and_regularizers_of_a_variable_are_functions() -> None:
    variable = keras.Variable([1.0, 2.0])
    for name in ("constraint", "regularizer"):
        with pytest.raises(ValueError, match=f"{name} expects a function"):
            setattr(variable, name, "non_neg")
        setattr(variable, name, abs)
        setattr(variable, name, None)
        assert getattr(variable, name) is None
