"""Notebook 07: four update rules as plain functions, weight decay, and the class that remembers.

A case is there because some wrong answer passes all the others: no learning rate equals one minus a momentum,
the gradients reach down to 1e-8, where the place of epsilon shows, and what is remembered is seldom 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios.optimizers import use_adam

Array = NDArray[Any]
Rng = np.random.Generator
Cases = dict[str, tuple[Any, ...]]
Pair = tuple[Array, Array]
Triple = tuple[Array, Array, Array]


# --------------------------------------------------------------------------- momentum_step


def _momentum_step(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + v, v


def _arrays(rng: Rng, count: int, *shape: int) -> tuple[Array, ...]:
    return tuple(rng.normal(size=shape) for _ in range(count))


def _momentum_cases(rng: Rng) -> Cases:
    return {
        "two weights in motion": (*_arrays(rng, 3, 2), 0.3, 0.9),
        "seven weights": (*_arrays(rng, 3, 7), 0.06, 0.8),
        "a matrix": (*_arrays(rng, 3, 3, 2), 0.04, 0.5),
        "the first step, from rest": (*_arrays(rng, 2, 5), np.zeros(5), 0.2, 0.9),
        "a gradient of zero": (rng.normal(size=4), np.zeros(4), rng.normal(size=4), 0.3, 0.8),
        "a momentum of 0": (*_arrays(rng, 3, 6), 0.25, 0.0),
        "a learning rate of 0": (*_arrays(rng, 3, 4), 0.0, 0.7),
        "a large gradient": (rng.normal(size=3), 1e6 * rng.normal(size=3), rng.normal(size=3), 0.01, 0.95),
        "one weight": (*_arrays(rng, 3, 1), 0.6, 0.9),
        "three axes": (*_arrays(rng, 3, 2, 1, 4), 0.15, 0.99),
    }


def _momentum_pytorch(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v + g
    return w - learning_rate * v, v


def _momentum_mean(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - (1 - momentum) * learning_rate * g
    return w + v, v


def _momentum_up(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v + learning_rate * g
    return w + v, v


def _momentum_other_sign(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v + learning_rate * g
    return w - v, v


def _momentum_subtracted(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w - v, v


def _momentum_old(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    return w + v, momentum * v - learning_rate * g


def _momentum_kept(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    return w + momentum * v - learning_rate * g, v


def _momentum_rate_twice(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + learning_rate * v, v


def _momentum_no_friction(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = v - learning_rate * g
    return w + v, v


def _momentum_of_all(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * (v - learning_rate * g)
    return w + v, v


def _momentum_plain(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    return w - learning_rate * g, v


def _momentum_no_rate(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - g
    return w + v, v


def _momentum_gradient_twice(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + v - learning_rate * g, v


def _momentum_old_subtracted(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = -momentum * v - learning_rate * g
    return w + v, v


def _momentum_exchanged(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    return _momentum_step(w, g, v, learning_rate, momentum)[::-1]


def _momentum_w_only(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Array:
    return _momentum_step(w, g, v, learning_rate, momentum)[0]


def _momentum_in_v(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v *= momentum
    v -= learning_rate * g
    return w + v, v


def _momentum_in_both(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v *= momentum
    v -= learning_rate * g
    w += v
    return w, v


def _momentum_in_w(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    w += v
    return w, v


def _right_momentum_loop(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> list[Array]:
    new_w, new_v = w.copy(), v.copy()
    for i in np.ndindex(w.shape):
        new_v[i] = momentum * v[i] - learning_rate * g[i]
        new_w[i] = w[i] + new_v[i]
    return [new_w, new_v]


def _right_momentum_gradient_first(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    velocity = -np.multiply(learning_rate, g)
    velocity += momentum * v
    return np.add(w, velocity), velocity


def _right_momentum_from_pytorch(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    step = learning_rate * g - v * momentum
    return w - step, -step


_IN_PLACE_HINT = "v = ... with a new array on the right, and return what you have computed."

MOMENTUM_STEP = Exercise(
    identifier="optimizers.momentum_step",
    signature="momentum_step(w, g, v, learning_rate, momentum) -> (w, v)",
    points=1,
    minutes=6,
    difficulty=1,
    lines=2,
    reference=_momentum_step,
    cases=_momentum_cases,
    mistakes=(
        Mistake(
            "PyTorch's velocity",
            _momentum_pytorch,
            "There the learning rate stands outside of the velocity; in Keras it is inside, so that v is a step.",
            "The rate multiplies g before it enters v, and v is then added as it is.",
        ),
        Mistake(
            "a mean of the gradients",
            _momentum_mean,
            "(1 - momentum) makes v a running mean, as Adam's m is; momentum in SGD adds whole gradients up.",
            "From rest, the first velocity is minus the rate times g, whatever the momentum.",
        ),
        Mistake(
            "it climbs",
            _momentum_up,
            "The gradient points uphill, so it has to be subtracted somewhere.",
            "Which sign stands before the learning rate in the formula?",
        ),
        Mistake(
            "the velocity points backwards",
            _momentum_other_sign,
            "Many books write v with the other sign and subtract it; the v that comes in here points where w goes.",
            "The gradient is subtracted in v, and v is added to w.",
        ),
        Mistake(
            "the velocity subtracted",
            _momentum_subtracted,
            "v already holds minus the rate times g; subtracted once more, the weights climb.",
            "v is added.",
        ),
        Mistake(
            "the old velocity moves the weights",
            _momentum_old,
            "The weights move by what v was before this gradient; they lag one step behind.",
            "First the new v, then the new w from it.",
        ),
        Mistake(
            "the new velocity is not returned",
            _momentum_kept,
            "The weights are right, but v comes back as it went in, so the next step will not remember this gradient.",
            "The second thing to return is the velocity that w was moved by.",
        ),
        Mistake(
            "the learning rate twice",
            _momentum_rate_twice,
            "The rate is in v already.",
            "v is a step: it is added to w as it is.",
        ),
        Mistake(
            "no friction",
            _momentum_no_friction,
            "Without momentum times v nothing of an old velocity is ever lost.",
            "The old v is multiplied by the momentum first.",
        ),
        Mistake(
            "the momentum multiplies the gradient too",
            _momentum_of_all,
            "Only the old velocity fades; the new gradient comes in whole.",
            "Where do the brackets end?",
        ),
        Mistake(
            "plain gradient descent",
            _momentum_plain,
            "The velocity takes no part: this is the step of notebook 01.",
            "Two lines: what is the new v, and what does it do to w?",
        ),
        Mistake(
            "the learning rate is missing",
            _momentum_no_rate,
            "The gradient enters the velocity whole, whatever the rate is.",
            "What does the formula multiply g by?",
        ),
        Mistake(
            "the gradient counted twice",
            _momentum_gradient_twice,
            "v holds this gradient already, and it is subtracted from w once more.",
            "w moves by v and by nothing else.",
        ),
        Mistake(
            "the old velocity turned round",
            _momentum_old_subtracted,
            "With a minus before it the old velocity pushes back; it is to go on, a little slower.",
            "v is momentum times v, minus the rate times g.",
        ),
        Mistake(
            "w and v exchanged",
            _momentum_exchanged,
            "The velocity comes back first.",
            "The signature says in which order.",
        ),
        Mistake(
            "only w returned",
            _momentum_w_only,
            "The next step needs the velocity, and nobody else has it.",
            "return two things, with a comma between them.",
        ),
        Mistake(
            "v changed where it lies",
            _momentum_in_v,
            "v *= ... and v -= ... write into the array that was passed in.",
            _IN_PLACE_HINT,
        ),
        Mistake(
            "w changed where it lies",
            _momentum_in_w,
            "w += ... writes into the array that was passed in.",
            _IN_PLACE_HINT,
        ),
        Mistake(
            "w and v changed where they lie",
            _momentum_in_both,
            "*=, -= and += write into the arrays that were passed in.",
            _IN_PLACE_HINT,
        ),
    ),
    hints=(
        "Two lines in the order of the formula: the new velocity, then the weights that it moves.",
        "The new v is momentum times the old v, minus learning_rate times g. The new w is w plus that.",
        "v = momentum * v - learning_rate * g makes a new array and gives it the name v; then return w + v, v.",
    ),
    alternatives=(_right_momentum_loop, _right_momentum_gradient_first, _right_momentum_from_pytorch),
)


# --------------------------------------------------------------------------- nesterov_step


def _nesterov_step(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + momentum * v - learning_rate * g, v


def _nesterov_no_gradient(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + momentum * v, v


def _nesterov_no_momentum(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + v - learning_rate * g, v


def _nesterov_climbs(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + momentum * v + learning_rate * g, v


def _nesterov_no_rate(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + momentum * v - g, v


def _nesterov_look_ahead_kept(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    v = momentum * v - learning_rate * g
    return w + v, v


def _nesterov_both(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v - learning_rate * g
    return w + v + momentum * v - learning_rate * g, v


def _nesterov_pytorch(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v + g
    return w - learning_rate * (g + momentum * v), v


def _nesterov_other_sign(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v = momentum * v + learning_rate * g
    return w - momentum * v - learning_rate * g, v


def _nesterov_twice_faded(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    new = momentum * v - learning_rate * g
    return w + momentum * (new - learning_rate * g), new


def _nesterov_kept(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    return _nesterov_step(w, g, v, learning_rate, momentum)[0], v


def _nesterov_exchanged(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    return _nesterov_step(w, g, v, learning_rate, momentum)[::-1]


def _nesterov_w_only(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Array:
    return _nesterov_step(w, g, v, learning_rate, momentum)[0]


def _nesterov_in_v(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    v *= momentum
    v -= learning_rate * g
    return w + momentum * v - learning_rate * g, v


def _right_nesterov_loop(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> tuple[list, list]:
    flat_w, flat_v = [], []
    for old, slope, speed in zip(w.ravel(), g.ravel(), v.ravel(), strict=True):
        speed = momentum * speed - learning_rate * slope
        flat_v.append(speed)
        flat_w.append(old + momentum * speed - learning_rate * slope)
    return np.reshape(flat_w, w.shape).tolist(), np.reshape(flat_v, v.shape).tolist()


def _right_nesterov_expanded(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    down = -learning_rate * g
    return w + momentum**2 * v + (1 + momentum) * down, momentum * v + down


def _right_nesterov_by_momentum(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    _, speed = _momentum_step(w, g, v, learning_rate, momentum)
    moved, _ = _momentum_step(w, g, speed, learning_rate, momentum)
    return moved, speed


def _right_nesterov_two_points(w: Array, g: Array, v: Array, learning_rate: float, momentum: float) -> Pair:
    old, v = v, momentum * v - learning_rate * g
    return w - momentum * old + (1 + momentum) * v, v


NESTEROV_STEP = Exercise(
    identifier="optimizers.nesterov_step",
    signature="nesterov_step(w, g, v, learning_rate, momentum) -> (w, v)",
    points=1,
    minutes=6,
    difficulty=2,
    lines=2,
    reference=_nesterov_step,
    cases=_momentum_cases,
    mistakes=(
        Mistake(
            "ordinary momentum",
            _momentum_step,
            "The weights move by v, as in the last exercise; nothing looks ahead.",
            "w moves by momentum times the new v, minus the rate times g.",
        ),
        Mistake(
            "the gradient is left out of the look ahead",
            _nesterov_no_gradient,
            "w moves by momentum times v alone; the step of this gradient is missing.",
            "There are three terms in the formula for w.",
        ),
        Mistake(
            "the whole velocity, and the gradient again",
            _nesterov_no_momentum,
            "v is to fade once more on its way into w: it is multiplied by the momentum there.",
            "What does the formula for w multiply the new v by?",
        ),
        Mistake(
            "the look ahead climbs",
            _nesterov_climbs,
            "The last term has the wrong sign: the gradient points uphill.",
            "The rate times g is subtracted, in v and in w.",
        ),
        Mistake(
            "a gradient without the rate",
            _nesterov_no_rate,
            "In the formula for w, too, g comes with the learning rate before it.",
            "Look at the last term of your line for w.",
        ),
        Mistake(
            "the look ahead is kept as the velocity",
            _nesterov_look_ahead_kept,
            "The weights are right, but v comes back after two updates; the next step would look ahead from there.",
            "Give the two lines two names: the v to return is the first one.",
        ),
        Mistake(
            "the velocity, and the look ahead on top",
            _nesterov_both,
            "w moves by v and then once more; the look ahead takes the place of v, it is not added to it.",
            "There are three terms in the formula for w, and v alone is none of them.",
        ),
        Mistake(
            "PyTorch's velocity",
            _nesterov_pytorch,
            "There the learning rate stands outside of the velocity; in Keras it is inside.",
            "Begin with the line for v of momentum_step.",
        ),
        Mistake(
            "the velocity points backwards",
            _nesterov_other_sign,
            "Many books write v with the other sign and subtract it; the v that comes in here points where w goes.",
            "The gradient is subtracted in v, and momentum times v is added to w.",
        ),
        Mistake(
            "the momentum multiplies the gradient too",
            _nesterov_twice_faded,
            "Only v fades in the line for w; this gradient comes in whole.",
            "Where do the brackets end?",
        ),
        Mistake(
            "the new velocity is not returned",
            _nesterov_kept,
            "The weights are right, but v comes back as it went in, so the next step will not remember this gradient.",
            "The second thing to return is the new v.",
        ),
        Mistake(
            "w and v exchanged",
            _nesterov_exchanged,
            "The velocity comes back first.",
            "The signature says in which order.",
        ),
        Mistake(
            "only w returned",
            _nesterov_w_only,
            "The next step needs the velocity, and nobody else has it.",
            "return two things, with a comma between them.",
        ),
        Mistake(
            "plain gradient descent",
            _momentum_plain,
            "The velocity takes no part: this is the step of notebook 01.",
            "Two lines: what is the new v, and what does it do to w?",
        ),
        Mistake(
            "v changed where it lies",
            _nesterov_in_v,
            "v *= ... and v -= ... write into the array that was passed in.",
            _IN_PLACE_HINT,
        ),
    ),
    hints=(
        "The line for v is that of momentum_step. Only the line for w is new.",
        "w moves by momentum times the *new* v, minus learning_rate times g: as if the next step had begun already.",
        "After v = momentum * v - learning_rate * g, return w + momentum * v - ... with one term left to write, and v.",
    ),
    alternatives=(
        _right_nesterov_loop,
        _right_nesterov_expanded,
        _right_nesterov_by_momentum,
        _right_nesterov_two_points,
    ),
)


# --------------------------------------------------------------------------- rmsprop_step


def _rmsprop_step(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_cases(rng: Rng) -> Cases:
    def sizes(*shape: int) -> Array:
        return rng.uniform(0.2, 3.0, size=shape)

    tiny = 1e-4 * rng.choice([-1, 1], size=6) * sizes(6)
    return {
        "two weights": (*_arrays(rng, 2, 2), sizes(2), 0.3, 0.9, 1e-7),
        "seven weights": (*_arrays(rng, 2, 7), sizes(7), 0.06, 0.75, 1e-7),
        "a matrix": (*_arrays(rng, 2, 3, 2), sizes(3, 2), 0.04, 0.8, 1e-7),
        "the first step, from rest": (*_arrays(rng, 2, 5), np.zeros(5), 0.2, 0.9, 1e-7),
        "gradients near 1e-4, from rest": (rng.normal(size=6), tiny, np.zeros(6), 0.1, 0.9, 1e-7),
        "a gradient of zero, from rest": (rng.normal(size=4), np.zeros(4), np.zeros(4), 0.3, 0.9, 1e-7),
        "a rho of 0": (*_arrays(rng, 2, 4), sizes(4), 0.25, 0.0, 1e-7),
        "an epsilon of 0.5": (*_arrays(rng, 2, 4), sizes(4), 0.15, 0.95, 0.5),
        "large gradients": (rng.normal(size=3), 1e5 * rng.normal(size=3), sizes(3), 0.01, 0.9, 1e-7),
        "a learning rate of 0": (*_arrays(rng, 2, 3), sizes(3), 0.0, 0.7, 1e-7),
        "one weight": (*_arrays(rng, 2, 1), sizes(1), 0.6, 0.9, 1e-7),
    }


def _rmsprop_outside(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / (np.sqrt(v) + epsilon), v


def _rmsprop_no_root(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / (v + epsilon), v


def _rmsprop_old(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    return w - learning_rate * g / np.sqrt(v + epsilon), rho * v + (1 - rho) * g**2


def _rmsprop_not_squared(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_absolute(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * np.abs(g)
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_rho(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    return _rmsprop_step(w, g, v, learning_rate, 1 - rho, epsilon)


def _rmsprop_sum(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_adagrad(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = v + g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_no_epsilon(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / np.sqrt(v), v


def _rmsprop_up(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2
    return w + learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_rate_in_v(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * (learning_rate * g) ** 2
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_one_size(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * np.mean(g**2)
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _rmsprop_epsilon_kept(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2 + epsilon
    return w - learning_rate * g / np.sqrt(v), v


def _rmsprop_root_kept(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = np.sqrt(rho * v + (1 - rho) * g**2 + epsilon)
    return w - learning_rate * g / v, v


def _rmsprop_brackets(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / np.sqrt(v) + epsilon, v


def _rmsprop_exchanged(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    return _rmsprop_step(w, g, v, learning_rate, rho, epsilon)[::-1]


def _rmsprop_kept(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    return _rmsprop_step(w, g, v, learning_rate, rho, epsilon)[0], v


def _rmsprop_w_only(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Array:
    return _rmsprop_step(w, g, v, learning_rate, rho, epsilon)[0]


def _rmsprop_in_v(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    v *= rho
    v += (1 - rho) * g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def _right_rmsprop_loop(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    new_w, new_v = np.empty(w.shape), np.empty(w.shape)
    for i in np.ndindex(w.shape):
        new_v[i] = rho * v[i] + (1 - rho) * g[i] * g[i]
        new_w[i] = w[i] - learning_rate * g[i] / (new_v[i] + epsilon) ** 0.5
    return new_w, new_v


def _right_rmsprop_moved(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> list[Array]:
    size = v + (1 - rho) * (np.square(g) - v)
    return [w - np.divide(learning_rate, np.sqrt(size + epsilon)) * g, size]


def _right_rmsprop_copies(w: Array, g: Array, v: Array, learning_rate: float, rho: float, epsilon: float) -> Pair:
    w, v = np.array(w), np.array(v)
    v *= rho
    v += (1 - rho) * np.abs(g) ** 2
    w -= learning_rate * g * (v + epsilon) ** -0.5
    return w, v


RMSPROP_STEP = Exercise(
    identifier="optimizers.rmsprop_step",
    signature="rmsprop_step(w, g, v, learning_rate, rho, epsilon) -> (w, v)",
    points=2,
    minutes=8,
    difficulty=2,
    lines=2,
    reference=_rmsprop_step,
    cases=_rmsprop_cases,
    mistakes=(
        Mistake(
            "epsilon outside of the root",
            _rmsprop_outside,
            "sqrt(v) + epsilon is PyTorch's form; Keras takes the root of v + epsilon, which is far larger "
            "where v is tiny: the root of 1e-7 is 3e-4.",
            "Add epsilon first, then take the root.",
        ),
        Mistake(
            "the root is missing",
            _rmsprop_no_root,
            "v is a mean of squares; without its root a gradient twice as large makes a step half as long.",
            "np.sqrt of v + epsilon.",
        ),
        Mistake(
            "the old v divides",
            _rmsprop_old,
            "This gradient's own square is to be in the v that divides it.",
            "First the new v, then the new w from it.",
        ),
        Mistake(
            "the gradient is not squared",
            _rmsprop_not_squared,
            "A mean of gradients can be negative, and its root is nan; their squares cannot.",
            "v remembers g squared.",
        ),
        Mistake(
            "absolute gradients",
            _rmsprop_absolute,
            "A mean of absolute values is a size, too, but not the one whose root belongs below the line.",
            "v remembers g squared.",
        ),
        Mistake(
            "rho and 1 - rho exchanged",
            _rmsprop_rho,
            "With rho = 0.9 nine tenths of v should be old.",
            "rho is the share of the past.",
        ),
        Mistake(
            "1 - rho is missing",
            _rmsprop_sum,
            "The two shares no longer add up to 1, and v grows to ten times the mean square.",
            "A mean of old and new: rho of the one, 1 - rho of the other.",
        ),
        Mistake(
            "nothing is forgotten",
            _rmsprop_adagrad,
            "A sum of all squares only ever grows, so the steps die out: that is Adagrad, which came before.",
            "A mean of old and new: rho of the one, 1 - rho of the other.",
        ),
        Mistake(
            "epsilon is missing",
            _rmsprop_no_epsilon,
            "A weight whose gradients were all 0 has a v of 0, and 0 / 0 is nan.",
            "Something small stands beside v under the root.",
        ),
        Mistake(
            "it climbs",
            _rmsprop_up,
            "The gradient points uphill; the step goes against it.",
            "w minus, not plus.",
        ),
        Mistake(
            "the learning rate in v",
            _rmsprop_rate_in_v,
            "The rate would cancel between g and the root of v; v remembers the bare gradient.",
            "The rate appears once, in the line for w.",
        ),
        Mistake(
            "one size for all weights",
            _rmsprop_one_size,
            "The mean over the array gives all weights one v; each is to have its own.",
            "No np.mean: rho * v + (1 - rho) * g**2 works element by element.",
        ),
        Mistake(
            "epsilon kept in v",
            _rmsprop_epsilon_kept,
            "Epsilon belongs to the division only; kept in v it adds up, step by step.",
            "Write v + epsilon where you take the root.",
        ),
        Mistake(
            "the root kept in v",
            _rmsprop_root_kept,
            "What is remembered is the mean of squares; the next step takes its mean with another square.",
            "Take the root in the line for w.",
        ),
        Mistake(
            "the new v is not returned",
            _rmsprop_kept,
            "The weights are right, but v comes back as it went in: nothing is remembered.",
            "The second thing to return is the new v.",
        ),
        Mistake(
            "epsilon added to the weights",
            _rmsprop_brackets,
            "/ np.sqrt(v) + epsilon divides first and adds epsilon to the result.",
            "Both belong into one pair of brackets: np.sqrt(v + epsilon).",
        ),
        Mistake(
            "w and v exchanged",
            _rmsprop_exchanged,
            "v comes back first.",
            "The signature says in which order.",
        ),
        Mistake(
            "only w returned",
            _rmsprop_w_only,
            "The next step needs v, and nobody else has it.",
            "return two things, with a comma between them.",
        ),
        Mistake(
            "v changed where it lies",
            _rmsprop_in_v,
            "v *= ... and v += ... write into the array that was passed in.",
            _IN_PLACE_HINT,
        ),
    ),
    hints=(
        "Two lines: the new v, a mean of old v and new square; then w, by a gradient divided by a root.",
        "rho of the old v, 1 - rho of g squared. Below the line stands the root of the new v plus epsilon, "
        "epsilon inside.",
        "v = rho * v + (1 - rho) * g**2; then w - learning_rate * g / np.sqrt(...), with two things under the root.",
    ),
    alternatives=(_right_rmsprop_loop, _right_rmsprop_moved, _right_rmsprop_copies),
)


# --------------------------------------------------------------------------- adam_step


def _adam_step(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    step: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Triple:
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_step_cases(rng: Rng) -> Cases:
    def walk(n: int, scale: float = 1.0) -> tuple[Array, Array, Array, Array]:
        """Give w, g, m and v in the midst of a run; m² is at most v, as it is in one."""
        m = scale * rng.normal(size=n)
        return rng.normal(size=n), scale * rng.normal(size=n), m, m**2 + scale**2 * rng.uniform(0.1, 1, size=n)

    def rest(g: Array) -> tuple[Array, Array, Array, Array]:
        return rng.normal(size=g.shape), g, np.zeros(g.shape), np.zeros(g.shape)

    signs = rng.choice([-1, 1], size=(3, 5))
    usual = (0.9, 0.999, 1e-7)
    matrix = (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.uniform(1, 9, size=(2, 3)))
    return {
        "one weight, step 3": (*walk(1), 3, 0.2, *usual),
        "the first step": (*rest(rng.normal(size=4)), 1, 0.3, *usual),
        "step 2": (*walk(7), 2, 0.05, *usual),
        "a matrix, step 12": (*matrix, 12, 0.2, *usual),
        "step 2000": (*walk(5), 2000, 0.4, *usual),
        "the first step, gradients near 1e-7": (*rest(1e-7 * signs[0] * rng.uniform(0.5, 2, 5)), 1, 0.7, *usual),
        "step 3, gradients near 1e-6": (*walk(5, 1e-6), 3, 0.5, *usual),
        "a gradient of zero, never any other": (*rest(np.zeros(3)), 1, 0.1, *usual),
        "gradients of 1e6": (*rest(1e6 * signs[1] * rng.uniform(1, 2, 5)), 1, 0.15, *usual),
        "other betas": (*walk(6), 4, 0.25, 0.6, 0.95, 1e-3),
        "a beta_1 of 0": (*walk(4), 5, 0.6, 0.0, 0.99, 1e-7),
    }


def _adam_uncorrected(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_only_m(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate / (1 - beta_1**step) * m / (np.sqrt(v) + epsilon), m, v


def _adam_only_v(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate * np.sqrt(1 - beta_2**step) * m / (np.sqrt(v) + epsilon), m, v


def _adam_paper(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def _adam_inside(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / np.sqrt(v + epsilon), m, v


def _adam_from_zero(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2 ** (step - 1)) / (1 - beta_1 ** (step - 1))
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_one_more(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2 ** (step + 1)) / (1 - beta_1 ** (step + 1))
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_corrected_kept(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    new_w, m, v = _adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)
    return new_w, m / (1 - beta_1**step), v / (1 - beta_2**step)


def _adam_corrected_kept_paper(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = (beta_1 * m + (1 - beta_1) * g) / (1 - beta_1**step)
    v = (beta_2 * v + (1 - beta_2) * g**2) / (1 - beta_2**step)
    return w - learning_rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_betas_exchanged(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    return _adam_step(w, g, m, v, step, learning_rate, beta_2, beta_1, epsilon)


def _adam_shares_exchanged(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = (1 - beta_1) * m + beta_1 * g
    v = (1 - beta_2) * v + beta_2 * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_sums(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + g
    v = beta_2 * v + g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_not_squared(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_absolute(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.abs(g)
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_square_of_mean(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * m**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_no_root(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (v + epsilon), m, v


def _adam_rate_no_root(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * (1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_times(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2 * step) / (1 - beta_1 * step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_no_power(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2) / (1 - beta_1)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_power_last(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2) ** step / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_rate_brackets(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / 1 - beta_1**step
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_gradient(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * g / (np.sqrt(v) + epsilon), m, v


def _adam_old(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    new_m, new_v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    return w - rate * m / (np.sqrt(v) + epsilon), new_m, new_v


def _adam_no_epsilon(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    return _adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, 0.0)


def _adam_up(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    new_w, m, v = _adam_step(w, g, m, v, step, -learning_rate, beta_1, beta_2, epsilon)
    return new_w, m, v


def _adam_upside_down(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * (1 - beta_1**step) / np.sqrt(1 - beta_2**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_brackets(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / np.sqrt(v) + epsilon, m, v


def _adam_both_roots(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / np.sqrt(1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _adam_exchanged(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    w, m, v = _adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)
    return w, v, m


def _adam_w_only(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    return _adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)[0]


def _adam_forgotten(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    return _adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)[0], m, v


def _adam_in_slots(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m *= beta_1
    m += (1 - beta_1) * g
    v *= beta_2
    v += (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _right_adam_scaled_epsilon(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.square(g)
    m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon / np.sqrt(1 - beta_2**step)), m, v


def _right_adam_loop(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    new = [np.empty(w.shape) for _ in range(3)]
    rate = learning_rate * (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
    for i in np.ndindex(w.shape):
        first, second = beta_1 * m[i] + (1 - beta_1) * g[i], beta_2 * v[i] + (1 - beta_2) * g[i] ** 2
        new[0][i], new[1][i], new[2][i] = w[i] - rate * first / (second**0.5 + epsilon), first, second
    return new


def _right_adam_moved(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m, v = m.copy(), v.copy()
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    change = m / (np.sqrt(v) + epsilon)
    change *= -learning_rate * np.sqrt(1 - np.power(beta_2, step)) / (1 - np.power(beta_1, step))
    return change + w, m, v


ADAM_STEP = Exercise(
    identifier="optimizers.adam_step",
    signature="adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon) -> (w, m, v)",
    points=2,
    minutes=12,
    difficulty=2,
    lines=4,
    reference=_adam_step,
    cases=_adam_step_cases,
    mistakes=(
        Mistake(
            "no correction",
            _adam_uncorrected,
            "m and v start at 0 and have not caught up: the first step is 3.16 times too long.",
            "Multiply the rate by the root of 1 - beta_2**step, and divide it by 1 - beta_1**step.",
        ),
        Mistake(
            "only m is corrected",
            _adam_only_m,
            "v is still far too small in the first steps: the very first is 31.6 times too long.",
            "The rate needs the root of 1 - beta_2**step, too.",
        ),
        Mistake(
            "only v is corrected",
            _adam_only_v,
            "m is still far too small in the first steps: the very first is a tenth of what it should be.",
            "The rate is divided by 1 - beta_1**step, too.",
        ),
        Mistake(
            "epsilon after the correction",
            _adam_paper,
            "The paper and PyTorch add epsilon to the corrected root; Keras adds it to the root of v as it is: "
            "at a gradient of 1e-7, a first step 16 times as short.",
            "Put the correction into the rate, and leave m and v as they are.",
        ),
        Mistake(
            "epsilon inside the root",
            _adam_inside,
            "Inside the root is where RMSprop has it; here it is added after the root was taken.",
            "np.sqrt(v) + epsilon.",
        ),
        Mistake(
            "steps counted from 0",
            _adam_from_zero,
            "1 - beta**0 is 0, and dividing by it gives inf or nan.",
            "step is 1 at the first step: use it as it is.",
        ),
        Mistake(
            "one step too many",
            _adam_one_more,
            "The correction of the next step is used; step is 1 already at the first.",
            "Use step as it is.",
        ),
        Mistake(
            "the corrected means are kept",
            _adam_corrected_kept,
            "m and v come back divided by the correction, and the next step would correct them again.",
            "The correction is for the step only; return the means as they are.",
        ),
        Mistake(
            "the means are corrected in place of the rate",
            _adam_corrected_kept_paper,
            "m and v are overwritten by their corrected values, and the next step would correct them again.",
            "Put the correction into the rate, and leave m and v as they are.",
        ),
        Mistake(
            "beta_1 and beta_2 exchanged",
            _adam_betas_exchanged,
            "m has the short memory, beta_1 = 0.9; v has the long one, beta_2 = 0.999.",
            "Read the two lines of the formula once more.",
        ),
        Mistake(
            "old and new shares exchanged",
            _adam_shares_exchanged,
            "With beta_1 = 0.9 nine tenths of m should be old.",
            "beta is the share of the past.",
        ),
        Mistake(
            "sums in place of means",
            _adam_sums,
            "Without 1 - beta, m grows to ten times the mean gradient, v to a thousand times the mean square.",
            "A mean of old and new: beta of the one, 1 - beta of the other.",
        ),
        Mistake(
            "v of gradients that are not squared",
            _adam_not_squared,
            "A mean of gradients can be negative, and its root is nan.",
            "v remembers g squared.",
        ),
        Mistake(
            "v of absolute gradients",
            _adam_absolute,
            "A mean of absolute values is not the one whose root belongs below the line.",
            "v remembers g squared.",
        ),
        Mistake(
            "v of the mean's square",
            _adam_square_of_mean,
            "Gradients of opposite sign cancel in m, so its square says nothing of their size.",
            "v remembers g squared, not m squared.",
        ),
        Mistake(
            "the root of v is missing",
            _adam_no_root,
            "v is a mean of squares; without its root a gradient twice as large makes a step half as long.",
            "np.sqrt(v) + epsilon.",
        ),
        Mistake(
            "the correction of v without its root",
            _adam_rate_no_root,
            "v is divided by 1 - beta_2**step, so its root is divided by the root of that.",
            "np.sqrt around 1 - beta_2**step.",
        ),
        Mistake(
            "beta times step",
            _adam_times,
            "What is left of a start at 0 shrinks by the factor beta at each step: a power, written **.",
            "beta_1**step, not beta_1 * step.",
        ),
        Mistake(
            "the same correction at every step",
            _adam_no_power,
            "1 - beta is right at the first step only; later the means have caught up.",
            "beta_1**step and beta_2**step.",
        ),
        Mistake(
            "the correction upside down",
            _adam_upside_down,
            "m is too small at first, so the rate is divided by what m has reached, and v the other way round.",
            "The root of 1 - beta_2**step above the line, 1 - beta_1**step below.",
        ),
        Mistake(
            "the bare gradient moves the weights",
            _adam_gradient,
            "m is computed and never used: this is RMSprop with a correction.",
            "What stands above the line is m.",
        ),
        Mistake(
            "the old means move the weights",
            _adam_old,
            "This gradient is to be in m and v before they are used.",
            "First the new m and v, then w.",
        ),
        Mistake(
            "epsilon is missing",
            _adam_no_epsilon,
            "A weight whose gradients were all 0 has a v of 0, and 0 / 0 is nan.",
            "np.sqrt(v) + epsilon.",
        ),
        Mistake(
            "it climbs",
            _adam_up,
            "The gradient points uphill; the step goes against it.",
            "w minus, not plus.",
        ),
        Mistake(
            "the power of the whole root",
            _adam_power_last,
            "np.sqrt(1 - beta_2) ** step raises the root to the power; in the formula only beta_2 is raised.",
            "The ** belongs inside of the brackets: 1 - beta_2**step.",
        ),
        Mistake(
            "the rate without brackets",
            _adam_rate_brackets,
            "/ 1 - beta_1**step divides by 1, and then subtracts the power from the rate.",
            "Brackets around what the rate is divided by: / (1 - beta_1**step).",
        ),
        Mistake(
            "epsilon added to the weights",
            _adam_brackets,
            "/ np.sqrt(v) + epsilon divides first and adds epsilon to the result.",
            "Brackets around the sum: / (np.sqrt(v) + epsilon).",
        ),
        Mistake(
            "a root in both corrections",
            _adam_both_roots,
            "m is a mean of gradients, not of squares: what it has reached is 1 - beta_1**step, without a root.",
            "np.sqrt around 1 - beta_2**step only.",
        ),
        Mistake(
            "m and v exchanged",
            _adam_exchanged,
            "v comes back before m.",
            "The signature says in which order.",
        ),
        Mistake(
            "only w returned",
            _adam_w_only,
            "The next step needs m and v, and nobody else has them.",
            "return three things.",
        ),
        Mistake(
            "the new means are not returned",
            _adam_forgotten,
            "The weights are right, but m and v come back as they went in: nothing is remembered.",
            "Return the new m and the new v.",
        ),
        Mistake(
            "m and v changed where they lie",
            _adam_in_slots,
            "*= and += write into the arrays that were passed in.",
            "m = ... with a new array on the right, and the same for v.",
        ),
    ),
    hints=(
        "Four lines: m, v, the corrected rate, and w. The line for v is that of rmsprop_step, with beta_2 for rho.",
        "m is the same mean of g itself, with beta_1. The rate is learning_rate times the root of 1 - beta_2**step, "
        "divided by 1 - beta_1**step. In the line for w, epsilon is outside of the root.",
        "rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step); then w - rate * m / (...), in the "
        "brackets the root of v plus epsilon; return w, m and v.",
    ),
    alternatives=(_right_adam_scaled_epsilon, _right_adam_loop, _right_adam_moved),
)


# --------------------------------------------------------------------------- Adam


class Adam:
    """Adam over a list of arrays, which it changes in place."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.iterations = 0
        self.m = self.v = None

    def build(self, variables):
        """Make two slots of zeros for each variable."""
        self.m = [np.zeros_like(w) for w in variables]
        self.v = [np.zeros_like(w) for w in variables]

    def apply(self, gradients, variables):
        """Take one step: change every variable in place."""
        if self.m is None:
            self.build(variables)
        self.iterations += 1
        settings = (self.iterations, self.learning_rate, self.beta_1, self.beta_2, self.epsilon)
        for i, (w, g) in enumerate(zip(variables, gradients, strict=True)):
            w[...], self.m[i], self.v[i] = _adam_step(w, g, self.m[i], self.v[i], *settings)


def _adam_cases(rng: Rng) -> Cases:
    def some(*shapes: tuple[int, ...], scale: float = 1.0) -> list[Array]:
        return [scale * rng.normal(size=shape) for shape in shapes]

    layer, twins = ((5, 3), (3,)), ((4,), (4,), (4,))
    usual = {"learning_rate": 0.1}
    other = {"learning_rate": 0.2, "beta_1": 0.6, "beta_2": 0.95, "epsilon": 1e-3}
    return {
        "one variable of two weights, two steps": (some((2,)), [some((2,)) for _ in range(2)], usual, None),
        "one variable, three steps": (some((7,)), [some((7,)) for _ in range(3)], usual, None),
        "a kernel and a bias, three steps": (some(*layer), [some(*layer) for _ in range(3)], usual, None),
        "three variables of one shape": (some(*twins), [some(*twins) for _ in range(4)], usual, None),
        "a rate changed on the way": (some(*layer), [some(*layer) for _ in range(4)], usual, 0.025),
        "gradients near 1e-7": (some(*layer), [some(*layer, scale=1e-7) for _ in range(2)], usual, None),
        "other settings": (some(*layer), [some(*layer) for _ in range(5)], other, None),
        "no settings given": (some((2, 6)), [some((2, 6)) for _ in range(2)], {}, None),
    }


class _StepsRight:
    """A right Adam in pieces, so that a mistake can replace one of them."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.iterations = 0
        self.slots = None

    def apply(self, gradients, variables):
        if self.slots is None:
            self.slots = self.zeros(variables)
        self.iterations += 1
        for i in range(len(variables)):
            w, m, v = self.moved(variables[i], gradients[i], *self.slots[i], self.iterations)
            self.keep(variables, i, w)
            self.slots[i] = (m, v)

    def zeros(self, variables):
        return [(np.zeros(w.shape), np.zeros(w.shape)) for w in variables]

    def keep(self, variables, i, new):
        variables[i][...] = new

    def moved(self, w, g, m, v, step):
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * g**2
        rate = self.learning_rate * np.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        return w - rate * m / (np.sqrt(v) + self.epsilon), m, v


class _WrongAdamNewArrays(_StepsRight):
    def keep(self, variables, i, new):
        variables[i] = new


class _WrongAdamSubtractsWeights(_StepsRight):
    def keep(self, variables, i, new):
        variables[i][...] = variables[i] - new


class _WrongAdamOneList(_StepsRight):
    """Makes m and v one list, so that what was put into the one is in the other."""

    def apply(self, gradients, variables):
        if self.slots is None:
            self.slots = [np.zeros(w.shape) for w in variables]
        self.iterations += 1
        for i in range(len(variables)):
            w, m, v = self.moved(variables[i], gradients[i], self.slots[i], self.slots[i], self.iterations)
            self.keep(variables, i, w)
            self.slots[i] = m
            self.slots[i] = v


class _WrongAdamExchanged(_StepsRight):
    def apply(self, variables, gradients):
        super().apply(gradients, variables)


class _WrongAdamCountsVariables(_StepsRight):
    def apply(self, gradients, variables):
        if self.slots is None:
            self.slots = self.zeros(variables)
        for i in range(len(variables)):
            self.iterations += 1
            w, *slots = self.moved(variables[i], gradients[i], *self.slots[i], self.iterations)
            self.keep(variables, i, w)
            self.slots[i] = slots


class _WrongAdamNeverCounts(_StepsRight):
    def apply(self, gradients, variables):
        super().apply(gradients, variables)
        self.iterations = 0


class _WrongAdamCountsLate(_StepsRight):
    def apply(self, gradients, variables):
        self.iterations -= 1
        super().apply(gradients, variables)
        self.iterations += 1


class _WrongAdamOneAhead(_StepsRight):
    def moved(self, w, g, m, v, step):
        return super().moved(w, g, m, v, step + 1)


class _WrongAdamCountsTwice(_StepsRight):
    def apply(self, gradients, variables):
        super().apply(gradients, variables)
        self.iterations += 1


class _WrongAdamFromOne(_StepsRight):
    def __init__(self, *settings, **named):
        super().__init__(*settings, **named)
        self.iterations = 1

    def apply(self, gradients, variables):
        self.iterations -= 1
        super().apply(gradients, variables)
        self.iterations += 1


class _WrongAdamForgets(_StepsRight):
    def apply(self, gradients, variables):
        self.slots = None
        super().apply(gradients, variables)


class _WrongAdamOneSlot(_StepsRight):
    """Keeps slots by shape, so that variables of one shape share them."""

    def apply(self, gradients, variables):
        self.iterations += 1
        self.slots = self.slots or {}
        for i, g in enumerate(gradients):
            old = self.slots.get(g.shape, (0.0, 0.0))
            w, *self.slots[g.shape] = self.moved(variables[i], g, *old, self.iterations)
            self.keep(variables, i, w)


class _WrongAdamLastSlot(_StepsRight):
    """Keeps one m and one v for all variables."""

    def apply(self, gradients, variables):
        self.iterations += 1
        self.slots = self.slots or (0.0, 0.0)
        for i, g in enumerate(gradients):
            w, *self.slots = self.moved(variables[i], g, *self.slots, self.iterations)
            self.keep(variables, i, w)


class _WrongAdamById(_StepsRight):
    def apply(self, gradients, variables):
        self.iterations += 1
        self.slots = self.slots or {}
        for i, g in enumerate(gradients):
            old = self.slots.get(id(variables[i]), (0.0, 0.0))
            w, *self.slots[id(variables[i])] = self.moved(variables[i], g, *old, self.iterations)
            self.keep(variables, i, w)


class _WrongAdamFixedRate(_StepsRight):
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(learning_rate, beta_1, beta_2, epsilon)
        self.first_rate = learning_rate

    def moved(self, w, g, m, v, step):
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * g**2
        rate = self.first_rate * np.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        return w - rate * m / (np.sqrt(v) + self.epsilon), m, v


class _WrongAdamUncorrected(_StepsRight):
    def moved(self, w, g, m, v, step):
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * g**2
        return w - self.learning_rate * m / (np.sqrt(v) + self.epsilon), m, v


class _WrongAdamPaper(_StepsRight):
    def moved(self, w, g, m, v, step):
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * g**2
        m_hat, v_hat = m / (1 - self.beta_1**step), v / (1 - self.beta_2**step)
        return w - self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon), m, v


class _WrongAdamFirstOnly(_StepsRight):
    def apply(self, gradients, variables):
        super().apply(gradients[:1], variables[:1])


class _WrongAdamDefaults(_StepsRight):
    def __init__(self, learning_rate=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(0.1, 0.9, 0.999, 1e-7)


class _WrongAdamEatsGradients(_StepsRight):
    def moved(self, w, g, m, v, step):
        m *= self.beta_1
        m += (1 - self.beta_1) * g
        g *= g
        v *= self.beta_2
        v += (1 - self.beta_2) * g
        rate = self.learning_rate * np.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        return w - rate * m / (np.sqrt(v) + self.epsilon), m, v


class _RightAdamInPlace:
    """Everything in place; slots as one list of pairs."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate, self.betas, self.epsilon = learning_rate, (beta_1, beta_2), epsilon
        self.iterations, self.pairs = 0, []

    def apply(self, gradients, variables):
        if not self.pairs:
            self.pairs = [(np.zeros_like(w), np.zeros_like(w)) for w in variables]
        self.iterations += 1
        first, second = self.betas
        rate = self.learning_rate * (1 - second**self.iterations) ** 0.5 / (1 - first**self.iterations)
        for (m, v), w, g in zip(self.pairs, variables, gradients, strict=True):
            m *= first
            m += (1 - first) * g
            v *= second
            v += (1 - second) * g * g
            w -= rate * m / (np.sqrt(v) + self.epsilon)
        return variables


class _RightAdamLazy:
    """Slots in a dict by position, made one by one when they are first needed; the count kept apart."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.calls = 0
        self.memory = {}

    @property
    def iterations(self):
        return self.calls

    def apply(self, gradients, variables):
        t = self.calls + 1
        for position, (g, w) in enumerate(zip(gradients, variables, strict=True)):
            m, v = self.memory.get(position, (0.0, 0.0))
            m = m + (1 - self.beta_1) * (g - m)
            v = v + (1 - self.beta_2) * (np.square(g) - v)
            self.memory[position] = m, v
            scale = self.learning_rate * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
            np.subtract(w, scale * m / (np.sqrt(v) + self.epsilon), out=w)
        self.calls = t


class _RightAdamLoop:
    """Number by number, in lists."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate, self.beta_1, self.beta_2, self.epsilon = learning_rate, beta_1, beta_2, epsilon
        self.iterations, self.m, self.v = 0, None, None

    def build(self, variables):
        self.m = [[0.0] * w.size for w in variables]
        self.v = [[0.0] * w.size for w in variables]

    def apply(self, gradients, variables):
        if self.m is None:
            self.build(variables)
        self.iterations = self.iterations + 1
        rate = self.learning_rate * (1 - self.beta_2**self.iterations) ** 0.5 / (1 - self.beta_1**self.iterations)
        for w, g, m, v in zip(variables, gradients, self.m, self.v, strict=True):
            for k, i in enumerate(np.ndindex(w.shape)):
                m[k] = self.beta_1 * m[k] + (1 - self.beta_1) * g[i]
                v[k] = self.beta_2 * v[k] + (1 - self.beta_2) * g[i] ** 2
                w[i] -= rate * m[k] / (v[k] ** 0.5 + self.epsilon)


ADAM = Exercise(
    identifier="optimizers.Adam",
    signature="class Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7): "
    "apply(gradients, variables), learning_rate, iterations",
    points=3,
    minutes=15,
    difficulty=3,
    lines=11,
    reference=Adam,
    cases=_adam_cases,
    scenario=use_adam,
    mistakes=(
        Mistake(
            "new arrays instead of changed ones",
            _WrongAdamNewArrays,
            "The model keeps its own arrays; a name or a list item that points to a new array does not reach them.",
            "w[...] = ... or w -= ... writes into the array that is there.",
        ),
        Mistake(
            "the new weights subtracted from the old",
            _WrongAdamSubtractsWeights,
            "adam_step returns the new weights, not a change: -= takes them away from the old ones.",
            "w[...] = new writes them in place of the old ones.",
        ),
        Mistake(
            "m and v are one list",
            _WrongAdamOneList,
            "self.m = self.v = [...] gives one list two names: what is put into self.v[i] is in self.m[i], too.",
            "Make two lists, in two lines.",
        ),
        Mistake(
            "variables and gradients exchanged",
            _WrongAdamExchanged,
            "apply(gradients, variables): the gradients come first, and were changed as if they were the weights.",
            "Look at the order of the arguments.",
        ),
        Mistake(
            "a step counted for every variable",
            _WrongAdamCountsVariables,
            "iterations grows inside of the loop, so the second variable is corrected as if it were a step later.",
            "One call of apply is one step: count it before the loop.",
        ),
        Mistake(
            "steps are not counted",
            _WrongAdamNeverCounts,
            "iterations is still 0 after a step, so every step is corrected as if it were the first.",
            "Who adds 1 to self.iterations, and when?",
        ),
        Mistake(
            "counted after the step",
            _WrongAdamCountsLate,
            "The first step is corrected with iterations = 0, and 1 - beta**0 is 0.",
            "Add 1 to self.iterations before the loop, or hand self.iterations + 1 to adam_step.",
        ),
        Mistake(
            "corrected one step ahead",
            _WrongAdamOneAhead,
            "iterations was raised already, and adam_step gets one more than that.",
            "Either raise it before the loop or add 1 in the call, not both.",
        ),
        Mistake(
            "every step counted twice",
            _WrongAdamCountsTwice,
            "iterations is 2 after one step, so the second is corrected as if it were the third.",
            "One line adds 1 to self.iterations.",
        ),
        Mistake(
            "iterations begins at 1",
            _WrongAdamFromOne,
            "The steps are right, but a new optimizer has taken none, and that is what iterations says.",
            "Begin with 0, and hand adam_step a number that is 1 at the first step.",
        ),
        Mistake(
            "slots forgotten after each step",
            _WrongAdamForgets,
            "The first step is right; at the second, m and v are 0 again.",
            "Make slots only where self.m is None, and put what adam_step returns back into self.m[i] and self.v[i].",
        ),
        Mistake(
            "variables of one shape share their slots",
            _WrongAdamOneSlot,
            "Slots are looked up by shape, and two layers may have the same.",
            "One m and one v for each variable, by its place in the list.",
        ),
        Mistake(
            "one m and one v for all variables",
            _WrongAdamLastSlot,
            "The second variable starts from the first one's means.",
            "self.m and self.v are lists, with one array for each variable.",
        ),
        Mistake(
            "slots looked up by id()",
            _WrongAdamById,
            "The variables may come as new views of the same memory, and then none is found.",
            "Their order is always the same: look slots up by position.",
        ),
        Mistake(
            "the learning rate is read once",
            _WrongAdamFixedRate,
            "learning_rate was changed between two steps, as schedules do, and nothing happened.",
            "Read self.learning_rate in apply, at every step.",
        ),
        Mistake(
            "no correction",
            _WrongAdamUncorrected,
            "m and v start at 0 and have not caught up: the first step is 3.16 times too long.",
            "Use adam_step, with the number of this step.",
        ),
        Mistake(
            "epsilon after the correction",
            _WrongAdamPaper,
            "The paper and PyTorch add epsilon to the corrected root; Keras adds it to the root of v as it is.",
            "Use adam_step.",
        ),
        Mistake(
            "only the first variable is changed",
            _WrongAdamFirstOnly,
            "The others stay as they were.",
            "Is there a return inside of the loop? And does the loop go over the variables?",
        ),
        Mistake(
            "the arguments are not used",
            _WrongAdamDefaults,
            "Whatever the constructor is given, the rate is 0.1 and the rest as usual.",
            "self.learning_rate = learning_rate, and so on.",
        ),
        Mistake(
            "the gradients are changed",
            _WrongAdamEatsGradients,
            "*= on a gradient writes into the array that was passed in; somebody may still need it.",
            "g**2 makes a new array.",
        ),
    ),
    hints=(
        "Three duties: make the slots if there are none, count the step, and take adam_step for each variable. "
        "Only the last is in the loop.",
        "In apply: if self.m is None, self.build(variables). Add 1 to self.iterations. For each position i, call "
        "adam_step with variables[i], gradients[i], self.m[i], self.v[i], self.iterations and the settings.",
        "w, self.m[i], self.v[i] = adam_step(...) gives the name w to a new array, and the model's stays as it was: "
        "write variables[i][...], self.m[i], self.v[i] = adam_step(...).",
    ),
    alternatives=(_RightAdamInPlace, _RightAdamLazy, _RightAdamLoop),
)


# --------------------------------------------------------------------------- decoupled_weight_decay


def _decoupled_weight_decay(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - learning_rate * weight_decay * w


def _decay_cases(rng: Rng) -> Cases:
    return {
        "four weights": (3 * rng.normal(size=4), 0.3, 0.05),
        "a matrix": (5 * rng.normal(size=(3, 2)), 0.01, 0.4),
        "no decay": (rng.normal(size=4), 0.2, 0.0),
        "a learning rate of 0": (rng.normal(size=5), 0.0, 0.1),
        "a large weight": (np.array([0.5, -2e4, 0.0]) * rng.uniform(0.5, 2), 0.7, 0.3),
        "a rate above 1": (rng.normal(size=3), 2.0, 0.02),
        "one weight": (rng.normal(size=1), 0.6, 0.2),
    }


def _right_decay_loop(w: Array, learning_rate: float, weight_decay: float) -> Array:
    out = np.empty(w.shape)
    for i in np.ndindex(w.shape):
        out[i] = w[i] - learning_rate * weight_decay * w[i]
    return out


def _right_decay_factor(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return (1 - weight_decay * learning_rate) * w


def _right_decay_copy(w: Array, learning_rate: float, weight_decay: float) -> list:
    w = w.copy()
    w -= np.multiply(learning_rate * w, weight_decay)
    return w.tolist()


def _decay_no_rate(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - weight_decay * w


def _decay_no_decay(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - learning_rate * w


def _decay_grows(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w + learning_rate * weight_decay * w


def _decay_taken(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return learning_rate * weight_decay * w


def _decay_constant(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - learning_rate * weight_decay


def _decay_sign(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - learning_rate * weight_decay * np.sign(w)


def _decay_square(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - learning_rate * weight_decay * w**2


def _decay_doubled(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w - 2 * learning_rate * weight_decay * w


def _decay_of_both(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w * (1 - learning_rate) * (1 - weight_decay)


def _decay_kept(w: Array, learning_rate: float, weight_decay: float) -> Array:
    return w * weight_decay


def _decay_in_place(w: Array, learning_rate: float, weight_decay: float) -> Array:
    w -= learning_rate * weight_decay * w
    return w


DECOUPLED_WEIGHT_DECAY = Exercise(
    identifier="optimizers.decoupled_weight_decay",
    signature="decoupled_weight_decay(w, learning_rate, weight_decay) -> w",
    points=1,
    minutes=4,
    difficulty=1,
    lines=1,
    reference=_decoupled_weight_decay,
    cases=_decay_cases,
    mistakes=(
        Mistake(
            "the learning rate is missing",
            _decay_no_rate,
            "When a schedule lowers the rate, the decay is to go down with it.",
            "Two numbers multiply w in the formula.",
        ),
        Mistake(
            "weight_decay is missing",
            _decay_no_decay,
            "The rate alone says nothing about how fast weights are to fade.",
            "Two numbers multiply w in the formula.",
        ),
        Mistake(
            "the weights grow",
            _decay_grows,
            "A part of each weight is to be taken away.",
            "Minus, not plus.",
        ),
        Mistake(
            "what is taken away, not what is left",
            _decay_taken,
            "The part that a step takes away comes back; the weights that remain are asked for.",
            "Subtract it from w.",
        ),
        Mistake(
            "the same amount from every weight",
            _decay_constant,
            "Without w in the product a negative weight moves away from 0.",
            "A share of w is taken away: w stands in the product, too.",
        ),
        Mistake(
            "only the sign of the weight counts",
            _decay_sign,
            "That is what an L1 penalty does; here a large weight loses more than a small one.",
            "A share of w itself is taken away.",
        ),
        Mistake(
            "the square of the weight",
            _decay_square,
            "The L2 penalty has a square, its slope has none; and a negative weight would move away from 0.",
            "A share of w itself is taken away.",
        ),
        Mistake(
            "twice as much",
            _decay_doubled,
            "The 2 is from the slope of a squared penalty; decay is no penalty and has none.",
            "Read the formula again: two numbers and w.",
        ),
        Mistake(
            "two shares taken away",
            _decay_of_both,
            "The rate is no share of its own: it scales the decay.",
            "Multiply the two numbers first.",
        ),
        Mistake(
            "weight_decay taken for what is kept",
            _decay_kept,
            "weight_decay says what is taken away; with 0 the weights stay as they are.",
            "Begin with w, and subtract.",
        ),
        Mistake(
            "w changed where it lies",
            _decay_in_place,
            "w -= ... writes into the array that was passed in.",
            "Return w - ..., which is a new array.",
        ),
    ),
    hints=(
        "Each weight loses the same share of itself. How large is that share?",
        "The share is learning_rate times weight_decay; no gradient appears.",
        "return w - learning_rate * ... with two more factors.",
    ),
    alternatives=(_right_decay_loop, _right_decay_factor, _right_decay_copy),
)


# --------------------------------------------------------------------------- predictions

FIRST_STEP = Question(
    identifier="optimizers.q1_first_step",
    text=(
        "Two weights start at 0. In Adam's first step, at a rate of 0.01, one has a gradient of\n"
        "1000 and the other one of 0.001. How far do they move?"
    ),
    choices={
        "a": "the first moves a million times as far",
        "b": "the first moves about a thousand times as far",
        "c": "both move 0.01",
        "d": "neither moves: the means start at 0",
    },
    answer="c",
    because="The gradient stands above the line and, as the root of its square, below it; what is left is its sign.",
)

RAVINE = Question(
    identifier="optimizers.q2_ravine",
    text=(
        "A valley is 100 times as steep across as along. Gradient descent, at the best rate there\n"
        "is for it, needs 346 steps to come a thousand times nearer to the bottom. Give it a\n"
        "momentum of 0.75, at the same rate. How many steps does it need now? (a number)"
    ),
    choices=None,
    answer=None,
    because="Velocity adds up along the valley, where all gradients agree, and cancels across it, where they do not.",
    low=1,
    high=100_000,
)

UNCORRECTED = Question(
    identifier="optimizers.q3_uncorrected",
    text=(
        "Adam's two means start at 0, and are divided by how much of the way they have come.\n"
        "Leave that correction out: what happens to the first steps?"
    ),
    choices={
        "a": "they are ten times too short, since m is",
        "b": "they are right: both means are too small, and it cancels",
        "c": "the first is about three times too long, the tenth nearly right",
        "d": "the first is about three times too long, the tenth even longer",
    },
    answer="d",
    because="m catches up in some twenty steps, v in some three thousand, and v is below the line.",
)

register(MOMENTUM_STEP, NESTEROV_STEP, RMSPROP_STEP, ADAM_STEP, ADAM, DECOUPLED_WEIGHT_DECAY)
register(FIRST_STEP, RAVINE, UNCORRECTED)
