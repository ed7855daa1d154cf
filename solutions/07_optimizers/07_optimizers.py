# %% [markdown]
# # 07 · Optimizers: what to do with a gradient
#
# By the end of this notebook you will have written the optimizer that most of deep learning runs on, trained a network
# with it inside `fit`, and turned a valley by 45 degrees to see what it cannot do.
#
# *About 95 minutes, 12 points: 50 minutes to build, 45 to see what it does. You need steps and gradients (notebook
# 01) and classes (04). You leave with momentum, RMSprop and Adam: yours.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "07-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# One argument of one line of Keras:
#
# ```python
# model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss=...)
# ```

# %% nbgrader={"grade": false, "grade_id": "07-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture(lit=["update"])

# %% [markdown]
# In notebook 01 the update was a line, $w \leftarrow w - \eta g$: the new [weight](../glossary.md#weight) is the old
# one minus the [learning rate](../glossary.md#learning-rate) times the [gradient](../glossary.md#gradient). All
# optimizers begin there. What they add is memory: of gradients gone by, and of how large they were.

# %% [markdown]
# ## Predict
#
# Three guesses, committed before anything runs.

# %%
predict("optimizers.q1_first_step", ...)

# %%
predict("optimizers.q2_ravine", ...)

# %%
predict("optimizers.q3_uncorrected", ...)

# %% [markdown]
# ## Build
#
# The place to try optimizers is a ravine: two weights, and a loss that is 100 times as steep in the first as in the
# second. Its gradient is known, (100 · w[0], w[1]), and its bottom is at 0.

# %% nbgrader={"grade": false, "grade_id": "07-ravine", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
slopes = np.array([100.0, 1.0])  # how fast the gradient grows along each axis
for rate in (0.015, 2 / 101, 0.021):
    w = np.array([1.0, 1.0])
    for _ in range(100):
        w = w - rate * (slopes * w)
    print(f"rate {rate:.4f}: after 100 steps w = ({w[0]:.4g}, {w[1]:.4g})")

# %% [markdown]
# Above 0.02 the first weight explodes: that is notebook 01's limit, 2 / 100. At every rate below it the second weight
# crawls. 2 / 101 is the best there is, and still only 2 % of the way is done at each step. One rate for two such
# weights is the whole trouble of training.

# %% [markdown]
# ### 1 · Momentum
#
# [Momentum](../glossary.md#momentum) lets the weights roll like a ball: they keep a
# [velocity](../glossary.md#velocity) `v`. Each step, friction takes a part of it away, and the gradient pushes. Pushes
# that agree add up, pushes that alternate cancel:

# %%
agree = alternate = 0.0
for t in range(30):
    agree = 0.9 * agree - 0.1 * 1.0
    alternate = 0.9 * alternate - 0.1 * (-1.0) ** t
print(f"30 pushes of 0.1: {agree:.2f} if they agree, {alternate:.3f} if they alternate")

# %% [markdown]
# **`momentum_step(w, g, v, learning_rate, momentum) -> (w, v)`** · ●○○ · 6 minutes · roughly 2 lines · 1 point
#
# $$v \leftarrow \mu v - \eta g \qquad w \leftarrow w + v$$
#
# - `w`, `g`, `v`: arrays of floats of one shape, any shape: weights, gradient, velocity
# - `learning_rate` is $\eta$, `momentum` is $\mu$: two numbers
# - returns the new `w` and the new `v`, two new arrays; nothing that was passed in changes
#
# *Differs from PyTorch*, which keeps the rate outside: $v \leftarrow \mu v + g$, $w \leftarrow w - \eta v$.


# %% nbgrader={"grade": false, "grade_id": "optimizers.momentum_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def momentum_step(w, g, v, learning_rate, momentum):
    """Return the weights and the velocity after one step."""
    ### BEGIN SOLUTION
    v = momentum * v - learning_rate * g
    return w + v, v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimizers.momentum_step", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("optimizers.momentum_step", momentum_step)

# %% [markdown]
# ### 2 · Nesterov's momentum
#
# A ball that rolls by $v$ now will roll by $\mu v$ in the next step: friction takes the rest. Nesterov's idea is to
# move by that at once: the velocity still to come, and this gradient's own push.
#
# **`nesterov_step(w, g, v, learning_rate, momentum) -> (w, v)`** · ●●○ · 6 minutes · roughly 2 lines · 1 point
#
# $$v \leftarrow \mu v - \eta g \qquad w \leftarrow w + \mu v - \eta g$$
#
# The first formula is the one you have; the second uses the *new* $v$. Arguments and result are as before.


# %% nbgrader={"grade": false, "grade_id": "optimizers.nesterov_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def nesterov_step(w, g, v, learning_rate, momentum):
    """Return the weights and the velocity after one step that looks ahead."""
    ### BEGIN SOLUTION
    v = momentum * v - learning_rate * g
    return w + momentum * v - learning_rate * g, v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimizers.nesterov_step", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("optimizers.nesterov_step", nesterov_step)

# %% [markdown]
# ### 3 · RMSprop: every weight its own rate
#
# The other idea: measure how large each weight's gradients usually are, and divide by it. "Usually" is a
# [running mean](../glossary.md#running-mean): at each step it keeps a share $\rho$ of what it was, and takes the rest
# from the new value.

# %%
mean_square = np.zeros(2)
for _ in range(40):
    g = np.array([-30.0, 0.2])  # a steep weight and a flat one
    mean_square = 0.9 * mean_square + 0.1 * g**2  # element by element
size = np.sqrt(mean_square)
print("size:", size.round(3), "   gradient over size:", (g / size).round(3))

# %% [markdown]
# After the division both move equally far, the steep one and the flat one. (The last digits say that 40 steps are not
# quite enough for the mean to arrive; that is exercise 4.)

# %% [markdown]
# **`rmsprop_step(w, g, v, learning_rate, rho, epsilon) -> (w, v)`** · ●●○ · 8 minutes · roughly 2 lines · 2 points
#
# $$v \leftarrow \rho v + (1 - \rho) \, g^2 \qquad w \leftarrow w - \frac{\eta \, g}{\sqrt{v + \varepsilon}}$$
#
# - `w`, `g`, `v`: arrays of one shape; here `v` is the mean of squares, never negative
# - `learning_rate` $\eta$, `rho` $\rho$, `epsilon` $\varepsilon$, which keeps 0 / 0 away: numbers
# - returns the new `w` and `v`; nothing that was passed in changes
#
# *Differs from PyTorch*, where $\varepsilon$ is outside of the root, and $\rho$ is called alpha and is 0.99.


# %% nbgrader={"grade": false, "grade_id": "optimizers.rmsprop_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def rmsprop_step(w, g, v, learning_rate, rho, epsilon):
    """Return the weights and the mean of squares after one step."""
    ### BEGIN SOLUTION
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimizers.rmsprop_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("optimizers.rmsprop_step", rmsprop_step)

# %% [markdown]
# ### 4 · Adam: both ideas, and a correction
#
# Above the line a mean of gradients, `m`; below it the root of a mean of squares, `v`. But a running mean that starts
# at 0 takes its time. Let every value be 1:

# %%
mean = 0.0
for step in range(1, 6):
    mean = 0.9 * mean + 0.1 * 1.0
    print(f"step {step}: mean {mean:.5f}   1 - 0.9**step {1 - 0.9**step:.5f}")

# %% [markdown]
# Five ones, and the mean says 0.41. The second column knows how much of the way is done, whatever the values are:
# dividing by it makes the mean right from the first step. That is the
# [bias correction](../glossary.md#bias-correction).
#
# For `m`, with $\beta_1 = 0.9$, it soon is 1 and does nothing. For `v`, with $\beta_2 = 0.999$, it takes thousands of
# steps.

# %% [markdown]
# **`adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon) -> (w, m, v)`** · ●●○ · 12 minutes · roughly
# 4 lines · 2 points
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1) \, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2) \, g^2$$
# $$w \leftarrow w - \eta \, \frac{\sqrt{1 - \beta_2^{\,t}}}{1 - \beta_1^{\,t}} \cdot \frac{m}{\sqrt{v} + \varepsilon}$$
#
# - `w`, `g`, `m`, `v`: arrays of one shape; `step` is $t$: 1 at the first step, then 2, 3, …
# - `learning_rate` $\eta$, `beta_1`, `beta_2` and `epsilon` $\varepsilon$: numbers
# - returns the new `w`, `m` and `v`, not corrected; nothing that was passed in changes
#
# *Differs from PyTorch* and the paper, which add $\varepsilon$ to the corrected root. Here it is outside of the root,
# but the root is of `v` as it is.


# %% nbgrader={"grade": false, "grade_id": "optimizers.adam_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def adam_step(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    """Return the weights and both means after step number `step`."""
    ### BEGIN SOLUTION
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon), m, v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimizers.adam_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("optimizers.adam_step", adam_step)

# %% [markdown]
# ### 5 · The class that remembers
#
# A model has many arrays of weights, and each needs an `m` and a `v` of its own: its [slots](../glossary.md#slot).
# Somebody has to keep them, and count the steps. And now the weights *must* change
# [in place](../glossary.md#in-place), where they lie, since the layers hold these very arrays:

# %%
kernel = np.array([1.0, 2.0])
weights = [kernel]  # the same array, in a list
weights[0] = weights[0] - 0.5  # a new array into the list
print("kernel after = :     ", kernel)
weights = [kernel]
weights[0][...] = weights[0] - 0.5  # new numbers into the old array
print("kernel after [...] = :", kernel)

# %% [markdown]
# **`Adam`** · ●●● · 15 minutes · roughly 11 lines in three cells · 3 points
#
# - `Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7)`; `learning_rate` may be changed between steps
# - `build(variables)` makes the slots, zeros in the shapes of the variables; `apply` calls it the first time
# - `apply(gradients, variables)` takes one step: two lists of arrays in the same order at every call. It changes the
#   variables **in place**, leaves the gradients alone, and returns nothing
# - `iterations`: how many steps were taken, whatever the number of variables
#
# Use your `adam_step`; this check can pass only when that one has. First, what a new Adam knows:


# %% nbgrader={"grade": false, "grade_id": "optimizers.Adam-answer-init", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Adam:
    """Adam over a list of arrays, which it changes in place."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        # How many steps has it taken? And self.m and self.v: no slots yet.
        ### BEGIN SOLUTION
        self.iterations = 0
        self.m = self.v = None
        ### END SOLUTION


# %% [markdown]
# `class Adam(Adam):` goes on where the last cell stopped: all that Adam had so far, and one method more. In one cell
# you would write the three methods below one another.


# %% nbgrader={"grade": false, "grade_id": "optimizers.Adam-answer-build", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Adam(Adam):
    def build(self, variables):
        """Set self.m and self.v: two lists, in each zeros for every variable."""
        ### BEGIN SOLUTION
        self.m = [np.zeros_like(w) for w in variables]
        self.v = [np.zeros_like(w) for w in variables]
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "optimizers.Adam-answer-apply", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Adam(Adam):
    def apply(self, gradients, variables):
        """Take one step: change every variable in place."""
        ### BEGIN SOLUTION
        if self.m is None:
            self.build(variables)
        self.iterations += 1
        settings = self.learning_rate, self.beta_1, self.beta_2, self.epsilon
        for i, (w, g) in enumerate(zip(variables, gradients, strict=True)):
            new = adam_step(w, g, self.m[i], self.v[i], self.iterations, *settings)
            w[...], self.m[i], self.v[i] = new
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimizers.Adam", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("optimizers.Adam", Adam)

# %% [markdown]
# ### 6 · Weight decay
#
# Large weights fit noise, so one lets all weights fade a little at each step:
# [weight decay](../glossary.md#weight-decay). The old way adds $\lambda w$ to the gradient; but Adam divides
# gradients by their size, and the fading with them. AdamW lets them fade **apart** from the gradient, before the step:
#
# **`decoupled_weight_decay(w, learning_rate, weight_decay) -> w`** · ●○○ · 4 minutes · roughly 1 line · 1 point
#
# $$w \leftarrow w - \eta \lambda w$$
#
# - `w`: an array; `learning_rate` $\eta$ and `weight_decay` $\lambda$: numbers
# - returns a new array; `w` itself stays as it was


# %% nbgrader={"grade": false, "grade_id": "optimizers.decoupled_weight_decay-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def decoupled_weight_decay(w, learning_rate, weight_decay):
    """Return the weights, each a little smaller."""
    ### BEGIN SOLUTION
    return w - learning_rate * weight_decay * w
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimizers.decoupled_weight_decay", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("optimizers.decoupled_weight_decay", decoupled_weight_decay)

# %% [markdown]
# ## Swap in
#
# `compile` takes any optimizer that is an `Optimizer` of Keras. Yours is not, but a few lines make it one: they hand
# the arrays of the model to your `apply`, and put back what it made of them. (The same lines work in Keras itself, on
# PyTorch.)

# %% nbgrader={"grade": false, "grade_id": "07-swap-adapter", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import Adam

import minifit as keras


class Yours(keras.optimizers.Optimizer):
    def __init__(self, adam):
        super().__init__(adam.learning_rate)
        self.adam = adam

    def apply(self, gradients, variables):
        arrays = [v.numpy().copy() for v in variables]
        self.adam.apply([np.array(g) for g in gradients], arrays)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)


# %% [markdown]
# The data are 1,438 handwritten digits of 8 × 8 pixels: 44 batches of 32 and one of 30. The model is one layer that
# starts at zero, so that nothing is left to chance, in 64-bit numbers. The last column was recorded with Keras 3.15.1
# on JAX, on another computer.

# %% nbgrader={"grade": false, "grade_id": "07-swap-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import digits

(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(-1, 64) / 16, x_test.reshape(-1, 64) / 16


def one_layer(optimizer):
    layer = keras.layers.Dense(10, kernel_initializer="zeros", input_shape=(64,))
    model = keras.Sequential([layer])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)
    history = model.fit(x, y, batch_size=32, epochs=5, shuffle=False, verbose=0)
    return history.history["loss"]


# %% nbgrader={"grade": false, "grade_id": "07-swap-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
keras.config.set_floatx("float64")
yours, theirs = one_layer(Yours(Adam(0.01))), one_layer(keras.optimizers.Adam(0.01))
keras.config.set_floatx("float32")
recorded = [1.5831400181459874, 0.7494987771970932, 0.49909150983428424]
recorded += [0.38851604181664035, 0.32461227086957783]
print(f"{'epoch':>5}{'your Adam':>19}{'Adam here':>19}{'Adam in Keras':>19}")
for i in range(5):
    print(f"{i + 1:5}{yours[i]:19.15f}{theirs[i]:19.15f}{recorded[i]:19.15f}")

# %% [markdown]
# 225 steps, two arrays of weights in each, and the same loss to the fourteenth digit or so. What differs is rounding:
# sums taken in another order. If the first cell of this part said *yours*, you have written Keras' Adam.

# %% [markdown]
# ## Experiment
#
# ### Three ways down a ravine
#
# Your steps, from the same place. Gradient descent and momentum both get the rate 2 / 101, momentum a $\mu$ of 0.75.
# Adam gets the rate 0.03.

# %% nbgrader={"grade": false, "grade_id": "07-walk-rules", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import adam_step, momentum_step


def descent(w, g, memory, t):
    return w - 2 / 101 * g, memory


def momentum(w, g, memory, t):
    w, v = momentum_step(w, g, memory[0], 2 / 101, 0.75)
    return w, [v]


def adam(w, g, memory, t):
    w, *memory = adam_step(w, g, *memory, t, 0.03, 0.9, 0.999, 1e-7)
    return w, memory


# %% [markdown]
# And now turn the valley by 45 degrees, and the start with it: the same slopes, only that the ravine runs across both
# weights. Gradient descent and momentum cannot notice. Can Adam?


# %% nbgrader={"grade": false, "grade_id": "07-walk", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def walk(rule, degrees, steps=3000):
    """Return the places visited in a ravine that is turned, (steps + 1, 2)."""
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    w, memory = turn @ [1.0, 1.0], [np.zeros(2)] * (2 if rule is adam else 1)
    places = [w]
    for t in range(1, steps + 1):
        g = turn @ (slopes * (turn.T @ w))
        w, memory = rule(np.asarray(w), g, [np.asarray(slot) for slot in memory], t)
        places.append(w)
    return np.array(places)


# %% nbgrader={"grade": false, "grade_id": "07-walk-count", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
paths, needed = {}, {}
for rule in (descent, momentum, adam):
    for degrees in (0, 45):
        path = walk(rule, degrees)
        far = np.linalg.norm(path, axis=1) > np.sqrt(2) / 1000
        paths[rule, degrees] = path
        needed[rule, degrees] = int(np.flatnonzero(far)[-1]) + 1
    straight, turned = needed[rule, 0], needed[rule, 45]
    print(f"{rule.__name__:9} 1000 times nearer: {straight:4} steps; turned, {turned:4}")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "07-walk-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.plot import INK, REFERENCE, THIRD, TRAIN, VALIDATION

looks = {descent: REFERENCE, momentum: TRAIN, adam: VALIDATION}
names = {descent: "gradient descent", momentum: "momentum", adam: "Adam"}
axis = np.linspace(-1.6, 1.6, 221)
grid = np.stack(np.meshgrid(axis, axis), axis=-1)
fig, axes = plt.subplots(1, 2, figsize=(11, 5.5), layout="constrained", sharey=True)
for ax, degrees in zip(axes, (0, 45), strict=True):
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    surface = ((grid @ turn) ** 2 @ slopes) / 2
    levels = 0.02 * 5.0 ** np.arange(6)
    ax.contour(axis, axis, surface, levels, colors="#C3C8CF", linewidths=1)
    for k, (rule, color) in enumerate(looks.items()):
        path, faint = paths[rule, degrees][:121], rule is descent
        ax.plot(*path.T, color=color, lw=0.8, alpha=0.25 if faint else 0.8)
        ax.plot(*path.T, "o", color=color, ms=2 if faint else 4, alpha=0.6 if faint else 1)
        note = {"weight": "bold", "color": "#6B6B6B" if faint else color, "size": 12}
        note["bbox"] = {"color": "white", "alpha": 0.85, "pad": 1}
        text = f"{names[rule]}: {needed[rule, degrees]:,} steps"
        ax.text(-1.53, -1.26 - 0.14 * k, text, **note)
    ax.text(-1.53, -1.12, "1000 times nearer after", color="#6B6B6B", bbox=note["bbox"])
    ax.plot(*paths[adam, degrees][0], "o", color=INK, ms=8)
    ax.plot(0, 0, "X", color=INK, ms=10)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xlabel="w[0]")
    title = "The same, turned by 45 degrees" if degrees else "A ravine along an axis"
    ax.set_title(f"{title}: the first 120 steps")
    ax.grid(False)
axes[0].set_ylabel("w[1]")
axes[0].text(1.08, 1.05, "start", color=INK)
axes[1].text(0.1, 1.44, "start", color=INK)
stuck = {"arrowstyle": "-", "color": VALIDATION, "lw": 1}
at = paths[adam, 45][120]
note = {"color": VALIDATION, "arrowprops": stuck, "ha": "left"}
axes[1].annotate("Adam after 120 steps", at, (-1.5, 1.25), **note)
plt.show()

# %%
reveal("optimizers.q2_ravine", measured=needed[momentum, 0])

# %% [markdown]
# On the left Adam goes down the diagonal as if there were no ravine: it divides each weight's gradient by its own
# size, and a size is all that differs. On the right both weights feel the steep slope *and* the flat one. There is
# nothing to divide away, and Adam creeps: more than ten times as many steps, in the same valley.
#
# So Adam repairs weights of different *scale*, one by one. It knows nothing of valleys that run across them. Momentum
# does, and does not care how they lie.

# %% [markdown]
# ### The first 20 steps
#
# Let the gradient be the same at every step: whatever it is, Adam should then walk at its learning rate. A trick turns
# the correction of your `adam_step` off: tell it that this is step 1,000,000, where both factors are 1. `lengths` then
# puts back those it is asked for, as part of the rate.


# %% nbgrader={"grade": false, "grade_id": "07-first-steps", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def lengths(correct_m, correct_v, gradient=0.001, steps=20):
    """Return how far each step went, as a multiple of the learning rate."""
    found, w = [], np.zeros(1)
    m = v = np.zeros(1)
    for t in range(1, steps + 1):
        # in units of the learning rate: 1, times the corrections that are wanted
        rate = np.sqrt(1 - 0.999**t) if correct_v else 1.0
        rate /= (1 - 0.9**t) if correct_m else 1.0
        new, m, v = adam_step(w, np.array([gradient]), m, v, 10**6, rate, 0.9, 0.999, 1e-12)
        m, v = np.asarray(m), np.asarray(v)
        found.append(float(w[0] - np.asarray(new)[0]))
    return found


# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "07-first-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.plot import FOURTH, label_line

kinds = {
    "both corrected": (True, True, VALIDATION),
    "neither": (False, False, INK),
    "only m": (True, False, FOURTH),
    "only v": (False, True, THIRD),
}
fig, ax = plt.subplots(figsize=(8.6, 4.2), layout="constrained")
steps = np.arange(1, 21)
for name, (m, v, color) in kinds.items():
    line = lengths(m, v)
    ax.plot(steps, line, color=color, marker="o", ms=4)
    label_line(ax, steps, line, name, color)
    note = {"textcoords": "offset points", "ha": "right", "va": "center", "weight": "bold"}
    ax.annotate(f"{line[0]:.3g}", (1, line[0]), (-9, 0), color=color, **note)
ax.set(yscale="log", xlabel="step", xlim=(-0.6, 20.5))
ax.set_ylabel("length of the step, in learning rates")
ax.set_xticks([1, 5, 10, 15, 20])
ax.set_yticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])
ax.set_title("Adam under a constant gradient: how long is a step?")
plt.show()

# %%
long_run = np.array(lengths(False, False, steps=4000))
longest, settled = long_run.argmax() + 1, np.argmax(long_run < 1.01) + 1
print(f"uncorrected: longest at step {longest}, {long_run.max():.2f} times the rate;")
print(f"at step 1000 still {long_run[999]:.2f} times, below 1.01 from step {settled}")

# %%
reveal("optimizers.q3_uncorrected")

# %% [markdown]
# The surprise is the black line. It begins three times too high, and *rises*: `m` catches up in some twenty steps and
# fills the numerator, while `v` needs thousands and leaves the denominator small. The correction is no cosmetics for
# the first step: it is at work for thousands.
#
# And the orange line is flat at 1, although this gradient is a thousandth. Make it a million times larger:

# %%
for gradient in (0.001, 1000.0):
    first = lengths(True, True, gradient)[0]
    print(f"gradient {gradient:6}: the first step is {first:.6f} learning rates")
reveal("optimizers.q1_first_step")

# %% [markdown]
# ### Does Adam make the learning rate irrelevant?
#
# If the size of the gradient does not matter, does the rate? A small network on the digits, six epochs, ten rates from
# 0.0001 to 3.2, three optimizers, the same start:

# %% nbgrader={"grade": false, "grade_id": "07-rates-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rates = 10.0 ** np.arange(-4, 0.75, 0.5)  # three times as much each
makers = {
    "SGD": lambda rate: keras.optimizers.SGD(rate),
    "SGD, momentum 0.9": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "Adam": lambda rate: keras.optimizers.Adam(rate),
}


# %% nbgrader={"grade": false, "grade_id": "07-rates-accuracy", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def accuracy(optimizer, factor=None):
    keras.set_random_seed(7)
    first = keras.layers.Dense(24, activation="relu", input_shape=(64,))
    model = keras.Sequential([first, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # loss_weights multiplies the loss, and so every gradient
    model.compile(optimizer, loss, metrics=["accuracy"], loss_weights=factor)
    model.fit(x, y, epochs=6, verbose=0)
    return model.evaluate(x_test, y_test, verbose=0)[1]


# %% nbgrader={"grade": false, "grade_id": "07-rates-sweep", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
reached = {}
with np.errstate(all="ignore"):  # some of these runs overflow
    for name, make in makers.items():
        reached[name] = np.array([accuracy(make(float(rate))) for rate in rates])
        good = rates[reached[name] > 0.8]
        print(f"{name:18} above 80 % from {good[0]:.4f} to {good[-1]:.4f}", end="; ")
        print(f"at a rate of 1: {reached[name][rates == 1][0]:.0%}")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "07-rates-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
fig, ax = plt.subplots(figsize=(8.6, 4.2), layout="constrained")
colors = {"SGD": REFERENCE, "SGD, momentum 0.9": TRAIN, "Adam": VALIDATION}
places = {"SGD": (1.3, 92, "left"), "SGD, momentum 0.9": (0.00085, 46, "left")}
places["Adam"] = (0.00026, 70, "right")
for name, line in reached.items():
    color = colors[name]
    ax.plot(rates, 100 * line, color=color, marker="o", ms=4)
    x_at, y_at, side = places[name]
    ink = "#6B6B6B" if color == REFERENCE else color
    note = {"color": ink, "ha": side, "weight": "bold"}
    ax.text(x_at, y_at, name.split()[1] if " " in name else name, **note)
ax.axhline(10, color="#9AA0A8", lw=1, ls=(0, (4, 3)))
ax.text(1.1e-4, 4.5, "10 %, what guessing would give", color="#6B6B6B")
ax.set(xscale="log", xlabel="learning rate", ylim=(0, 100))
ax.set_ylabel("accuracy on test images, %")
ax.set_title("One network, six epochs, ten rates")
plt.show()

# %% [markdown]
# **The first myth of the day.** Adam's good rates span a factor of a hundred here. So do momentum's. They only lie
# elsewhere: at a rate of 1, where plain gradient descent does well, Adam guesses.
#
# Why? One step moves *every* weight by about the rate. The weights of this network start between -0.42 and 0.42; moved
# by 1 at each step, nothing of them is left.
#
# What Adam does buy you have seen above: the size of the gradient drops out. Multiply the loss by 1000, and leave the
# rates alone:

# %% nbgrader={"grade": false, "grade_id": "07-rates-thousand", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
with np.errstate(all="ignore"):
    for name, i in (("Adam", 4), ("SGD", 7)):
        now = accuracy(makers[name](float(rates[i])), factor=1000.0)
        print(f"{name:4} at {rates[i]:.2f}: {reached[name][i]:.0%}, times 1000 {now:.0%}")

# %% [markdown]
# Adam does not notice. Gradient descent is back at guessing: a loss that is 1000 times as large wants a rate that is
# 1000 times as small.

# %% [markdown]
# ### Does momentum mean the same everywhere?
#
# The second myth. A constant gradient of 1, a momentum of 0.9, and a rate that a schedule cuts to a tenth after two
# steps. Your step, and PyTorch's formula:

# %%
from mine import momentum_step

w = v = other_w = other_v = np.zeros(1)
for rate in (0.1, 0.1, 0.01, 0.01):
    w, v = map(np.asarray, momentum_step(w, np.ones(1), v, rate, 0.9))
    other_v = 0.9 * other_v + 1
    other_w = other_w - rate * other_v
    print(f"rate {rate}:  Keras' form {w[0]:.4f}   PyTorch's form {other_w[0]:.4f}")

# %% [markdown]
# As long as the rate stays they agree. After the cut Keras' velocity is still of the old size, and the weights roll
# on; PyTorch's steps shrink with the rate, at once. Two steps after the cut, one has gone nearly twice as far as the
# other. Whoever copies a schedule from one to the other copies something else.

# %% [markdown]
# ### Does it matter where the decay is?
#
# Three weights of 1. Their gradients say nothing, they only alternate: ±10, ±1 and ±0.1. 500 steps of Adam at a rate
# of 0.01 and a decay of 0.1, first in the gradient, then apart from it:

# %% nbgrader={"grade": false, "grade_id": "07-decay", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import decoupled_weight_decay

noise = np.array([10.0, 1.0, 0.1])
for apart in (False, True):
    w, m, v = np.ones(3), np.zeros(3), np.zeros(3)
    for t in range(1, 501):
        g = noise * (-1) ** t + (0 if apart else 0.1 * w)
        if apart:
            w = np.asarray(decoupled_weight_decay(w, 0.01, 0.1))
        w, m, v = map(np.asarray, adam_step(w, g, m, v, t, 0.01, 0.9, 0.999, 1e-7))
    print("apart from it: " if apart else "in the gradient:", w.round(3))

# %% [markdown]
# In the gradient, the decay is divided by the size of the noise: the weight with small gradients is all but gone, the
# one with large gradients has hardly faded. Apart from it, all three keep 0.617. That is the W in `AdamW`, and
# `weight_decay=` in every optimizer of Keras.

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - momentum adds up what agrees and cancels what alternates;
# - RMSprop and Adam give each weight its own rate, so the size of a gradient does not matter;
# - a mean that starts at 0 has to be corrected, for thousands of steps;
# - an optimizer has a state: two slots for each weight and a counter, and it changes weights in place;
# - the learning rate stays the first thing to try.

# %% [markdown] nbgrader={"grade": false, "grade_id": "07-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# A friend has moved a script from SGD with a rate of 0.5 to Adam, "since Adam finds the rate by itself", and kept the
# 0.5. The accuracy is 10 %. Another friend has written Adam without the correction, "since it only concerns the first
# step", and lost a trained model at the start of its second training.
#
# Explain to both what went wrong, in your own words and with numbers from today.
#
# *Rubric, 2 points: half a point each for what Adam does to the size of a gradient; why its rate then matters and
# which to try; what the missing correction does, and for how long; a measured number for each friend.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "07-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Adam divides every gradient by its usual size, so a gradient of 0.001 and one of 1000 make the same first step: one
# learning rate. That does not make the rate irrelevant: in my sweep Adam's good ones went from 0.001 to 0.1, those of
# SGD from 0.03 to 1. For the rate is now how far *every* weight moves at every step, and 0.5 is more than the weights
# themselves, which started within 0.42 of 0; at 1 the network guessed, 10 %. The first friend should start at 0.001.
# As to the second: `m` has caught up with its zeros after some twenty steps, `v` only after thousands, and `v` is
# below the line. So without the correction the first step is 3.2 times too long, the twelfth 6.6 times, and the
# thousandth still 1.26 times. A trained model is thrown far from where it was before the means have settled.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | Adam divides by the size of the gradient, so a step is about one rate long, whatever the gradient |
# | 0.5 | hence the rate is the length of a step for every weight; 0.5 is too long; try 0.001 (to 0.01) |
# | 0.5 | without the correction steps are too long, and not only the first, since `v` catches up slowly |
# | 0.5 | one measured number for each friend, such as 10 % at a rate of 1, and 3.16, 6.57 or 1.26 |
#
# **Fair (1 of 2).** "Adam normalises the gradient, so its rate has another meaning than that of SGD, and 0.5 is too
# large; the default is 0.001. The correction is needed because the means start at 0, otherwise the first steps are too
# large." *Both causes; no word on how long the second lasts, and no number but the default.*
#
# **Weak (0 to 0.5 of 2).** "Adam does not need a learning rate, so the problem must be somewhere else, perhaps the
# loss. Without correction the first step is too small because m is 0." *The myth of the day, and half of the
# correction: v is forgotten.*

# %% [markdown]
# ### Stretch, if you like: an optimizer that only looks at signs
#
# Lion (2023) was found by a search through programs. It keeps one slot, and of everything it computes it uses the
# sign:
#
# $$c = \beta_1 m + (1 - \beta_1) \, g \qquad w \leftarrow w - \eta \, \mathrm{sign}(c) \qquad
# m \leftarrow \beta_2 m + (1 - \beta_2) \, g$$
#
# with 0.9 and 0.99. Here are three steps of it. Work out the second by hand: why does the first weight go on down,
# although its gradient now says up? Then write `lion_step`, three lines, until it gives these numbers.

# %%
lion, w = keras.optimizers.Lion(0.01), keras.Variable([1.0, -2.0])
for g in ([30.0, -0.1], [-1.0, -0.1], [-40.0, 0.5]):
    lion.apply([np.array(g)], [w])
    print(f"gradient {g}: w = {w.numpy().round(4)}")

# %% [markdown]
# ## What you built
#
# Your rules against the engine's: 50 steps each, with the same random gradients of a (7, 3) array, in 64 bits. The
# last row is the largest difference of the two loss curves above.

# %% nbgrader={"grade": false, "grade_id": "07-table-walks", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import nesterov_step, rmsprop_step

rng = np.random.default_rng(7)
start, gradients = rng.normal(size=(7, 3)), rng.normal(size=(50, 7, 3))


def walked(rule, slots):
    """Return where 50 of your steps lead."""
    w, memory = start, [np.zeros_like(start)] * slots
    for t, g in enumerate(gradients, 1):
        w, *memory = map(np.asarray, rule(t, w, g, *memory))
    return w


# %% nbgrader={"grade": false, "grade_id": "07-table-engine", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def engine(optimizer):
    """Return where 50 steps of the engine lead."""
    w = keras.Variable(start)
    for g in gradients:
        optimizer.apply([g], [w])
    return w.numpy()


# %% nbgrader={"grade": false, "grade_id": "07-table-rules", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
settings = 0.01, 0.9, 0.999, 1e-7  # of Adam


def adamw_step(t, w, g, m, v):
    w = np.asarray(decoupled_weight_decay(w, 0.01, 0.04))
    return adam_step(w, g, m, v, t, *settings)


rules = {
    "momentum_step": (1, lambda t, w, g, v: momentum_step(w, g, v, 0.01, 0.9)),
    "nesterov_step": (1, lambda t, w, g, v: nesterov_step(w, g, v, 0.01, 0.9)),
    "rmsprop_step": (1, lambda t, w, g, v: rmsprop_step(w, g, v, 0.01, 0.9, 1e-7)),
    "adam_step": (2, lambda t, w, g, m, v: adam_step(w, g, m, v, t, *settings)),
    "decoupled_weight_decay": (2, adamw_step),
}

# %% nbgrader={"grade": false, "grade_id": "07-table-theirs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
keras.config.set_floatx("float64")
ko = keras.optimizers
made = {
    "momentum_step": ("SGD(momentum=0.9)", ko.SGD(0.01, 0.9)),
    "nesterov_step": ("SGD(..., nesterov=True)", ko.SGD(0.01, 0.9, True)),
    "rmsprop_step": ("RMSprop", ko.RMSprop(0.01)),
    "adam_step": ("Adam", ko.Adam(0.01)),
    "decoupled_weight_decay": ("AdamW", ko.AdamW(0.01, weight_decay=0.04)),
}

# %% nbgrader={"grade": false, "grade_id": "07-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rows = []
for name, (called, optimizer) in made.items():
    slots, rule = rules[name]
    gap = np.max(np.abs(walked(rule, slots) - engine(optimizer)))
    rows.append((f"optimizers.{name}", f"`keras.optimizers.{called}`", gap))
keras.config.set_floatx("float32")
gap = np.max(np.abs(np.subtract(yours, theirs)))
built_table([*rows, ("optimizers.Adam", "`keras.optimizers.Adam`", gap)])
