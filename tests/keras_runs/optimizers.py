"""Update rules: on gradients written by hand (batches of one row through a neuron without bias) and on a network."""

import json
from typing import Any

import numpy as np

from .common import Outputs, cases, classes, error_into, kept, network, output_itself, regression, scenario, weight_only

EMA: dict[str, Any] = {"use_ema": True, "ema_momentum": 0.7}

RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "sgd, learning rate 0.1": ("SGD", {"learning_rate": 0.1}),
    "momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "nesterov without momentum": ("SGD", {"learning_rate": 0.1, "nesterov": True}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop, rho and epsilon": ("RMSprop", {"learning_rate": 0.05, "rho": 0.7, "epsilon": 1e-3}),
    "rmsprop with momentum": ("RMSprop", {"learning_rate": 0.02, "momentum": 0.8}),
    "rmsprop, centered": ("RMSprop", {"learning_rate": 0.02, "centered": True}),
    "rmsprop, centered with momentum": ("RMSprop", {"learning_rate": 0.02, "centered": True, "momentum": 0.8}),
    "adam": ("Adam", {}),
    "adam, betas and epsilon": ("Adam", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}),
    "adam, amsgrad": ("Adam", {"learning_rate": 0.05, "beta_2": 0.5, "amsgrad": True}),
    "sgd, clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.05}),
    "sgd, clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 0.1}),
    "adam, global_clipnorm": ("Adam", {"learning_rate": 0.05, "global_clipnorm": 0.1}),
    "momentum, weight decay": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.05}),
    "adam, weight decay and clipnorm": ("Adam", {"learning_rate": 0.1, "weight_decay": 0.1, "clipnorm": 0.2}),
    "adamw": ("AdamW", {"learning_rate": 0.05}),
    "adamw, amsgrad and decay": ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.2, "amsgrad": True}),
    "adamax": ("Adamax", {"learning_rate": 0.05}),
    "adamax, betas and epsilon": ("Adamax", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}),
    "nadam": ("Nadam", {"learning_rate": 0.05}),
    "nadam, betas and epsilon": ("Nadam", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad, start and epsilon": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "epsilon": 0.1}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "adadelta, rho and epsilon": ("Adadelta", {"learning_rate": 0.5, "rho": 0.7, "epsilon": 1e-3}),
    "lion": ("Lion", {"learning_rate": 0.05}),
    "lion, betas": ("Lion", {"learning_rate": 0.05, "beta_1": 0.5, "beta_2": 0.8}),
    "ftrl": ("Ftrl", {"learning_rate": 0.5}),
    "ftrl, all it takes": (
        "Ftrl",
        {
            "learning_rate": 0.3,
            "learning_rate_power": -0.2,
            "initial_accumulator_value": 0.4,
            "l1_regularization_strength": 0.05,
            "l2_regularization_strength": 0.15,
            "l2_shrinkage_regularization_strength": 0.01,
            "beta": 0.3,
        },
    ),
    "nesterov, mean weights at the end": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, **EMA}),
    "adam, mean weights every two steps": ("Adam", {"learning_rate": 0.05, **EMA, "ema_overwrite_frequency": 2}),
    "sgd, two gradients a step": ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
    "nadam, three gradients a step and all else": (
        "Nadam",
        {"learning_rate": 0.1, "gradient_accumulation_steps": 3, "weight_decay": 0.1, "global_clipnorm": 0.1, **EMA},
    ),
    "lion, weight decay and clipvalue": ("Lion", {"learning_rate": 0.05, "weight_decay": 0.1, "clipvalue": 0.05}),
    "ftrl, weight decay and clipnorm": ("Ftrl", {"learning_rate": 0.5, "weight_decay": 0.1, "clipnorm": 0.1}),
}

GRADIENTS = np.array([[1.0, -3.0, 1e-7], [-2.0, 0.0, 1e-8], [0.5, 4.0, 0.0], [1.0, 1e-4, -1e-7], [0.0, -2.0, 1e3]])


@cases({name: {"rule": rule} for name, rule in RULES.items()})
def optimizer_follows_its_rule_on_given_gradients(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    model = weight_only(keras, 3)
    model.compile(getattr(keras.optimizers, rule[0])(**rule[1]), output_itself)
    path = []
    for row in GRADIENTS:
        model.train_on_batch(row[None], np.zeros((1, 1)))
        path.append(model.get_weights()[0][:, 0])
    return {"path": path, "iterations": int(model.optimizer.iterations)}


@cases({name: {"rule": rule} for name, rule in RULES.items()})
def optimizer_trains_a_network(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    model.compile(getattr(keras.optimizers, rule[0])(**rule[1]), "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)
    return {"iterations": int(model.optimizer.iterations), **kept(model, history)}


@cases({name: {"name": name} for name in ("sgd", "rmsprop", "adam", "SGD", "RMSprop", "Adam")})
def optimizer_by_name_has_the_default_learning_rate(keras: Any, name: str) -> Outputs:
    x, y = regression(21)
    model = network(keras)
    model.compile(name, "mse")
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    return {"rate": float(np.asarray(model.optimizer.learning_rate)), **kept(model, history)}


@scenario
def the_optimizer_nobody_names_is_rmsprop(keras: Any) -> Outputs:
    x, y = regression(21)
    model = network(keras)
    model.compile(loss="mse")
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@cases({name: {"rule": RULES[name]} for name in ("momentum", "nesterov", "adam", "rmsprop with momentum")})
def changing_the_rate_midway_leaves_past_velocity_alone(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    model = weight_only(keras)
    model.compile(getattr(keras.optimizers, rule[0])(**rule[1]), output_itself)
    path = []
    for rate in (0.1, 0.1, 0.01, 0.01, 0.5):
        model.optimizer.learning_rate = rate
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        path.append(model.get_weights()[0].item())
    return {"path": path}


@scenario
def a_callback_that_sets_the_rate_acts_on_the_next_step(keras: Any) -> Outputs:
    class Halve(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = 0.2 / 2**epoch

    x, y = regression()
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.9, momentum=0.5), "mse")
    return kept(model, model.fit(x, y, epochs=3, shuffle=False, verbose=0, callbacks=[Halve()]))


@scenario
def fitting_twice_continues_the_optimizer_and_compiling_again_renews_it(keras: Any) -> Outputs:
    x, y = regression()
    twice, renewed, once = network(keras), network(keras), network(keras)
    found: Outputs = {}
    for name, model, parts in (("twice", twice, 2), ("renewed", renewed, 2), ("once", once, 1)):
        model.compile("adam", "mse")
        for part in range(parts):
            if name == "renewed":
                model.compile("adam", "mse")
            history = model.fit(x, y, epochs=2 // parts, shuffle=False, verbose=0)
            found[f"{name}{part}"] = kept(model, history)
        found[f"{name} iterations"] = int(model.optimizer.iterations)
    return found


@scenario
def the_learning_rate_must_be_a_float(keras: Any) -> Outputs:
    found: Outputs = {}
    for name in ("SGD", "RMSprop", "Adam"):
        with error_into(found, name):
            getattr(keras.optimizers, name)(1)
    return found


@scenario
def only_one_kind_of_clipping_may_be_asked_for(keras: Any) -> Outputs:
    found: Outputs = {}
    with error_into(found):
        keras.optimizers.SGD(0.1, clipnorm=1.0, clipvalue=1.0)
    return found


# --- on variables by themselves --------------------------------------------------------------------------------------


def variables_of(keras: Any) -> list[Any]:
    """A kernel (2, 3), a bias (3,) and a number, float64."""
    rng = np.random.default_rng(7)
    shapes = {"kernel": (2, 3), "bias": (3,), "scale": ()}
    return [keras.Variable(rng.normal(size=shape), dtype="float64", name=name) for name, shape in shapes.items()]


def steps_of(keras: Any, optimizer: Any, variables: list[Any], steps: int = 5, without: Any = ()) -> Outputs:
    """Take steps on drawn gradients, none for ``(step, index)`` in ``without``; keep weights and the whole state."""
    rng = np.random.default_rng(8)
    path = []
    for step in range(steps):
        drawn = [rng.normal(size=tuple(v.shape)) * 10.0 ** rng.integers(-3, 3) for v in variables]
        gradients = [None if (step, i) in without else keras.ops.convert_to_tensor(g) for i, g in enumerate(drawn)]
        optimizer.apply(gradients, variables)
        path.append(np.concatenate([np.ravel(v.numpy()) for v in variables]))
    return {"path": path, **state_of(optimizer)}


def state_of(optimizer: Any) -> Outputs:
    kept = optimizer.variables
    return {
        "names": [v.name for v in kept[:8]],  # the last of Nadam's is called as chance has it
        "paths": [v.path for v in kept[:8]],
        "state": np.concatenate([np.ravel(np.array(v.numpy(), dtype="float64")) for v in kept]),
        "iterations": int(optimizer.iterations),
    }


@cases({name: {"rule": rule} for name, rule in RULES.items()})
def optimizer_keeps_its_state_in_variables(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    optimizer = getattr(keras.optimizers, rule[0])(**rule[1], name="rule")
    before = state_of(optimizer)
    return {"before": before, **steps_of(keras, optimizer, variables_of(keras))}


@cases(
    {name: {"rule": RULES[name]} for name in ("momentum", "adam", "nadam", "ftrl", "rmsprop, centered with momentum")}
)
def a_variable_without_a_gradient_is_left_alone(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    found: Outputs = {}
    for name, more in {
        "plain": {},
        "decay and clip": {"weight_decay": 0.1, "global_clipnorm": 0.5},
        "mean weights": EMA,
        "accumulating": {"gradient_accumulation_steps": 2, "clipnorm": 0.5},
    }.items():
        optimizer = getattr(keras.optimizers, rule[0])(**rule[1], **more, name="rule")
        found[name] = steps_of(keras, optimizer, variables_of(keras), without={(1, 0), (2, 1), (2, 2), (3, 0)})
    return found


@cases({"all": {"without": [(0, 0), (0, 1), (0, 2)]}, "none given": {"without": None}})
def gradients_must_be_there(keras: Any, without: Any) -> Outputs:
    found: Outputs = {}
    optimizer = keras.optimizers.SGD(0.1)
    with error_into(found):
        if without is None:
            optimizer.apply([np.ones(())])
        else:
            steps_of(keras, optimizer, variables_of(keras), 1, without)
    return found


@cases(
    {
        "max norm": {"make": lambda keras: keras.constraints.MaxNorm(0.7)},
        "max norm along the last axis": {"make": lambda keras: keras.constraints.MaxNorm(0.7, axis=-1)},
        "norm within bounds": {"make": lambda keras: keras.constraints.MinMaxNorm(0.5, 0.8)},
        "norm half the way": {"make": lambda keras: keras.constraints.MinMaxNorm(0.5, 0.8, rate=0.5, axis=[0])},
        "unit norm": {"make": lambda keras: keras.constraints.UnitNorm()},
        "not negative": {"make": lambda keras: keras.constraints.NonNeg()},
        "a function": {"make": lambda keras: lambda w: keras.ops.clip(w, -0.1, 0.2)},
    }
)
def constraints_hold_after_each_step(keras: Any, make: Any) -> Outputs:
    found: Outputs = {}
    for name, more in {"adam": {}, "mean weights": EMA, "accumulating": {"gradient_accumulation_steps": 2}}.items():
        kernel, bias, scale = variables_of(keras)
        kernel.constraint = make(keras)
        optimizer = keras.optimizers.Adam(0.3, **more, name="rule")
        found[name] = steps_of(keras, optimizer, [kernel, bias, scale], without={(2, 0)})
    return found


@cases(
    {
        "by name": {"how": {"var_names": ["bias"]}},
        "by expression": {"how": {"var_names": ["ker.*l", "nothing"]}},
        "by variable": {"how": {"var_list": [0, 2]}},
        "both": {"how": {"var_names": ["bias"], "var_list": [2]}},
        "nothing": {"how": {}},
    }
)
def what_is_excluded_does_not_decay(keras: Any, how: dict[str, Any]) -> Outputs:
    found: Outputs = {}
    for kind in ("SGD", "AdamW"):
        variables = variables_of(keras)
        optimizer = getattr(keras.optimizers, kind)(0.1, weight_decay=0.2, name="rule")
        given = {k: [variables[i] for i in v] if k == "var_list" else v for k, v in how.items()}
        optimizer.exclude_from_weight_decay(**given)
        found[kind] = steps_of(keras, optimizer, variables)
    return found


@scenario
def a_scaled_loss_is_scaled_back(keras: Any) -> Outputs:
    optimizer = keras.optimizers.Adam(0.1, loss_scale_factor=1024.0, clipnorm=0.1, name="rule")
    return {"scaled": float(optimizer.scale_loss(0.5)), **steps_of(keras, optimizer, variables_of(keras))}


@scenario
def a_rule_of_the_users_own_is_called_variable_by_variable(keras: Any) -> Outputs:
    class Signed(keras.optimizers.Optimizer):
        def __init__(self, learning_rate: Any = 0.1, keep: float = 0.5, **kwargs: Any) -> None:
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.keep = keep

        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.means = self.add_optimizer_variables(variables, "mean")
            self.largest = [self.add_variable_from_reference(v, "largest", initializer="ones") for v in variables]
            self.count = self.add_variable((), name="count", dtype="float64")

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            i = self._get_variable_index(variable)
            self.assign(self.means[i], self.means[i] * self.keep + gradient * (1 - self.keep))
            self.assign(self.largest[i], keras.ops.maximum(self.largest[i], keras.ops.abs(gradient)))
            self.assign_add(self.count, 1.0)
            self.assign_sub(variable, learning_rate * self.means[i] / self.largest[i])

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "keep": self.keep}

    found: Outputs = {"config": json.dumps(Signed(name="s").get_config(), sort_keys=True)}
    for name, more in {"plain": {}, "all": {"weight_decay": 0.1, "clipnorm": 0.5, **EMA}}.items():
        optimizer = Signed.from_config({**Signed(keep=0.8, name="rule").get_config(), **more})
        found[name] = steps_of(keras, optimizer, variables_of(keras), without={(1, 1)})
    return found


@scenario
def a_rule_may_build_on_another(keras: Any) -> Outputs:
    class Halved(keras.optimizers.Ftrl):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient * 0.5, variable, learning_rate)

    return steps_of(keras, Halved(0.3, name="rule"), variables_of(keras), without={(1, 1)})


@scenario
def weights_of_an_optimizer_are_set_and_stored(keras: Any) -> Outputs:
    first, second = (keras.optimizers.Adam(0.1, amsgrad=True, name="rule") for _ in range(2))
    steps_of(keras, first, variables_of(keras))
    second.build(variables_of(keras))
    second.set_weights([np.array(v.numpy()) for v in first.variables])
    store: dict[str, Any] = {}
    first.save_own_variables(store)
    third = keras.optimizers.Adam(0.5, amsgrad=True, name="rule")
    third.build(variables_of(keras))
    third.load_own_variables(store)
    found: Outputs = {"keys": list(store), "set": state_of(second), "loaded": state_of(third)}
    with error_into(found):
        keras.optimizers.SGD(0.1).set_weights([np.zeros(())])
    return found


@cases({name: {"rule": rule} for name, rule in RULES.items()})
def optimizer_is_described_by_its_arguments(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    described = keras.optimizers.serialize(getattr(keras.optimizers, rule[0])(**rule[1], name="rule"))
    again = keras.optimizers.deserialize(json.loads(json.dumps(described)))
    return {
        "config": json.dumps(described["config"], sort_keys=True),
        "same": keras.optimizers.serialize(again) == described,
        "steps": steps_of(keras, again, variables_of(keras), 2),
    }


# --- schedules -------------------------------------------------------------------------------------------------------

SCHEDULES: dict[str, tuple[str, dict[str, Any]]] = {
    "exponential": (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5},
    ),
    "exponential in stairs": (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5, "staircase": True},
    ),
    "inverse time": ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5}),
    "inverse time in stairs": (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5, "staircase": True},
    ),
    "piecewise constant": ("PiecewiseConstantDecay", {"boundaries": [2, 5, 10], "values": [0.1, 0.05, 0.2, 0.01]}),
    "polynomial": ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7}),
    "polynomial of power 2": (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "end_learning_rate": 0.02, "power": 2.0},
    ),
    "polynomial in cycles": (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 4, "end_learning_rate": 0.02, "power": 0.5, "cycle": True},
    ),
    "cosine": ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 8, "alpha": 0.1}),
    "cosine after a warm-up": (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 8, "alpha": 0.1, "warmup_target": 0.2, "warmup_steps": 4},
    ),
    "cosine, straight to the target": (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 8, "warmup_target": 0.2},
    ),
    "cosine with restarts": ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4}),
    "cosine with longer, lower restarts": (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 3, "t_mul": 1.5, "m_mul": 0.7, "alpha": 0.1},
    ),
    "cosine with restarts of one length": (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 4, "t_mul": 1.0, "m_mul": 0.8},
    ),
}


@cases({name: {"rule": rule} for name, rule in SCHEDULES.items()})
def schedule_gives_the_rate_of_each_step(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    schedules = keras.optimizers.schedules
    schedule = getattr(schedules, rule[0])(**rule[1])
    described = schedules.serialize(schedule)
    again = schedules.deserialize(json.loads(json.dumps(described)))
    step = keras.Variable(5, dtype="int64", trainable=False)
    return {
        "rates": [float(schedule(i)) for i in range(25)],
        "again": [float(again(i)) for i in range(25)],
        "of a variable": float(schedule(step)),
        "config": json.dumps(described["config"], sort_keys=True),
    }


@cases({name: {"rule": rule} for name, rule in SCHEDULES.items()})
def optimizer_follows_a_schedule(keras: Any, rule: tuple[str, dict[str, Any]]) -> Outputs:
    found: Outputs = {}
    for name, more in {"plain": {}, "accumulating": {"gradient_accumulation_steps": 2}}.items():
        schedule = getattr(keras.optimizers.schedules, rule[0])(**rule[1])
        optimizer = keras.optimizers.Adam(schedule, weight_decay=0.1, **more, name="rule")
        described = keras.optimizers.serialize(optimizer)
        again = keras.optimizers.deserialize(json.loads(json.dumps(described)))
        found[name] = {
            "config": json.dumps(described["config"], sort_keys=True),
            "rate": float(optimizer.learning_rate),
            **steps_of(keras, again, variables_of(keras), 6),
            "rate after": float(again.learning_rate),
        }
    return found


@scenario
def a_schedule_trains_a_network(keras: Any) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    rate = keras.optimizers.schedules.CosineDecay(0.01, 10, warmup_target=0.5, warmup_steps=3)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy")
    return kept(model, model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0))


@scenario
def a_rate_may_be_a_function_of_nothing(keras: Any) -> Outputs:
    rates = iter([0.5, 0.1, 0.02])
    return steps_of(keras, keras.optimizers.SGD(lambda: next(rates), name="rule"), variables_of(keras), 3)


@scenario
def a_schedule_cannot_be_set_to_a_number(keras: Any) -> Outputs:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    optimizer = keras.optimizers.SGD(schedule, name="rule")
    found: Outputs = {}
    with error_into(found):
        optimizer.learning_rate = 0.5
    optimizer = keras.optimizers.SGD(0.1, name="rule")
    optimizer.learning_rate = keras.optimizers.schedules.PolynomialDecay(optimizer.learning_rate, 4)
    return {**found, **steps_of(keras, optimizer, variables_of(keras))}


@scenario
def schedules_check_their_arguments(keras: Any) -> Outputs:
    schedules = keras.optimizers.schedules
    found: Outputs = {}
    for name, make in {
        "exponential": lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        "inverse": lambda: schedules.InverseTimeDecay(0.1, -1, 0.5),
        "polynomial": lambda: schedules.PolynomialDecay(0.1, 0),
        "cosine": lambda: schedules.CosineDecay(0.1, 0),
        "restarts": lambda: schedules.CosineDecayRestarts(0.1, 0),
        "piecewise": lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
        "base": lambda: schedules.LearningRateSchedule()(0),
    }.items():
        with error_into(found, name):
            make()
    return found
