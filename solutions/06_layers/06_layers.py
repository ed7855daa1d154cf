# %% [markdown]
# # 06 · Layers: there and back
#
# A network of a hundred layers is a hundred small objects that know two things: how to answer, and how to pass on
# blame. Today you write three of them and the chain that holds them, and `fit` trains your own network.
#
# *About 100 minutes, 13 points, and 2 for the paragraph. You need NumPy and notebooks 01 and 05; no class of your own
# before. You leave with Dense, ReLU, Dropout and Sequential.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "06-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# You rebuild every name in these lines of Keras:
#
# ```python
# model = keras.Sequential([
#     keras.layers.Dense(24), keras.layers.ReLU(),
#     keras.layers.Dropout(0.5), keras.layers.Dense(10),
# ])
# ```

# %% nbgrader={"grade": false, "grade_id": "06-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture(lit=["forward", "gradients"])

# %% [markdown]
# A [layer](../glossary.md#layer) has two methods:
#
# - `forward(x)` answers: it takes a batch and gives the next layer's batch;
# - [`backward(dy)`](../glossary.md#backward) passes on blame: it is told the slopes of the loss in what it *gave*, and returns the slopes in what
#   it *got*. On the way it notes the slopes of its own weights.
#
# `dy` is short for "the gradient of the loss in y", and has the shape of y. That is all a layer hears of the world
# behind it: the [chain rule](../glossary.md#chain-rule), as an agreement between neighbours.
#
# N is the number of samples, D of features that come in, H of [units](../glossary.md#unit), which is how many come out.

# %% [markdown]
# ## Predict
#
# Three guesses before anything runs. Put your answer where the `...` is and run the cell; with `...` it shows the
# question.

# %%
predict("layers.q1_bias_gradient", ...)

# %%
predict("layers.q2_twelve_layers", ...)

# %%
predict("layers.q3_dropout_predicts", ...)

# %% [markdown]
# ## Build
#
# Five exercises, each a few lines of NumPy. Stuck? `hint("layers.Dense")` gives a nudge, then a plan, then almost the
# code; `solution("layers.Dense")` shows ours. Use any exercise's name.
#
# Write with NumPy functions on whole arrays. A Python loop over samples passes the checks too, but training with it
# would take minutes or hours instead of seconds.
#
# ### 1 · Where do weights begin?
#
# Each unit adds up D products of an input and a weight. With weights of standard deviation 1, how large is the sum?

# %%
rng = np.random.default_rng(1)
for features in (4, 100, 2500):
    sums = rng.normal(size=(500, features)) @ rng.normal(size=features)
    print(f"{features:4} inputs: sums have standard deviation {np.std(sums):6.2f}")

# %% [markdown]
# It grows like the root of D: 2, 10, 50. So weights should shrink like $1 / \sqrt D$. On the way back a sum runs
# over the H units instead. [Glorot](../glossary.md#glorot-initialization)'s compromise, Keras' default, takes both
# into account. It draws evenly between two ends, each number as likely as any other, which a generator does like this:

# %% nbgrader={"grade": false, "grade_id": "06-uniform", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(2)
print(rng.uniform(-0.5, 0.5, (2, 3)))  # two ends and a shape
print(rng.uniform(-0.5, 0.5, (2, 3)))  # the same generator goes on: other numbers

# %% [markdown]
# **`glorot_uniform(shape, rng) -> (D, H)`** · ●○○ · 6 minutes · roughly 3 lines · 2 points
#
# Keras calls such a function an [initializer](../glossary.md#initializer), and D the [fan-in](../glossary.md#fan-in). Numbers drawn evenly
# between $-a$ and $a$, where
#
# $$a = \sqrt{\frac{6}{D + H}}$$
#
# - `shape`: the pair (D, H)
# - `rng`: a generator, `numpy.random.Generator`; draw from it and from nothing else
# - returns an array of that shape


# %% nbgrader={"grade": false, "grade_id": "layers.glorot_uniform-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def glorot_uniform(shape, rng):
    """Return (D, H) numbers between -a and a, where a is the root of 6 / (D + H)."""
    ### BEGIN SOLUTION
    fan_in, fan_out = shape
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layers.glorot_uniform", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("layers.glorot_uniform", glorot_uniform)

# %% [markdown]
# ### 2 · Dense
#
# A class bundles functions, its **methods**, with what they share. `self` is the object itself: what one method puts
# into `self`, another finds there. To keep cells short, ours are written in parts: `class Counter(Counter)` goes on
# where the `Counter` above stopped.


# %%
class Counter:
    def __init__(self, start):  # runs when an object is made
        self.count = start


class Counter(Counter):  # all of the above, and one method more
    def add(self, n):
        self.count = self.count + n


one, two = Counter(5), Counter(100)
one.add(2)
print(one.count, two.count)  # two objects, each with a count of its own

# %% [markdown]
# **`Dense`** · ●●○ · 20 minutes · three methods, roughly 7 lines in all · 4 points
#
# $$y_{ih} = \sum_{d=1}^{D} x_{id}\, k_{dh} + b_h$$
#
# It is `linear` of notebook 01, H times side by side: each unit has a column of weights and a bias.
# All columns together are the [kernel](../glossary.md#kernel).
#
# First `build(features, rng)`. It makes two arrays:
#
# - `self.kernel`: (D, H), drawn by your `glorot_uniform`; D is `features`, H is `self.units`
# - `self.bias`: (H,), zeros
#
# Keras calls `build` when it first sees how many features come in.


# %% nbgrader={"grade": false, "grade_id": "layers.Dense-answer-build", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Dense:
    """Every output is a weighted sum of all inputs, plus a bias."""

    def __init__(self, units):
        self.units = units

    def build(self, features, rng):
        """Make self.kernel (D, H), by glorot_uniform, and self.bias (H,), of zeros."""
        ### BEGIN SOLUTION
        self.kernel = glorot_uniform((features, self.units), rng)
        self.bias = np.zeros(self.units)
        ### END SOLUTION


# %% [markdown]
# Next, `forward(x)`: (N, D) to (N, H), by the formula. Let it keep `x` in `self`, under any name you like: `backward`
# will need the very batch that forward has seen. (Keep the array as it is; there is no need to copy.)
#
# The check below already runs: after each method it says how far you are.


# %% nbgrader={"grade": false, "grade_id": "layers.Dense-answer-forward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Dense(Dense):  # all of the above, and one method more
    def forward(self, x):
        """Return the outputs, (N, D) to (N, H), and keep x for backward."""
        ### BEGIN SOLUTION
        self.x = x
        return x @ self.kernel + self.bias
        ### END SOLUTION


# %% [markdown]
# Last, `backward(dy)`, with dy of shape (N, H). How far does each thing reach?
#
# - $x_{id}$ enters every unit of row i, times $k_{dh}$: $\quad dx_{id} = \sum_h dy_{ih}\, k_{dh}$
# - $k_{dh}$ meets $x_{id}$ in every row: $\quad dk_{dh} = \sum_i x_{id}\, dy_{ih}$
# - $b_h$ is added to every row: $\quad db_h = \sum_i dy_{ih}$
#
# Two of these are products with `@`. Let the shapes lead you: with D, H and N all different, only one order of the
# factors, and one choice of what to transpose (`.T`), fits.
#
# Leave `self.dkernel` (D, H) and `self.dbias` (H,), made anew at every call; return dx, (N, D).


# %% nbgrader={"grade": false, "grade_id": "layers.Dense-answer-backward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Dense(Dense):
    def backward(self, dy):
        """Leave self.dkernel and self.dbias, and return dx: (N, H) to (N, D)."""
        ### BEGIN SOLUTION
        self.dkernel = self.x.T @ dy
        self.dbias = np.sum(dy, axis=0)
        return dy @ self.kernel.T
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layers.Dense", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("layers.Dense", Dense)

# %% [markdown]
# ### 3 · ReLU
#
# Two [dense layers](../glossary.md#dense-layer) in a row are no more than one: a sum of sums is a sum. Something bent has to stand between them.
# The simplest bend there is, [ReLU](../glossary.md#relu): what is negative becomes 0.

# %%
x = np.array([-2.0, -0.5, 0.0, 1.5])
print(np.maximum(x, 0))  # element by element
print(x > 0)  # a mask: True counts as 1, False as 0
print(np.array([10.0, 20.0, 30.0, 40.0]) * (x > 0))

# %% [markdown]
# **`ReLU`** · ●○○ · 6 minutes · two methods, roughly 3 lines in all · 1 point
#
# $$y = \max(x, 0) \qquad dx = dy \text{ where } x > 0, \text{ else } 0$$
#
# - `forward(x)`: an array of any shape, to a new one of that shape; keep in `self` what backward needs
# - `backward(dy)`: of the shape of y, to dx, a new array; at exactly 0 the slope is 0, as in Keras


# %% nbgrader={"grade": false, "grade_id": "layers.ReLU-answer-forward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class ReLU:
    """Keeps what is positive, and makes the rest 0."""

    def forward(self, x):
        """Return the larger of x and 0, and keep what backward needs."""
        ### BEGIN SOLUTION
        self.positive = x > 0
        return np.maximum(x, 0)
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "layers.ReLU-answer-backward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class ReLU(ReLU):
    def backward(self, dy):
        """Return dy where x was positive, and 0 elsewhere."""
        ### BEGIN SOLUTION
        return dy * self.positive
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layers.ReLU", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("layers.ReLU", ReLU)

# %% [markdown]
# ### 4 · Dropout
#
# A layer that forgets, on purpose: in training it sets a part of the values to 0, others at every step, so that no
# unit can rely on any other. What is left must make up for what is gone, which is called
# [inverted dropout](../glossary.md#inverted-dropout). All you need is a [mask](../glossary.md#mask):

# %%
rng, values = np.random.default_rng(3), np.ones(100_000)
kept = rng.random(values.shape) >= 0.2  # numbers from 0 to 1: a fifth is below 0.2
print("kept:", np.mean(kept), "  mean:", np.mean(values * kept))
print("mean, divided by 1 - 0.2:", np.mean(values * kept / (1 - 0.2)))

# %% [markdown]
# **`Dropout`** · ●●○ · 12 minutes · two methods, roughly 5 lines in all · 3 points
#
# - `forward(x, training)`. Where `training` is `True`, each value by itself becomes 0 with probability `rate`, and
#   what is left is divided by `1 - rate`; a new choice at every call, drawn from `self.rng` alone. Where it is `False`
#   x comes out as it is, and **nothing is drawn**.
# - `backward(dy)`: dy through the same choice and the same scale as in the last forward. After one with
#   `training=False` that is dy as it is.


# %% nbgrader={"grade": false, "grade_id": "layers.Dropout-answer-forward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Dropout:
    """In training sets each value to 0 with probability `rate`, and scales up the rest."""

    def __init__(self, rate, rng):
        self.rate = rate
        self.rng = rng

    def forward(self, x, training):
        """Return x with some values dropped and the rest scaled up, or x as it is."""
        ### BEGIN SOLUTION
        self.mask = 1.0
        if training:
            self.mask = (self.rng.random(x.shape) >= self.rate) / (1 - self.rate)
        return x * self.mask
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "layers.Dropout-answer-backward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Dropout(Dropout):
    def backward(self, dy):
        """Return dy through the mask of the last forward."""
        ### BEGIN SOLUTION
        return dy * self.mask
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layers.Dropout", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("layers.Dropout", Dropout)

# %% [markdown]
# ### 5 · Sequential
#
# The chain: what comes out of one layer goes into the next; on the way back the last layer is the first to hear.
# Some layers have to be told whether this is training, others must not be. This function tells which; it is given.

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "06-takes-training", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import inspect


def takes_training(layer):
    """Tell whether a layer's forward asks for `training`, as Dropout's does."""
    return "training" in inspect.signature(layer.forward).parameters


# %% [markdown]
# **`Sequential`** · ●●○ · 15 minutes · four methods, roughly 10 lines in all · 3 points
#
# `__init__` and `build` are given. Write first
#
# - `forward(x, training=False)`: x through every layer, in order. Call `layer.forward(x, training)` where
#   `takes_training(layer)`, else `layer.forward(x)`. Return what the last layer gives.
# - `backward(dy)`: dy back through every layer, the last one first; `reversed(self.layers)` walks from the end. Return
#   the dx of the first layer.


# %% nbgrader={"grade": false, "grade_id": "layers.Sequential-answer-forward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Sequential:
    """Layers, one after the other."""

    def __init__(self, layers):
        self.layers = layers

    def build(self, features, rng):
        """Build every layer that has weights."""
        for layer in self.layers:
            if hasattr(layer, "build"):
                layer.build(features, rng)
                features = layer.units

    def forward(self, x, training=False):
        """Return what the last layer gives."""
        ### BEGIN SOLUTION
        for layer in self.layers:
            x = layer.forward(x, training) if takes_training(layer) else layer.forward(x)
        return x
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "layers.Sequential-answer-backward", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Sequential(Sequential):
    def backward(self, dy):
        """Return the gradient in what the first layer got."""
        ### BEGIN SOLUTION
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy
        ### END SOLUTION


# %% [markdown]
# Then what an optimizer will ask for, in one flat list each, layer by layer:
#
# - `variables()`: kernel, bias, kernel, bias, ... of every layer that has a kernel, which `hasattr(layer, "kernel")`
#   tells. The arrays themselves, no copies, as they are at the moment of the call.
# - `gradients()`: dkernel, dbias, dkernel, dbias, ... in the same order.


# %% nbgrader={"grade": false, "grade_id": "layers.Sequential-answer-variables", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Sequential(Sequential):
    def variables(self):
        """Return the kernel and the bias of each layer that has them, in one list."""
        ### BEGIN SOLUTION
        found = []
        for layer in self.layers:
            if hasattr(layer, "kernel"):
                found += [layer.kernel, layer.bias]
        return found
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "layers.Sequential-answer-gradients", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Sequential(Sequential):
    def gradients(self):
        """Return the gradients of the variables, in the same order."""
        ### BEGIN SOLUTION
        found = []
        for layer in self.layers:
            if hasattr(layer, "kernel"):
                found += [layer.dkernel, layer.dbias]
        return found
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "layers.Sequential", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("layers.Sequential", Sequential)

# %% [markdown]
# ## Swap in
#
# The engine takes any object with a `forward` and a `backward` as a layer. So `fit` can train *your* layers: it calls
# your `forward` on the way there, your `backward` on the way back, and takes `dkernel` and `dbias` from where you left
# them. 1,438 handwritten digits, 44 batches of 32 and one of 30, in 64-bit numbers.

# %% nbgrader={"grade": false, "grade_id": "06-swap-mine", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import Dense, Dropout, ReLU, Sequential, glorot_uniform

import minifit as keras
from minifit.datasets import digits

keras.config.set_floatx("float64")
(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(-1, 64) / 16, x_test.reshape(-1, 64) / 16
crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# %% nbgrader={"grade": false, "grade_id": "06-swap-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def train(layers, weights=None, optimizer="adam", epochs=12):
    keras.set_random_seed(6)
    model = keras.Sequential([keras.Input((64,)), *layers])
    if weights:
        model.set_weights(weights)
    first = model.get_weights()
    model.compile(optimizer=optimizer, loss=crossentropy, metrics=["accuracy"])
    held_out = (x_test, y_test)
    history = model.fit(x, y, epochs=epochs, validation_data=held_out, verbose=0)
    return model, history.history, first


# %% nbgrader={"grade": false, "grade_id": "06-swap-compare", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
kl = keras.layers
theirs, their_curve, first = train([kl.Dense(24), kl.ReLU(), kl.Dense(10)])
yours, your_curve, _ = train([Dense(24), ReLU(), Dense(10)], weights=first)
for epoch in (0, 1, 11):
    a, b = your_curve["loss"][epoch], their_curve["loss"][epoch]
    print(f"epoch {epoch + 1:2}:  your layers {a:.15f}   the engine's {b:.15f}")
pairs = zip(yours.get_weights(), theirs.get_weights(), strict=True)
gaps = [np.max(np.abs(a - b)) for a, b in pairs]
print(f"1,810 weights after 540 steps: within {max(gaps):.0e}")

# %% [markdown]
# Both begin with the same weights, and after 540 steps they still agree to fifteen digits or so. (Where the lines
# further up say "the reference's", that is what ran in place of yours.) Now the other half: your `Sequential` alone,
# with no engine at all. The start of the way back is the function that you wrote in notebook 05.

# %% nbgrader={"grade": false, "grade_id": "06-swap-step", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import softmax_crossentropy_gradient


def step(model, x, y, learning_rate=0.1):
    logits = model.forward(x, training=True)
    model.backward(np.asarray(softmax_crossentropy_gradient(y, logits)))
    for variable, gradient in zip(model.variables(), model.gradients(), strict=True):
        variable -= learning_rate * gradient  # plain SGD, in place


# %% nbgrader={"grade": false, "grade_id": "06-swap-sequential", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rng, curve = np.random.default_rng(6), []
model = Sequential([Dense(24), ReLU(), Dropout(0.5, rng), Dense(10)])
model.build(64, rng)
for _ in range(12):
    for rows in np.array_split(rng.permutation(len(x)), 45):
        step(model, x[rows], y[rows])
    curve.append(np.mean(np.argmax(model.forward(x_test), axis=1) == y_test))
print(f"accuracy on test images: {curve[0]:.1%} after one epoch, {curve[-1]:.1%} after 12")

# %% [markdown]
# A network of your own, and every line of its training is one that you wrote or can read. `variable -= ...` changes
# the layers' own arrays, which is why `variables()` must not give copies.
#
# *Differs from PyTorch:* `nn.Linear` keeps its kernel the other way round, (units, features), draws it from
# $\pm 1/\sqrt D$ and draws a bias, too. Keras: (features, units), Glorot, and zeros.

# %% [markdown]
# ## Experiment
#
# ### Sum or mean?
#
# The first myth of the day: "the bias gradient is a mean over the batch." Settle it by measuring, with notebook 05:
# seven samples, the mean cross-entropy, and every slope of the bias by nudging it.

# %% nbgrader={"grade": false, "grade_id": "06-bias", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import numeric_gradient, relative_error, sparse_categorical_crossentropy

rng = np.random.default_rng(7)
layer, few, labels = Dense(4), rng.normal(size=(7, 5)), rng.integers(0, 4, 7)
layer.build(5, rng)


def loss(bias):
    return np.mean(sparse_categorical_crossentropy(labels, few @ layer.kernel + bias))


measured = numeric_gradient(loss, layer.bias)
dy = np.asarray(softmax_crossentropy_gradient(labels, layer.forward(few)))
layer.backward(dy)
for name, candidate in (("sum", layer.dbias), ("mean", np.mean(dy, axis=0))):
    print(f"{name:4}  relative error {relative_error(measured, candidate):.0e}")

# %% [markdown]
# The loss divides by N, once. A layer that divides again makes its bias learn N times too slowly, and as you saw in
# notebook 05, Adam would hide it from you.

# %%
reveal("layers.q1_bias_gradient")

# %% [markdown]
# ### Twelve layers
#
# Twelve dense layers of 100 units, each with a ReLU. Four ways to draw the first weights. Send 1,003 random samples
# forward, then random slopes back, and note the standard deviation after every layer. Nothing is trained.

# %% nbgrader={"grade": false, "grade_id": "06-deep-inits", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
inits = {
    "zeros": lambda shape, rng: np.zeros(shape),
    "normal, 1": lambda shape, rng: rng.normal(size=shape),
    "Glorot": glorot_uniform,
    "He": lambda shape, rng: rng.normal(0, np.sqrt(2 / shape[0]), shape),  # made for ReLU
}


# %% nbgrader={"grade": false, "grade_id": "06-deep-pass", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def there_and_back(init, depth=12, bend=ReLU):
    """Return the standard deviation after each layer, forward and backward."""
    rng, layers, there, back = np.random.default_rng(8), [], [], []
    y = rng.normal(size=(1003, 64))
    for _ in range(depth):
        dense = Dense(100)
        dense.kernel, dense.bias = init((y.shape[1], 100), rng), np.zeros(100)
        layers.append(Sequential([dense, bend()]))
        there.append(np.std(y := layers[-1].forward(y)))
    dy = rng.normal(size=y.shape)
    for layer in reversed(layers):
        back.append(np.std(dy := layer.backward(dy)))
    return there, back[::-1]


# %% nbgrader={"grade": false, "grade_id": "06-deep-spreads", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
spreads = {name: there_and_back(init) for name, init in inits.items()}
for name, (there, _) in spreads.items():
    print(f"{name:10} after layer 1: {there[0]:.2g}, after layer 12: {there[-1]:.2g}")

# %% [markdown]
# And does it matter? Train all four for five epochs, by plain SGD, with your layers in the engine. (The code is
# folded.)


# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "06-deep-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def deep(init):
    class Drawn(Dense):
        def build(self, features, rng):
            self.kernel = np.asarray(init((features, self.units), rng))
            self.bias = np.zeros(self.units)

    layers = []
    for _ in range(12):
        layers += [Drawn(100), ReLU()]
    return [*layers, Drawn(10)]


accuracy = {}
with np.errstate(all="ignore"):
    for name, init in inits.items():
        fresh = keras.Sequential([keras.Input((64,)), *deep(init)])
        fresh.compile(loss=crossentropy)
        before = fresh.evaluate(x_test, y_test, verbose=0)
        sgd = keras.optimizers.SGD(0.02)
        _, fit, _ = train(deep(init), optimizer=sgd, epochs=5)
        accuracy[name] = 100 * np.array(fit["val_accuracy"])
        print(f"{name:10} first loss {before:.3g}, last {fit['loss'][-1]:.3g};", end=" ")
        print(f"accuracy {accuracy[name][-1]:.1f} %")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "06-deep-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit import plot

palette = (plot.REFERENCE, plot.VALIDATION, plot.TRAIN, plot.THIRD)
colors = dict(zip(inits, palette, strict=True))
fig, axes = plt.subplots(1, 3, figsize=(11.4, 4.1), layout="constrained")
layers = np.arange(1, 13)
for name, color in colors.items():
    for ax, values in zip(axes, spreads[name], strict=False):
        ax.plot(layers, np.maximum(values, 1e-5), color=color)
    axes[2].plot(np.arange(1, 6), accuracy[name], color=color, marker="o", ms=4)
for ax in axes[:2]:
    ax.set(yscale="log", ylim=(4e-6, 1e12), xlabel="layer")
    ax.set_xticks([1, 4, 8, 12])
there = {name: spreads[name][0][-1] for name in colors}
notes = [
    (0, 7.2, 3e8, f"normal: {there['normal, 1']:.0e}", "normal, 1", "right"),
    (0, 12, 1.1e1, f"He: {there['He']:.2f}", "He", "right"),
    (0, 9, 2e-3, f"Glorot: {there['Glorot']:.3f}", "Glorot", "right"),
    (0, 12, 5e-5, "zeros: 0", "zeros", "right"),
    (1, 5, 3e8, "normal", "normal, 1", "left"),
    (1, 1, 1.1e1, "He", "He", "left"),
    (1, 4, 2e-3, "Glorot", "Glorot", "left"),
    (1, 1, 5e-5, "zeros: 0", "zeros", "left"),
]
for panel, at, height, text, name, side in notes:
    look = {"color": colors[name], "ha": side, "va": "center", "weight": "bold"}
    axes[panel].text(at, height, text, **look)
for name in ("He", "Glorot"):
    plot.label_line(axes[2], np.arange(1, 6), accuracy[name], name, colors[name])
axes[2].text(5, 3, "zeros, and normal (nan)", color="#6B6B6B", ha="right", va="center")
axes[0].set(title="On the way there", ylabel="standard deviation of the outputs")
axes[1].set(title="On the way back", ylabel="standard deviation of the slopes")
axes[2].set(title="And then training", xlabel="epoch", ylabel="accuracy, %", ylim=(0, 100))
axes[2].set_xticks([1, 2, 3, 4, 5])
plt.show()

# %% [markdown]
# Each layer multiplies the spread by about the same factor, and twelve times the same factor is a power of twelve.
# With weights of size 1 the factor is $\sqrt{100 / 2}$, about 7: half of the inputs are 0 behind a ReLU. The loss
# begins above a hundred billion, and training ends in `nan`.
#
# Zeros are worse than they look. Nothing comes through, so no slope comes back either: the last bias is all that
# ever learns.
#
# Glorot was made for units that are straight near 0. Behind ReLUs its factor is 0.7, and twelve of them leave a
# hundredth. [He](../glossary.md#he-initialization) has a 2 where that half is missing, and its factor is 1.

# %%
reveal("layers.q2_twelve_layers", measured=f"{spreads['normal, 1'][0][-1]:.1e}")

# %% [markdown]
# ### Does dropout run when predicting?
#
# The last myth says so. Train with your `Dropout(0.5)` inside, then ask about one image 50 times: by `predict`, and by
# calling the model with `training=True`.

# %% nbgrader={"grade": false, "grade_id": "06-dropout", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
layers = [Dense(24), ReLU(), Dropout(0.5, np.random.default_rng(9)), Dense(10)]
model, curve, _ = train(layers)
image = x_test[:1]
by_predict = {model.predict(image, verbose=0).tobytes() for _ in range(50)}
in_training = {np.asarray(model(image, training=True)).tobytes() for _ in range(50)}
print("different answers:", len(by_predict), "by predict,", len(in_training), "in training")


def accuracy_of(logits):
    return np.mean(np.argmax(np.asarray(logits), axis=1) == y_test)


print(f"accuracy in inference mode {accuracy_of(model.predict(x_test, verbose=0)):.1%}")
print(f"accuracy in training mode  {accuracy_of(model(x_test, training=True)):.1%}")
print(f"accuracy that fit logged for the training data {curve['accuracy'][-1]:.1%}")

# %%
reveal("layers.q3_dropout_predicts", measured=len(by_predict))

# %% [markdown]
# So a model with dropout looks worse on the data it learns than on data it has never seen: what `fit` logs for the
# training data is measured with half of the units missing. It is no sign of a mistake. (Notebook 10 comes back to this.)

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - a layer answers forward and passes slopes back; that is the whole agreement;
# - gradients have the shapes of what they belong to, and are *sums* over the batch;
# - the size of the first weights decides, to the power of the depth;
# - dropout: in training only, scaled up there, one mask both ways.

# %% [markdown] nbgrader={"grade": false, "grade_id": "06-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# Cem builds a network of twelve dense layers with ReLU. He draws the weights with `rng.normal(size=...)`; the first
# loss is 130 billion, the next is `nan`. "Too large, then", he says, and starts from zeros instead. Now the loss is
# 2.303 and stays there.
#
# Explain to him, in your own words and with numbers from today: why was the first loss so large? Why does the second
# network not learn? What should he draw from? How could he have seen both before training?
#
# *Rubric, 2 points: half a point each for the growth with its factor; why zeros stay; what to draw from and why; a
# test before training, with a number.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "06-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# With weights of standard deviation 1 each of Cem's sums adds up 100 products, half of them 0 behind a ReLU, so every
# layer multiplies the spread by about √50 = 7. Twelve layers make 7¹², ten billion: in mine the standard deviation after
# layer 12 was 1 · 10¹⁰, so the logits, and with them the loss, are of that size. From zeros nothing comes through: every
# output is 0, no slope gets back past the last layer, and only its bias can learn. So it says log 10 = 2.303 for
# ever. The weights must differ and have the right size: standard deviation √(2 / D), He's, which makes up for the half that
# ReLU takes; Glorot's shrinks by 0.7 a layer there. Before training, send one batch through and print the standard
# deviation after each layer, there and back: it should stay near 1, as mine did with He, 0.94 after twelve layers.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | the growth: each layer multiplies by about √(D/2), here 7; to the power of 12 it is about 10¹⁰ |
# | 0.5 | zeros: nothing comes through, no slope comes back (or: all units stay equal); 2.303 is log 10, a guess |
# | 0.5 | what to draw from: random, with a spread that falls as 1/√D; He for ReLU, or Glorot, and why |
# | 0.5 | before training: the spread after each layer, there or back, should stay about the same; a number |
#
# **Fair (1 of 2).** "His weights are too large, so the values explode from layer to layer. With zeros all neurons do the
# same thing, so the symmetry is never broken. He should use Glorot, which is the default." *Both symptoms are right;
# no factor, no number, not what to look at beforehand.*
#
# **Weak (0 to 0.5 of 2).** "The learning rate is too high, then too low. He should try 0.001." *No rate changes the
# first loss, which is computed before any step.*

# %% [markdown]
# ### Stretch, if you like: a layer of your own
#
# Write `Tanh`: forward is `np.tanh(x)`, and the slope of tanh is $1 - \tanh^2$. Check `backward` by measuring: expect a
# relative error below $10^{-8}$. Then call `there_and_back(glorot_uniform, bend=Tanh)`: the spread after layer
# 12 is no longer 0.01 but about 0.2, since tanh is straight near 0, where Glorot's reckoning holds.


# %%
class Tanh:
    def forward(self, x): ...

    def backward(self, dy): ...


at, slopes = np.random.default_rng(10).normal(size=(2, 3, 5))
# measured = numeric_gradient(lambda x: np.sum(slopes * Tanh().forward(x)), at)

# %% [markdown]
# ## What you built
#
# Your layers against the engine's, forward and backward, on 103 samples of 41 features, in 64 bits.

# %% nbgrader={"grade": false, "grade_id": "06-table-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(13)
batch, slopes = rng.normal(size=(103, 41)), rng.normal(size=(103, 19))


def gap(yours, layers, weights, start):
    """Return how far your [y, dx, ...] is from the engine's, which the tape gives."""
    model, source = keras.Sequential([keras.Input((41,)), *layers]), keras.Variable(batch)
    model.set_weights(weights)
    with keras.GradientTape() as tape:
        y = model(source)
    wanted = [source, *model.trainable_variables]
    found = [y, *tape.gradient(y, wanted, output_gradients=start)]
    pairs = zip(yours, found, strict=True)
    return float(max(np.max(np.abs(a - np.asarray(b))) for a, b in pairs))


# %% nbgrader={"grade": false, "grade_id": "06-table-compare", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
dense, relu, chain = Dense(19), ReLU(), Sequential([Dense(19), ReLU()])
dense.build(41, rng)
chain.build(41, rng)
parts = [dense.forward(batch), dense.backward(slopes), dense.dkernel, dense.dbias]
dense_gap = gap(parts, [kl.Dense(19)], [dense.kernel, dense.bias], slopes)
parts = [chain.forward(batch), chain.backward(slopes), *chain.gradients()]
chain_gap = gap(parts, [kl.Dense(19), kl.ReLU()], chain.variables(), slopes)
relu_gap = gap([relu.forward(batch), relu.backward(batch)], [kl.ReLU()], [], batch)
drawn = np.abs(glorot_uniform((410, 190), rng))
dropped = Dropout(0.2, rng).forward(np.ones(100_000), training=True) == 0

# %% nbgrader={"grade": false, "grade_id": "06-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
kept_in = f"between ±0.1; the largest of 77,900 is {np.max(drawn):.6f}"
gone = f"at rate 0.2, {np.sum(dropped):,} of 100,000 are dropped"
rows = [
    ("layers.glorot_uniform", "`keras.initializers.GlorotUniform`", kept_in),
    ("layers.Dense", "`keras.layers.Dense`", dense_gap),
    ("layers.ReLU", "`keras.layers.ReLU`", relu_gap),
    ("layers.Dropout", "`keras.layers.Dropout`", gone),
    ("layers.Sequential", "`keras.Sequential`", chain_gap),
]
built_table(rows)
