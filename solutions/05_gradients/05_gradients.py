# %% [markdown]
# # 05 · Gradients: measured, computed, and how to tell a right one from a wrong one
#
# Every step of training follows a gradient, and a wrong gradient makes no noise: no error, no warning, often not
# even a bad curve. Today you write two gradients, and the tool that catches the wrong ones.
#
# *About 90 minutes, 11 points, and 2 for the paragraph. You need NumPy, notebook 01 and notebook 04. You leave with
# the gradients of both cross-entropies, and a test for any gradient you will ever write.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "05-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# Inside `model.fit(...)`, once for every batch, Keras runs a line like this one. You rebuild what it finds for the
# last and most important link of the chain, the loss:
#
# ```python
# gradients = tape.gradient(loss, model.trainable_variables)
# ```

# %% nbgrader={"grade": false, "grade_id": "05-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture(lit="gradients")

# %% [markdown]
# A [gradient](../glossary.md#gradient) holds one slope for every number that can be changed: by how much does the
# loss grow when this number grows by a little?
#
# There are two ways to get it. **Measure**: nudge each number and look, which gives a
# [numeric gradient](../glossary.md#numeric-gradient). Slow, only nearly right, and almost impossible to get wrong.
# **Compute**: a formula. Fast, exact, and easy to get wrong. So you write both, and let the first one check the
# second: a [gradient check](../glossary.md#gradient-check).
#
# N is the number of samples, C of classes. A [logit](../glossary.md#logit) is a score before the softmax.

# %% [markdown]
# ## Predict
#
# Three guesses before anything runs. Put your answer where the `...` is and run the cell; with `...` it shows the
# question. A wrong guess costs nothing, and you will remember what corrected it.

# %%
predict("gradients.q1_best_eps", ...)

# %%
predict("gradients.q2_slope_of_sure", ...)

# %%
predict("gradients.q3_divided_twice", ...)

# %% [markdown]
# ## Build
#
# Five exercises, each a few lines of NumPy. Stuck? `hint("gradients.numeric_gradient")` gives a nudge, then a plan,
# then almost the code; `solution("gradients.numeric_gradient")` shows ours. Use any exercise's name.
#
# ### 1 · Measure
#
# At 2 the slope of $x^3$ is 12. In notebook 01 you nudged to one side. Here are one side and both sides, with the
# same nudge:


# %%
def cube(x):
    return x**3


for eps in (0.1, 0.01, 0.001):
    one_side = (cube(2 + eps) - cube(2)) / eps
    both_sides = (cube(2 + eps) - cube(2 - eps)) / (2 * eps)
    print(f"eps {eps}: one side {one_side:.6f}, both sides {both_sides:.6f}")

# %% [markdown]
# With a nudge ten times smaller the one-sided error shrinks ten times, the two-sided error a hundred times: what the
# curve bends on the left cancels against what it bends on the right. Two-sided is called the
# [central difference](../glossary.md#central-difference).
#
# Two moves of NumPy that you will need. Guess each line before you run the cell.

# %% nbgrader={"grade": false, "grade_id": "05-numpy-index", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
table = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
print(list(np.ndindex(table.shape)))  # every index, whatever the number of axes
print(table[(1, 2)])  # such an index picks one entry
moved = table.copy()
moved[(1, 2)] += 0.5
print(table[(1, 2)], moved[(1, 2)])  # a copy is an array of its own

# %% [markdown]
# **`numeric_gradient(f, x, eps=1e-5) -> like x`** · ●●○ · 12 minutes · roughly 8 lines · 3 points
#
# $$g_k = \frac{f(x + \varepsilon\, e_k) - f(x - \varepsilon\, e_k)}{2\,\varepsilon}$$
#
# where $x \pm \varepsilon\, e_k$ is `x` with its entry k moved by $\varepsilon$, and all others as they are.
#
# - `f`: a function that takes an array like `x` and returns one number
# - `x`: an array of floats, of any shape
# - `eps`: how far to move, the same for every entry
# - returns an array of the shape of `x`: one slope for each entry. Afterwards `x` is what it was, to the last digit.


# %% nbgrader={"grade": false, "grade_id": "gradients.numeric_gradient-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def numeric_gradient(f, x, eps=1e-5):
    """Return the slope of f in each entry of x, by central differences."""
    ### BEGIN SOLUTION
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += eps
        below[index] -= eps
        gradient[index] = (f(above) - f(below)) / (2 * eps)
    return gradient
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradients.numeric_gradient", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("gradients.numeric_gradient", numeric_gradient)

# %% [markdown]
# ### 2 · How far apart?
#
# A measured and a computed gradient never agree to the last digit. Is a difference of 0.001 much?

# %%
small, large = np.array([0.002, -0.001]), np.array([800.0, -300.0])
for right in (small, large):
    wrong = right + 0.001
    print(f"{right} against {wrong}: apart by {np.linalg.norm(wrong - right):.6f}")

# %% [markdown]
# In the first pair half of the first entry is missing and the second has vanished; in the second pair nothing is
# wrong. So divide by the size of the two; that is the [relative error](../glossary.md#relative-error). `np.linalg.norm` is the size of a whole array: the root of the sum of its
# squares, written $\lVert a \rVert$.

# %% [markdown]
# **`relative_error(a, b) -> float`** · ●○○ · 5 minutes · roughly 4 lines · 1 point
#
# $$\frac{\lVert a - b \rVert}{\lVert a \rVert + \lVert b \rVert}$$
#
# - `a`, `b`: arrays of one shape, any shape, of large or very small numbers
# - returns one number: 0 if they are equal, 1 if one is minus the other
# - if both are 0 everywhere they are equal, so the answer is 0; do not divide then


# %% nbgrader={"grade": false, "grade_id": "gradients.relative_error-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def relative_error(a, b):
    """Return how far two arrays are apart, relative to their sizes: from 0 to 1."""
    ### BEGIN SOLUTION
    size = np.linalg.norm(a) + np.linalg.norm(b)
    if size == 0:
        return 0.0
    return float(np.linalg.norm(a - b) / size)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradients.relative_error", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("gradients.relative_error", relative_error)

# %% [markdown]
# As a rule of thumb for 64-bit numbers: below $10^{-7}$ the gradient is right; above $10^{-3}$ it is wrong; in
# between look for a kink, a place where the function has a corner.
#
# ### 3 · Compute: cross-entropy
#
# Before any formula, look. One sample, four classes, the right one is number 2. Measure the four slopes of its loss
# in the logits, and print the probabilities above them.

# %% nbgrader={"grade": false, "grade_id": "05-look", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import mine

z = np.array([[2.0, 1.0, 0.5, -1.0]])
p = np.exp(mine.log_softmax(z))
slopes = mine.numeric_gradient(lambda z: mine.sparse_categorical_crossentropy([2], z)[0], z)
print("probabilities", np.round(p[0], 6))
print("slopes       ", np.round(slopes[0], 6))

# %% [markdown]
# (`mine.` gives what has passed its check, and the reference's where nothing has yet.)
#
# Do you see it? The slopes **are** the probabilities, only in the column of the right class 1 was taken off. In
# words: every wrong logit should fall by as much as it was believed, and the right one should rise by as much as was
# missing.
#
# Why: $-\log p_y = \log \sum_k e^{z_k} - z_y$. The slope of the first part in $z_c$ is $e^{z_c} / \sum_k e^{z_k}$,
# which is $p_c$. The second part has the slope $-1$, in $z_y$ alone.

# %%
reveal("gradients.q2_slope_of_sure")

# %% [markdown]
# The loss of a batch is the mean over N samples, each times its weight if it has one. So is its gradient. Three moves
# of NumPy: take 1 off in one place of every row, stand weights up as a column, and make class numbers fit for an index.

# %% nbgrader={"grade": false, "grade_id": "05-numpy-ones", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
table = np.full((3, 4), 0.25)
table[[0, 1, 2], [3, 0, 0]] -= 1  # rows first, columns second: one entry a row
print(table)
print(np.reshape([5.0, 6.0, 7.0], (-1, 1)) * table)  # a column of weights: one for each row
print(np.reshape([[3.0], [0.0], [0.0]], -1).astype(int))  # (N, 1) floats to (N,) integers

# %% [markdown]
# **`softmax_crossentropy_gradient(y_true, logits, sample_weight=None) -> (N, C)`** · ●●○ · 12 minutes · roughly
# 6 lines · 3 points
#
# $$\frac{\partial L}{\partial z_{ic}} = \frac{w_i}{N} \left( p_{ic} - [c = y_i] \right)
# \qquad L = \frac{1}{N} \sum_i w_i \ell_i$$
#
# On the left stands "the slope of L in $z_{ic}$". $[c = y_i]$ is 1 in the column of the right class, and 0 elsewhere;
# $p$ is the softmax of each row.
#
# - `y_true`: class numbers, (N,) or (N, 1), integers or floats such as `2.0`; not every class need occur
# - `logits`: (N, C), up to ±1000; they stay as they were
# - `sample_weight`: (N,) or (N, 1), or `None`, which means that every sample counts once
# - returns (N, C)
#
# The trick of notebook 04 keeps the softmax finite: subtract each row's largest logit first. Write it out here, with
# NumPy alone: this notebook is graded without the others.


# %% nbgrader={"grade": false, "grade_id": "gradients.softmax_crossentropy_gradient-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def softmax_crossentropy_gradient(y_true, logits, sample_weight=None):
    """Return the slopes of the mean cross-entropy in the logits: (N,), (N, C) to (N, C)."""
    ### BEGIN SOLUTION
    labels = np.reshape(y_true, -1).astype(int)
    e = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    dz = e / np.sum(e, axis=-1, keepdims=True)
    dz[np.arange(len(labels)), labels] -= 1
    if sample_weight is not None:
        dz = dz * np.reshape(sample_weight, (-1, 1))
    return dz / len(labels)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradients.softmax_crossentropy_gradient", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("gradients.softmax_crossentropy_gradient", softmax_crossentropy_gradient)

# %% [markdown]
# ### 4 · The same for yes or no
#
# For one logit and a [sigmoid](../glossary.md#sigmoid), $p = 1 / (1 + e^{-z})$. The slope of $-\log p$ in z is
# $p - 1$, and that of $-\log(1 - p)$ is $p$. Both are $p - y$: what you believed, minus what is so.
#
# This is why a sigmoid goes with a cross-entropy. With a squared error the slope would be
# $2 (p - y)\, p\, (1 - p)$. For a sure and wrong answer, $z = -10$ where $y = 1$:

# %%
p = 1 / (1 + np.exp(10.0))
print(f"slope of the cross-entropy  {p - 1:+.6f}")
print(f"slope of the squared error  {2 * (p - 1) * p * (1 - p):+.6f}")

# %% [markdown]
# One says "you are completely wrong, move". The other says that nothing is to be done.
#
# **`binary_crossentropy_gradient(y_true, logits, sample_weight=None) -> (N,)`** · ●○○ · 8 minutes · roughly 4 lines ·
# 2 points
#
# $$\frac{\partial L}{\partial z_i} = \frac{w_i}{N} \left( p_i - y_i \right)$$
#
# - `y_true`: 0 or 1, or floats in between; `logits`: floats up to ±1000; `sample_weight`: numbers, or `None`. Each may
#   come as (N,) or as (N, 1).
# - returns (N,)
#
# `1 / (1 + np.exp(-z))` is right for every z, since 1 / inf is 0; NumPy may warn of the inf, and the check does not
# mind.


# %% nbgrader={"grade": false, "grade_id": "gradients.binary_crossentropy_gradient-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def binary_crossentropy_gradient(y_true, logits, sample_weight=None):
    """Return the slopes of the mean binary cross-entropy in the logits, (N,)."""
    ### BEGIN SOLUTION
    y, z = np.reshape(y_true, -1), np.reshape(logits, -1)
    dz = (1 / (1 + np.exp(-z)) - y) / len(z)
    if sample_weight is not None:
        dz = dz * np.reshape(sample_weight, -1)
    return dz
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradients.binary_crossentropy_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("gradients.binary_crossentropy_gradient", binary_crossentropy_gradient)

# %% [markdown]
# ### 5 · A test without a right answer
#
# So far a check compared your numbers with the right ones. What if nobody has the right ones? Often you know
# something that *must* hold: a [property](../glossary.md#property). Here, in every row of a softmax gradient: the
# probabilities sum to 1, then 1 is taken off. So each row sums to 0, whatever the labels, logits or weights are.
#
# This time you write the test, and it is graded by whether it tells right gradients from wrong ones. First see how
# "is 0" looks in a computer:

# %% nbgrader={"grade": false, "grade_id": "05-look-sums", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(5)
labels, logits = rng.integers(0, 7, 103), rng.normal(size=(103, 7))
right = mine.softmax_crossentropy_gradient(labels, logits)
narrow = np.asarray(right).astype("float32")
print(f"largest entry               {np.max(np.abs(right)):.1e}")
print(f"largest row sum, 64 bits    {np.max(np.abs(np.sum(right, axis=1))):.1e}")
print(f"largest row sum, 32 bits    {np.max(np.abs(np.sum(narrow, axis=1))):.1e}")

# %% [markdown]
# None is exactly 0, in a gradient without a mistake. "Is 0" has to become "is small", and small only means something
# compared with something: with the largest entry of the gradient.
#
# **`rows_sum_to_zero(gradient) -> bool`** · ●●○ · 8 minutes · roughly 3 lines · 2 points
#
# - `gradient`: (N, C), in 32 or 64 bits, of any size: near 1000 or near $10^{-11}$
# - returns `True` if every row sums to 0, give or take $10^{-5}$ times the largest size of an entry; else `False`
# - where all entries are 0 the answer is `True`; where one is `nan`, it is `False`. Both are a matter of how you
#   compare: `nan` is neither smaller nor larger than anything.


# %% nbgrader={"grade": false, "grade_id": "gradients.rows_sum_to_zero-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def rows_sum_to_zero(gradient):
    """Return whether each row of (N, C) sums to 0, rounding aside."""
    ### BEGIN SOLUTION
    sums = np.sum(gradient, axis=-1)
    largest = np.max(np.abs(gradient))
    return bool(np.all(np.abs(sums) <= 1e-5 * largest))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradients.rows_sum_to_zero", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("gradients.rows_sum_to_zero", rows_sum_to_zero)

# %% [markdown]
# ## Swap in
#
# Your gradient says what the *logits* should do. How do the weights before them learn of it? By the
# [chain rule](../glossary.md#chain-rule): slopes along a way multiply. The engine's tape walks that way back, layer
# by layer. It starts from a gradient at the end, and lets you hand over that start: `output_gradients`.
#
# So here is Keras' `train_step` with your function in the place of its loss. (Walking back yourself is notebook 06.)

# %% nbgrader={"grade": false, "grade_id": "05-swap-mine", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import (
    binary_crossentropy_gradient,
    numeric_gradient,
    relative_error,
    rows_sum_to_zero,
    softmax_crossentropy_gradient,
)

import minifit as keras


# %% nbgrader={"grade": false, "grade_id": "05-swap-model", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class WithYourGradient(keras.Sequential):
    start = staticmethod(softmax_crossentropy_gradient)

    def train_step(self, data):
        x, y, *weight = (np.asarray(part) for part in data)
        with keras.GradientTape() as tape:
            logits = self(x, training=True)
        start = np.asarray(self.start(y, logits.numpy(), *weight))
        gradients = tape.gradient(logits, self.trainable_variables, output_gradients=start)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {}


# %% [markdown]
# The data are 1,438 handwritten digits: 44 batches of 32, and one of 30. Without and with weights, in 64-bit numbers,
# 12 epochs of Adam. `keras.Sequential` is the engine as it is.

# %% nbgrader={"grade": false, "grade_id": "05-swap-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import digits

keras.config.set_floatx("float64")
(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(-1, 64) / 16, x_test.reshape(-1, 64) / 16
print("x", x.shape, " test", x_test.shape)


# %% nbgrader={"grade": false, "grade_id": "05-swap-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def train(kind, optimizer="adam", weights=None, epochs=12):
    keras.set_random_seed(3)
    hidden = keras.layers.Dense(24, activation="relu", input_shape=(64,))
    model = kind([hidden, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    known = {"sample_weight": weights, "validation_data": (x_test, y_test)}
    history = model.fit(x, y, epochs=epochs, verbose=0, **known)
    return model, history.history["val_accuracy"]


# %% nbgrader={"grade": false, "grade_id": "05-swap-compare", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
weights, learned = np.random.default_rng(5).uniform(0.2, 3, len(x)), {}
for name, w in (("no weights", None), ("with weights", weights)):
    theirs, _ = train(keras.Sequential, weights=w)
    yours, learned[name] = train(WithYourGradient, weights=w)
    pairs = zip(theirs.get_weights(), yours.get_weights(), strict=True)
    apart = max(np.max(np.abs(a - b)) for a, b in pairs)
    print(f"{name:12}  accuracy {learned[name][-1]:.4f}, all 1,810 weights within {apart:.0e}")

# %% [markdown]
# After 540 steps not one of 1,810 weights differs before the fifteenth digit or so. (Where the lines above say "the
# reference's", that is what ran in place of yours.) Look into `train_step` again: no step of yours computed a loss.
# The model learns from the slopes alone.
#
# *Differs from PyTorch:* there `loss.backward()` **adds** to what is in `.grad`, until `zero_grad()` clears it. Keras
# and your functions return fresh gradients.

# %% [markdown]
# ## Experiment
#
# ### How small should a nudge be?
#
# Now the formula can check the measurement. Nine samples of seven classes; for 31 values of eps, the relative error
# of the measured gradient: central in 64 bits, central in 32 bits, and one-sided in 64 bits. The first myth of the
# day says: the smaller, the better.

# %% nbgrader={"grade": false, "grade_id": "05-eps-measure", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import sparse_categorical_crossentropy

rng = np.random.default_rng(8)
labels, logits = rng.integers(0, 7, 9), rng.normal(size=(9, 7))
exact = np.asarray(softmax_crossentropy_gradient(labels, logits))


def loss(z):
    return np.mean(sparse_categorical_crossentropy(labels, z))


def one_sided(f, z, eps):
    steps = eps * np.eye(z.size).reshape(z.size, *z.shape)
    return np.reshape([f(z + step) - f(z) for step in steps], z.shape) / eps


# %% nbgrader={"grade": false, "grade_id": "05-eps-curves", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
sizes, errors = np.logspace(-15, 0, 31), {}
for name, bits in (("central, 64 bits", "float64"), ("central, 32 bits", "float32")):
    z = logits.astype(bits)
    found = [numeric_gradient(loss, z, bits_eps) for bits_eps in sizes.astype(bits)]
    errors[name] = [relative_error(exact, np.asarray(g)) for g in found]
found = [one_sided(loss, logits, eps) for eps in sizes]
errors["one-sided, 64 bits"] = [relative_error(exact, g) for g in found]
best = {name: sizes[np.argmin(curve)] for name, curve in errors.items()}
for name, curve in errors.items():
    print(f"{name:19}  smallest error {min(curve):.0e}, at eps {best[name]:.0e}")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "05-eps-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit import plot

looks = {
    "central, 64 bits": plot.TRAIN,
    "one-sided, 64 bits": plot.THIRD,
    "central, 32 bits": plot.VALIDATION,
}
fig, ax = plt.subplots(figsize=(9.2, 4.6), layout="constrained")
for name, color in looks.items():
    curve = np.minimum(errors[name], 1)
    ax.plot(sizes, curve, color=color)
    ax.plot(best[name], np.min(curve), "o", color=color, ms=7)
notes = [
    ("central, 64 bits", 4e-4, 7e-11, "left"),
    ("one-sided, 64 bits", 1.2e-10, 3e-9, "right"),
    ("central, 32 bits", 1.3e-4, 8e-2, "left"),
]
for name, at, height, side in notes:
    text = f"{name}: {min(errors[name]):.0e}"
    ax.text(at, height, text, color=looks[name], ha=side, va="center", weight="bold")
ax.text(2e-14, 2e-5, "too few digits are left", color="#6B6B6B", ha="left", va="center")
ax.text(0.12, 2e-6, "the loss bends", color="#6B6B6B", ha="left", va="center")
ax.axvline(1e-5, color=plot.REFERENCE, lw=1, ls=(0, (4, 3)), zorder=0)
ax.text(1.2e-5, 3e-12, "your default", color="#6B6B6B", va="center")
ax.set(xscale="log", yscale="log", ylim=(1e-12, 3), xlim=(6e-16, 40))
ax.set(xlabel="eps", ylabel="relative error of the measured gradient")
ax.set_title("One gradient, measured with nudges of every size")
plt.show()

# %% [markdown]
# Read each curve from the right. At first a smaller nudge helps: a hundredth of the error for a tenth of the
# nudge, where it is central. Then the curve turns, and all is lost again.
#
# Two numbers that agree in their first 13 digits leave 3 digits when they are subtracted. The smaller the nudge, the
# more of your 16 digits agree and vanish. Halfway the two errors balance.
#
# In 32 bits there are 7 digits to begin with: at your default of $10^{-5}$ the slopes are about 7 % off. Far below
# $10^{-7}$ the nudge itself is rounded away: `1 + 1e-8` is `1`, and every slope is 0. So check gradients in 64 bits.

# %%
reveal("gradients.q1_best_eps", measured=best["central, 64 bits"])

# %% [markdown]
# ### It trains. Is it right?
#
# The second myth: "if it trains, the gradient is right." Five gradients, four with a mistake that people make. Each
# trains the same network from the same weights by [Adam](../glossary.md#adam), an optimizer that notebook 07 builds.
# (The code is folded. Open it if you like.)


# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "05-bugs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def every_row(y, z, w=None):
    dz = np.exp(z - z.max(axis=1, keepdims=True))
    dz /= dz.sum(axis=1, keepdims=True)
    dz[:, y.astype(int)] -= 1  # all the labels' columns, in every row
    return dz / len(y)


def without_ones(y, z, w=None):
    dz = np.exp(z - z.max(axis=1, keepdims=True))
    return dz / dz.sum(axis=1, keepdims=True) / len(y)


def right_one(y, z, w=None):
    return np.asarray(softmax_crossentropy_gradient(y, z))


gradients = {
    "right": right_one,
    "divided by N twice": lambda y, z, w=None: right_one(y, z) / len(y),
    "the sign flipped": lambda y, z, w=None: -right_one(y, z),
    "p[:, y] -= 1": every_row,
    "1 never taken off": without_ones,
}

# %% nbgrader={"grade": false, "grade_id": "05-bugs-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
measured = numeric_gradient(loss, logits)
by_adam = {"right": learned["no weights"]}  # trained above
print(f"{'gradient':20}{'relative error':>15}{'rows sum to 0':>15}{'accuracy, Adam':>16}")
for name, gradient in gradients.items():
    kind = type("Trained", (WithYourGradient,), {"start": staticmethod(gradient)})
    if name not in by_adam:
        _, by_adam[name] = train(kind)
    found = gradient(labels, logits)
    apart, rows = relative_error(measured, found), rows_sum_to_zero(found)
    print(f"{name:20}{apart:15.0e}{rows!s:>15}{by_adam[name][-1]:16.1%}")

# %% [markdown]
# Look at the second line. In training that gradient is 32 times too small, its rows sum to 0, and the model is as good
# as the right one. Two of three tests pass, and the training *looks* perfect. Only the measurement says 0.8. (It has
# nine samples, so there the gradient is nine times too small: $(1 - 1/9) / (1 + 1/9) = 0.8$.)
#
# Would any optimizer hide it? Train the right and the 32 times smaller gradient by Adam and by plain SGD:

# %% nbgrader={"grade": false, "grade_id": "05-twice-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
wrong = "divided by N twice"
twice = type("Twice", (WithYourGradient,), {"start": staticmethod(gradients[wrong])})
curves = {("Adam", "right"): by_adam["right"], ("Adam", "twice"): by_adam[wrong]}
for name, kind in (("right", WithYourGradient), ("twice", twice)):
    _, curves["SGD", name] = train(kind, keras.optimizers.SGD(0.1))
for (optimizer, name), values in curves.items():
    print(f"{optimizer:5} {name:6} accuracy after 12 epochs {values[-1]:.1%}")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "05-twice-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
fig, axes = plt.subplots(1, 2, figsize=(10.4, 3.9), sharey=True, layout="constrained")
epochs = np.arange(1, 13)
for ax, optimizer in zip(axes, ("Adam", "SGD"), strict=True):
    right, small = (100 * np.array(curves[optimizer, name]) for name in ("right", "twice"))
    look = {"lw": 5, "alpha": 0.45} if optimizer == "Adam" else {"lw": 2}
    ax.plot(epochs, right, color=plot.TRAIN, **look)
    ax.plot(epochs, small, color=plot.VALIDATION, lw=1.6)
    ax.set(xlabel="epoch", title=f"by {optimizer}", ylim=(0, 103))
    ax.set_xticks([1, 4, 8, 12])
axes[0].set_ylabel("accuracy on test images, %")
axes[0].text(12, 82, "divided by N twice", color=plot.VALIDATION, ha="right", weight="bold")
axes[0].text(12, 74, "right, under it", color=plot.TRAIN, ha="right", weight="bold")
axes[1].text(12, 87, "right", color=plot.TRAIN, ha="right", weight="bold")
axes[1].text(12, 40, "divided by N twice", color=plot.VALIDATION, ha="right", weight="bold")
fig.suptitle("One mistake, two optimizers")
plt.show()

# %% [markdown]
# Adam divides every gradient by its own usual size. A gradient that is 32 times too small is divided by something 32
# times smaller, and the mistake is gone from sight. It is not gone: change the optimizer, add a penalty on the
# weights, or compare a learning rate with a friend's, and it is there again.

# %%
last = [f"{by_adam[name][-1]:.1%}" for name in ("right", "divided by N twice")]
reveal("gradients.q3_divided_twice", measured=" and ".join(last))

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - the slope of cross-entropy in the logits is *p minus the truth*, times $w_i / N$;
# - measure with central differences, in 64 bits, eps near $10^{-5}$;
# - smaller is not more precise: the digits run out;
# - compare gradients by a relative error;
# - that it trains proves nothing; a property sees some mistakes, a measurement all that matter where you measure.

# %% [markdown] nbgrader={"grade": false, "grade_id": "05-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# A friend has written a gradient by hand. "It is right," she says, "Adam reaches 94 %, and the rows sum to zero. I
# also measured it, with eps = 1e-12 to be precise, in float32 as everything else, but that gave nonsense, so I threw
# the measurement away."
#
# Answer her, in your own words and with numbers from today: what do her two tests show, and what not? Why was her
# measurement nonsense? What should she do?
#
# *Rubric, 2 points: half a point each for what Adam hides; what the property cannot see; why the measurement failed;
# how to measure properly, with a number that decides.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "05-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# That Adam trains shows little: it divides each gradient by its usual size, so a factor cancels. In mine a gradient
# divided by the batch size once too often reached 94.2 % like the right one, and with SGD 33 % instead of 96 %. That
# the rows sum to zero is necessary, not sufficient: the same wrong gradient has rows that sum to zero, since 0 / 32 is 0,
# and so has one with its sign flipped. Your measurement failed because of the digits: float32 has about 7, so with a
# nudge of 1e-12 the numbers x + eps and x - eps are the same and every slope comes out 0. Measure in float64 with
# central differences and eps = 1e-5; my error was about 1e-10 there. If the relative error is below 1e-7 I believe
# you; a missing or doubled factor gives 0.3 or more.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | Adam: it rescales each gradient, so a constant factor is hidden (94.2 % either way; SGD 96 % against 33 %) |
# | 0.5 | the property: any multiple of a right gradient passes, the flipped sign too; it is necessary, not sufficient |
# | 0.5 | the measurement: float32 has 7 digits, eps = 1e-12 vanishes, the difference is 0 or rounding |
# | 0.5 | properly: float64, central, eps near 1e-5, relative error; below about 1e-7 right, above 1e-3 wrong |
#
# **Fair (1 of 2).** "Adam is adaptive, so it can work with a wrong scale. Your eps is too small, there are rounding
# errors, take 1e-5. The row sums are a good test, so the gradient is probably right up to a factor." *Adam and eps are
# right, but float32 is not mentioned, the flipped sign is overlooked, and nothing decides.*
#
# **Weak (0 to 0.5 of 2).** "94 % is good, so the gradient must be right. Make eps even smaller for more precision."
# *Both myths of the day.*

# %% [markdown]
# ### Stretch, if you like: what does measuring cost?
#
# Measure the slope of the loss in *every* weight of a network and compare with the tape: the chain rule, checked from
# end to end. Finish the last lines, and count the calls of `forward`. Expect 3,620 of them and a relative error below
# $10^{-8}$; the tape needs one forward and one backward.

# %%
model, _ = train(keras.Sequential, epochs=1)
few, few_labels, calls = x[:32], y[:32], 0


def forward(w1, b1, w2, b2):
    global calls
    calls += 1
    hidden = np.maximum(few @ w1 + b1, 0)
    return np.mean(sparse_categorical_crossentropy(few_labels, hidden @ w2 + b2))


# %%
with keras.GradientTape() as tape:
    value = model.compute_loss(x=few, y=few_labels, y_pred=model(few))
exact = tape.gradient(value, model.trainable_variables)
w1, b1, w2, b2 = model.get_weights()
# for w1: numeric_gradient(lambda w: forward(w, b1, w2, b2), w1), against exact[0]; and so on
print("calls of forward:", calls)

# %% [markdown]
# ## What you built
#
# Your functions against the engine's tape, on 1,003 samples of 7 classes, with weights, in 64 bits. The measured
# gradient is of 9 samples.

# %% nbgrader={"grade": false, "grade_id": "05-table-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(12)
kinds, bits = rng.integers(0, 7, 1003), rng.integers(0, 2, 1003)
scores, one = 3 * rng.normal(size=(1003, 7)), rng.normal(size=1003)
counts = rng.uniform(0, 3, 1003)


def by_tape(kind, truth, z, weight=None):
    z = keras.Variable(z)
    with keras.GradientTape() as tape:
        value = kind(from_logits=True)(truth, z, weight)
    return np.asarray(tape.gradient(value, z))


# %% nbgrader={"grade": false, "grade_id": "05-table-compare", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
softmax = keras.losses.SparseCategoricalCrossentropy
binary = keras.losses.BinaryCrossentropy
yours = [
    measured,
    softmax_crossentropy_gradient(kinds, scores, counts),
    binary_crossentropy_gradient(bits, one, counts),
]
theirs = [
    by_tape(softmax, labels, logits),
    by_tape(softmax, kinds, scores, counts),
    by_tape(binary, bits[:, None], one[:, None], counts).ravel(),
]

# %% nbgrader={"grade": false, "grade_id": "05-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
losses = ["softmax_crossentropy_gradient", "binary_crossentropy_gradient"]
names = ["numeric_gradient", *losses]
apart = [float(np.max(np.abs(np.subtract(yours[i], theirs[i])))) for i in range(3)]
rows = [(f"gradients.{names[i]}", "`tape.gradient`", apart[i]) for i in range(3)]
rows.insert(1, ("gradients.relative_error", "(it has none)", None))
verdicts = [rows_sum_to_zero(gradient(labels, logits)) for gradient in gradients.values()]
as_it_should = verdicts == [True, True, True, False, False]
told = f"{'all' if as_it_should else 'not all'} 5 told as they should be"
built_table([*rows, ("gradients.rows_sum_to_zero", "(it has none)", told)])
