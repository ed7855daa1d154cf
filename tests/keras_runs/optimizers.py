"""Update rules: on gradients written by hand (batches of one row through a neuron without bias) and on a network."""

from typing import Any

import numpy as np

from .common import Outputs, cases, classes, error_into, kept, network, output_itself, regression, scenario, weight_only

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
