# %% [markdown]
# # 01 · The loop in twelve lines
#
# By the end of this notebook you will have trained a model with five functions of your own, twelve lines in all, and
# seen them give the numbers of Keras to the last digit.
#
# *About 80 minutes, 10 points. You need NumPy arrays and Python functions, and notebook 00 for the picture. You leave
# with gradient descent: yours.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "01-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# You rebuild what these lines of Keras do, for the smallest model there is:
#
# ```python
# model = keras.Sequential([keras.layers.Dense(1)])
# model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1), loss="mse")
# model.fit(x, y, batch_size=len(x), epochs=50)
# ```

# %% nbgrader={"grade": false, "grade_id": "01-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture(lit=["forward", "loss", "gradients", "update"])

# %% [markdown]
# Four parts are lit: guess, score the guess, find out which way is down, move. One round through them is a
# [**step**](../glossary.md#step). Everything that stays grey makes this comfortable or safe; nothing of it learns.
#
# By convention, N is the number of rows, one for each [sample](../glossary.md#sample), and D the number of columns,
# one for each [**feature**](../glossary.md#feature). What training changes are the
# [**parameters**](../glossary.md#parameter): here D weights, in an array `w`, and one number `b`, the
# [bias](../glossary.md#bias).

# %% [markdown]
# ## Predict
#
# Three guesses before anything runs. Put your answer where the `...` is and run the cell; with `...` it shows the
# question. A wrong guess costs nothing, and you will remember what corrected it.

# %%
predict("loop.q1_first_loss", ...)

# %%
predict("loop.q2_always_falls", ...)

# %%
predict("loop.q3_how_many_steps", ...)

# %% [markdown]
# ## Build
#
# Five exercises, each a few lines of NumPy. Stuck? `hint("loop.mse")` gives a nudge, then a plan, then almost the
# code; `solution("loop.mse")` shows ours. Use any exercise's name.
#
# The data are 274 real penguins from Antarctica: the length of a flipper and of the bill, and how much the bird
# weighs. A ruler is easier to carry to a colony than scales are. So: guess the mass from the two lengths.

# %% nbgrader={"grade": false, "grade_id": "01-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import penguins

(birds, species), held_out = penguins.load_data()
birds = birds[~np.isnan(birds).any(axis=1)]  # one bird got away unmeasured
lengths = birds[:, [2, 0]]  # flipper and bill, mm
x = (lengths - lengths.mean(axis=0)) / lengths.std(axis=0)  # (N, D)
y = birds[:, 3] / 1000  # (N,), kg
print(f"x {x.shape}, first bird {x[0].round(2)}")
print(f"y {y.shape}, first bird {y[0]} kg, mean {y.mean():.2f} kg")

# %% [markdown]
# Both lengths are [**standardized**](../glossary.md#standardize): the mean subtracted, then divided by the standard
# deviation. So 0 is an average bird, and 1 is one standard deviation above it. (Why one does this is notebook 02;
# today's stretch gives a taste.)

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "01-scatter", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit import plot

fig, ax = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
ax.scatter(x[:, 0], y, s=16, color=plot.TRAIN, alpha=0.55, linewidths=0)
ax.axhline(0, color=plot.REFERENCE)
note = "the model before its first step: 0 kg, whatever the bird"
ax.text(-1.9, 0.18, note, color="#6B6B6B")
ax.set(xlabel="flipper length, standard deviations from the mean", ylabel="body mass, kg")
ax.set_ylim(-0.4, 6.8)
ax.set_title("274 penguins, one dot each")
plt.show()

# %% [markdown]
# ### 1 · Guess: one number for each row
#
# The model is a price list. Three customers and two sorts of fruit; every customer's bill is a sum of products:

# %%
baskets = np.array([[2, 1], [0, 3], [4, 0]])  # three customers; apples, pears
prices = np.array([0.5, 0.8])
baskets @ prices  # 2 · 0.5 + 1 · 0.8, and so on

# %% [markdown]
# One `@` does all the bills at once. Now the "fruit" are features, the "prices" are the weights, and a fixed fee `b`
# comes on top.

# %% [markdown]
# **`linear(x, w, b) -> (N,)`** · ●○○ · 4 minutes · roughly 1 line · 1 point
#
# $$\hat y_i = \sum_{j=1}^{D} x_{ij} \, w_j + b$$
#
# - `x`: (N, D), one row for each sample
# - `w`: (D,), one weight for each feature
# - `b`: one number
# - returns (N,): one guess for each row


# %% nbgrader={"grade": false, "grade_id": "loop.linear-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def linear(x, w, b):
    """Return the model's guesses: (N, D), (D,) and a number to (N,)."""
    ### BEGIN SOLUTION
    return x @ w + b
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loop.linear", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("loop.linear", linear)

# %% [markdown]
# ### 2 · Score: one number for all rows
#
# Three birds, and two models that guess their masses. Which model is better? Try the mean of the errors first.

# %%
masses = np.array([3.0, 4.0, 5.0])
careful = np.array([3.1, 4.1, 5.1])  # always 100 g off
wild = np.array([6.0, 4.0, 2.0])  # one bird 3 kg too heavy, one 3 kg too light
print("mean error, careful:", np.mean(careful - masses).round(3))
print("mean error, wild:   ", np.mean(wild - masses).round(3))

# %% [markdown]
# The wild model wins: +3 and -3 cancel. Squares do not cancel, since a square is never negative. That is the [**mean
# squared error**](../glossary.md#mean-squared-error), MSE, and a number that says how bad a model is on the data is
# called a **loss**.

# %% [markdown]
# **`mse(y_true, y_pred) -> float`** · ●○○ · 4 minutes · roughly 1 line · 1 point
#
# $$L = \frac{1}{N} \sum_{i=1}^{N} (\hat y_i - y_i)^2$$
#
# - `y_true`: (N,), what is so
# - `y_pred`: (N,), what the model guessed
# - returns one number


# %% nbgrader={"grade": false, "grade_id": "loop.mse-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def mse(y_true, y_pred):
    """Return the mean squared error: (N,) and (N,) to one number."""
    ### BEGIN SOLUTION
    return float(np.mean((y_true - y_pred) ** 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loop.mse", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("loop.mse", mse)

# %% [markdown]
# ### 3 · Which way is down?
#
# Take some parameters, raise `b` by a millionth, and see by how many millionths the loss changes. That ratio is the
# [**slope**](../glossary.md#slope) of the loss in `b`.

# %% nbgrader={"grade": false, "grade_id": "01-nudge", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
w_now, b_now, nudge = np.array([0.4, 0.2]), 4.0, 1e-6


def loss_at(w, b):
    return np.mean((x @ w + b - y) ** 2)


slope_b = (loss_at(w_now, b_now + nudge) - loss_at(w_now, b_now)) / nudge
print(f"the loss {loss_at(w_now, b_now):.4f} has slope {slope_b:.4f} in b")

# %% [markdown]
# A negative slope: a little more `b`, a little less loss. Every parameter has its own slope, and all of them together
# are the **gradient**. To nudge a million parameters one at a time would take a million passes over the data. There
# is a shorter way.

# %% [markdown]
# Look at one row, with the error $e_i = \hat y_i - y_i$.
#
# - Its loss is $e_i^2$. When its guess rises by a little, that changes $2 e_i$ times as much.
# - When `b` rises by a little, the guess rises by just that. So the slope in `b` is $2 e_i$.
# - When $w_j$ rises by a little, the guess rises $x_{ij}$ times as much. So the slope in $w_j$ is $2 e_i x_{ij}$.
#
# The loss is the mean over the rows, and so are its slopes.

# %% [markdown]
# **`mse_gradients(x, y, w, b) -> (dw, db)`** · ●●○ · 12 minutes · roughly 4 lines · 2 points
#
# $$dw_j = \frac{2}{N} \sum_{i=1}^{N} e_i \, x_{ij} \qquad db = \frac{2}{N} \sum_{i=1}^{N} e_i
# \qquad e_i = \hat y_i - y_i$$
#
# - `x`: (N, D); `y`: (N,); `w`: (D,); `b`: one number
# - returns `dw`: (D,), as many slopes as weights, and `db`: one number
#
# The sum over the rows in `dw` is an `@` again, with `x.T`: its rows are the columns of `x`.


# %% nbgrader={"grade": false, "grade_id": "loop.mse_gradients-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def mse_gradients(x, y, w, b):
    """Return the slopes of the mean squared error: dw (D,) and db, one number."""
    ### BEGIN SOLUTION
    error = linear(x, w, b) - y
    dw = 2 * x.T @ error / len(y)
    db = 2 * np.mean(error)
    return dw, db
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loop.mse_gradients", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("loop.mse_gradients", mse_gradients)

# %% [markdown]
# ### 4 · Move
#
# The gradient points to where the loss grows, so walk the other way: new parameter = old one minus [**learning
# rate**](../glossary.md#learning-rate) times slope. And do not touch the old one. Here is how that goes wrong:

# %%
before = np.array([1.0, 2.0])
after = before
after -= 0.5
print("after:", after, "  before:", before)

# %% [markdown]
# `after -= 0.5` changed `before`, because both are names of one array, and `-=` writes into it.
# `after = before - 0.5` would have made a second one.

# %% [markdown]
# **`sgd_step(params, grads, learning_rate) -> list`** · ●○○ · 8 minutes · roughly 1 line · 2 points
#
# $$p_k \leftarrow p_k - \eta \, g_k \qquad \text{for every parameter } k, \ \eta \text{ being the learning rate}$$
#
# - `params`: a list or tuple of parameters, each an array of any shape or a plain number
# - `grads`: their gradients, in the same order and of the same shapes
# - returns a list of the new parameters; `params`, `grads` and the arrays in them stay as they were
#
# [SGD](../glossary.md#sgd) stands for *stochastic gradient descent*; where the chance comes in is notebook 03.


# %% nbgrader={"grade": false, "grade_id": "loop.sgd_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def sgd_step(params, grads, learning_rate):
    """Return new parameters, one step down the slope; what came in stays as it was."""
    ### BEGIN SOLUTION
    return [p - learning_rate * g for p, g in zip(params, grads, strict=True)]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loop.sgd_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("loop.sgd_step", sgd_step)

# %% [markdown]
# ### 5 · Repeat
#
# That is all a step is. `fit` is a loop around it.
#
# **`train(x, y, learning_rate, steps) -> (params, losses)`** · ●●○ · 12 minutes · roughly 5 lines · 2 points
#
# - starts from zeros: `w` (D,) and `b`
# - takes `steps` steps with your `linear`, `mse`, `mse_gradients` and `sgd_step`, each on all N rows
# - returns `params`, which is `[w, b]` after the last step, and `losses`, a list: `losses[i]` is the loss **before**
#   step i, so `losses[0]` is that of the model of zeros. With `steps=0` the list is empty.
#
# `linear(x, *params)` is short for `linear(x, params[0], params[1])`. This check can pass only when the other four
# have.


# %% nbgrader={"grade": false, "grade_id": "loop.train-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def train(x, y, learning_rate, steps):
    """Return the parameters [w, b] after some steps from zero, and the losses."""
    ### BEGIN SOLUTION
    params, losses = [np.zeros(x.shape[1]), 0.0], []
    for _ in range(steps):
        losses.append(mse(y, linear(x, *params)))
        params = sgd_step(params, mse_gradients(x, y, *params), learning_rate)
    return params, losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loop.train", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("loop.train", train)

# %% [markdown]
# Count the lines inside your five functions. In ours they are 1, 1, 4, 1 and 5: twelve. If yours are some more, no
# harm done.

# %% [markdown]
# ## Swap in
#
# First, the real thing without you: the reference engine's model, loss, optimizer and `fit`, in 64-bit numbers. One
# batch holds all rows, so an epoch has one step.

# %% nbgrader={"grade": false, "grade_id": "01-swap-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import minifit as keras

keras.config.set_floatx("float64")


def line(kind=keras.Sequential):
    model = kind([keras.layers.Dense(1, kernel_initializer="zeros", input_shape=(2,))])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1), loss="mse")
    return model


model = line()
history = model.fit(x, y, batch_size=len(x), epochs=50, shuffle=False, verbose=0)

# %% [markdown]
# Now you, with the same learning rate and 50 steps. The last column was recorded with Keras 3.15.1 on another
# computer.

# %% nbgrader={"grade": false, "grade_id": "01-swap-train", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import linear, mse, mse_gradients, sgd_step, train

params, losses = train(x, y, 0.1, 50)
theirs = history.history["loss"]
recorded = [18.22183394160584, 11.653767293563565, 7.491511814255634]
recorded += [4.845494583830059, 3.1593728892774613]
print(f"{'step':>4}{'your loss':>19}{'fit here':>19}{'fit in Keras':>19}")
for i, keras_loss in enumerate(recorded):
    print(f"{i:4}{losses[i]:19.14f}{theirs[i]:19.14f}{keras_loss:19.14f}")
print(f"{49:4}{losses[49]:19.14f}{theirs[49]:19.14f}")

# %% [markdown]
# Your twelve lines are `model.fit`, for one layer and one batch an epoch. What differs, if anything, is the last digit
# or two: sums taken in another order. (Is 0.156 any good? It is in kg²; its root is 0.39. A guess is typically 390 g
# off, for birds of 2.7 to 6.3 kg.)
#
# Now the other way round: keep `fit`, and put your parts inside. Keras calls a model's `train_step` for every batch
# and lets you replace it.


# %% nbgrader={"grade": false, "grade_id": "01-swap-step", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class YourLine(keras.Sequential):
    def train_step(self, data):
        x, y = data
        kernel, bias = self.get_weights()  # Keras' shapes for w and b: (D, 1) and (1,)
        w, b = kernel[:, 0], bias[0]
        loss = mse(y, linear(x, w, b))
        grads = [np.asarray(g) for g in mse_gradients(x, y, w, b)]
        w, b = sgd_step([w, b], grads, float(self.optimizer.learning_rate))
        self.set_weights([np.reshape(w, (2, 1)), np.reshape(b, 1)])
        return {"loss": loss}


# %% nbgrader={"grade": false, "grade_id": "01-swap-batches", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
for kind in (keras.Sequential, YourLine):
    model = line(kind)
    model.fit(x, y, batch_size=32, epochs=20, shuffle=False, verbose=0)
    kernel, bias = model.get_weights()
    w, b = kernel[:, 0], bias[0]
    print(f"{kind.__name__:10}  w {w[0]:.15f} {w[1]:.15f}   b {b:.15f}")

# %% [markdown]
# 20 epochs in batches of 32, and the same weights. You never wrote a word about batches: `fit` cut them, called your
# step 180 times, and your step did not notice. That is why a step is worth having as a function.

# %% [markdown]
# ## Experiment
#
# ### What is the loss of a model that knows nothing?

# %%
reveal("loop.q1_first_loss", measured=losses[0])

# %% [markdown]
# This is why a first loss is worth a look: it can be known before anything runs. If it is far from what you expected,
# stop there.

# %% [markdown]
# ### How long may a step be?
#
# Stand at a distance $d$ from the bottom of a valley. If the slope grows by $\lambda$ with every unit of distance, it
# is $\lambda d$ where you stand, and a step takes you from $d$ to $d - \eta \lambda d$:
#
# $$d \leftarrow (1 - \eta \lambda) \, d$$
#
# So each step multiplies the distance by the same factor. With $\eta \lambda$ between 0 and 1 you walk down your side.
# Between 1 and 2 you land on the other side, but nearer. Above 2 you land on the other side, *farther away*. And the
# next step has the same factor.

# %% [markdown]
# Our valley is not equally steep in every direction. How fast the slopes grow is in a small table, the
# [**Hessian**](../glossary.md#hessian); for the MSE it is $\frac{2}{N} A^\top A$, where $A$ is `x` with a column of
# ones for `b`. NumPy finds the $\lambda$ of each direction in it, its [eigenvalues](../glossary.md#eigenvalue). The
# largest, $\lambda_{\max}$, belongs to the steepest direction, and that one sets the limit for all: $2 /
# \lambda_{\max}$.

# %% nbgrader={"grade": false, "grade_id": "01-limit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
columns = np.column_stack([x, np.ones(len(x))])
hessian = 2 * columns.T @ columns / len(x)
steepness = np.linalg.eigvalsh(hessian)
limit = 2 / steepness.max()
print("steepness in three directions:", steepness.round(3))
print(f"limit of the learning rate: {limit:.4f}")
for share in (0.1, 0.9, 1.01):
    rate, factor = share * limit, 1 - 2 * share
    print(f"{share:4} of it: rate {rate:.3f}, factor {factor:+.2f} where it is steepest")

# %% [markdown]
# Look at the factors. At a tenth of the limit and at nine tenths the distance shrinks equally fast in that direction,
# to 0.8 of what it was; the sign says on which side you land. One hundredth above the limit it *grows*, by 2 % a step.
#
# Now your `train`, three times. Nothing in your code changes, only the rate. (A rise below $10^{-12}$ is rounding, and
# not counted.)

# %% nbgrader={"grade": false, "grade_id": "01-three-runs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
shares = {0.1: plot.TRAIN, 0.9: plot.THIRD, 1.01: plot.VALIDATION}
runs, paths = {}, {}
for share in shares:
    runs[share] = run = train(x, y, share * limit, 100)[1]
    paths[share] = np.array([train(x, y, share * limit, k)[0][0] for k in range(41)])
    rises = int(np.sum(np.diff(run) > 1e-12))
    print(f"{share:4} of the limit: {rises} rises in 99,", end=" ")
    print(f"loss {run[0]:.2f} → {min(run):.4f} → {run[-1]:.4f}")

# %% [markdown]
# Three maps of the same valley: the two weights, and `b` at its best. As on a hiking map, each closed line joins places
# of equal height, here of equal loss. A dot is the model after one step; there are 40 of them.

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "01-paths", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
best_w = np.linalg.lstsq(columns, y)[0]
grid = np.meshgrid(np.linspace(-0.5, 1.8, 121), np.linspace(-1.1, 1.2, 121))
away = np.stack([grid[0] - best_w[0], grid[1] - best_w[1]], axis=-1)
surface = 0.5 * np.einsum("...i,ij,...j", away, hessian[:2, :2], away)
fig, axes = plt.subplots(1, 3, figsize=(11, 4.2), sharey=True, layout="constrained")
for ax, (share, color) in zip(axes, shares.items(), strict=True):
    levels = 0.03 * 2.2 ** np.arange(7)
    ax.contour(*grid, surface, levels=levels, colors="#C3C8CF", linewidths=1)
    ax.plot(*paths[share].T, color=color, lw=0.8, alpha=0.7)
    ax.plot(*paths[share].T, "o", color=color, ms=4)
    ax.plot(0, 0, "o", color=plot.INK, ms=7)
    ax.plot(*best_w[:2], "X", color=plot.INK, ms=8)
    ax.set(xlabel="w[0], for the flipper", aspect="equal")
    ax.set_title(f"{share} of the limit", color=color, weight="bold")
    ax.grid(False)
    box = {"color": "white", "alpha": 0.85, "pad": 1}
    note = {"color": plot.INK, "ha": "center", "bbox": box}
    ax.text(-0.03, -0.2, "start", **note)
    ax.text(best_w[0] + 0.4, best_w[1] - 0.09, "bottom", **note)
axes[0].set_ylabel("w[1], for the bill")
plt.show()

# %% [markdown]
# Even the careful blue path has a surprise: the bill's weight climbs to 0.21 and then comes back to 0.05. Large birds
# have long flippers *and* long bills, so at first both get the credit. The green one jumps across the valley at every
# step, nearer each time. The orange one does the same, 2 % farther each time. And its loss?

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "01-curves", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
fig, ax = plt.subplots(figsize=(8.6, 3.8), layout="constrained")
for share, color in shares.items():
    ax.plot(runs[share], color=color)
    plot.label_line(ax, range(100), runs[share], f"{share} of the limit", color)
lowest = int(np.argmin(runs[1.01]))
at = lowest, runs[1.01][lowest]
ax.plot(*at, "o", color=plot.VALIDATION)
thin = {"arrowstyle": "-", "color": plot.VALIDATION, "lw": 0.8}
text = f"step {lowest}: {at[1]:.2f}, and never again"
ax.annotate(text, at, (21, at[1]), color=plot.VALIDATION, va="center", arrowprops=thin)
ax.axhline(runs[0.1][0], color=plot.REFERENCE, lw=1, ls=(0, (4, 3)))
begin = {"color": "#6B6B6B", "ha": "center", "va": "top"}
ax.text(40, runs[0.1][0] * 0.85, "where all three start", **begin)
ax.set(yscale="log", xlabel="step", ylabel="loss before the step, kg²")
ax.set_title("One right program, three learning rates")
ax.set_ylim(0.1, 30)
ax.set_yticks([0.2, 0.5, 1, 2, 5, 10, 20], ["0.2", "0.5", "1", "2", "5", "10", "20"])
plt.show()

# %% [markdown]
# The orange run is the treacherous one. It takes the loss from 18.2 to 0.64 in three steps, faster than the blue one,
# because the other directions are within *their* limits. All the while the steep direction grows, by 2 % a step. Once
# it is all that is left, the loss rises, at every single step, and ends above where it started.

# %%
reveal("loop.q2_always_falls", measured="in 2 of the 3 runs")

# %% [markdown]
# **The myth of the day.** "The loss falls at every step if the code is right." It rose at 96 of 99 steps in a program
# without a mistake. What was wrong was a number of yours: the rate.
#
# **And the other way round?** Does a loss that falls at every step prove that the code is right? Divide `dw` by N a
# second time, a classic slip, and see.


# %% nbgrader={"grade": false, "grade_id": "01-broken", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def broken_gradients(x, y, w, b):
    dw, db = mse_gradients(x, y, w, b)
    return np.asarray(dw) / len(y), db


broken, falling = [np.zeros(2), 0.0], []
for _ in range(100):
    falling.append(mse(y, linear(x, *broken)))
    broken = sgd_step(broken, broken_gradients(x, y, *broken), 0.1)

# %% nbgrader={"grade": false, "grade_id": "01-broken-result", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
right, right_losses = train(x, y, 0.1, 100)
for name, values, (w, b) in (("right", right_losses, right), ("broken", falling, broken)):
    rises = int(np.sum(np.diff(values) > 1e-12))
    print(f"{name:6}  {rises} rises in 99, loss {values[-1]:.3f},", end=" ")
    print(f"w {np.round(w, 3)}, b {b:.3f}")

# %% [markdown]
# Not one rise in 99 steps, a curve to be proud of, and a model that has hardly heard of flippers: all it found is the
# mean mass. Its loss is more than three times what it could be. A falling loss says that you are going down, not that
# you are going down the right way.
#
# The nudge from exercise 3 does tell. It needs no theory, only the loss:


# %% nbgrader={"grade": false, "grade_id": "01-nudge-test", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def nudged(j):
    return (loss_at(w_now + nudge * np.eye(2)[j], b_now) - loss_at(w_now, b_now)) / nudge


dw, _ = mse_gradients(x, y, w_now, b_now)
broken_dw, _ = broken_gradients(x, y, w_now, b_now)
for j in range(2):
    print(f"slope in w[{j}]: nudged {nudged(j):+.5f},", end=" ")
    print(f"yours {dw[j]:+.5f}, broken {broken_dw[j]:+.5f}")

# %% [markdown]
# ### Is a step an epoch?
#
# In your `train` it looks like it, for every step sees all rows. Count the updates in `fit`, with three ways to cut
# the same 274 rows. Three epochs each, the same learning rate.

# %% nbgrader={"grade": false, "grade_id": "01-steps", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
for batch_size in (len(x), 32, 5):
    keras.set_random_seed(1)  # the order in which fit shuffles the rows
    model = line()
    model.fit(x, y, batch_size=batch_size, epochs=3, verbose=0)
    steps, loss = int(model.optimizer.iterations.numpy()), model.evaluate(x, y, verbose=0)
    print(f"batch_size={batch_size:3}: 3 epochs, {steps:3} steps, loss {loss:.3f}")

# %%
reveal("loop.q3_how_many_steps", measured="27 steps, as counted above")

# %% [markdown]
# **The second myth settled.** An epoch is a pass over the data; a step is a change of the parameters. The same three
# epochs were 3, 27 or 165 steps: a loss of 4.8 after 3, of 0.16 after 27, although each run saw every penguin exactly
# three times. So when somebody says "50 epochs", ask for the batch size.

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - a step is guess, score, slope, move; training is steps;
# - the gradient says which way and how steep, the learning rate how far;
# - above $2/\lambda_{\max}$ right code diverges, even when its loss falls at first;
# - a falling loss proves little; a nudge proves a gradient;
# - steps change the parameters, epochs count passes over the data.

# %% [markdown] nbgrader={"grade": false, "grade_id": "01-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# A friend shows you two runs. "In the first the loss went down for three steps and then up and up, so my gradient must
# be wrong. In the second it falls at every step, so there at least everything is right."
#
# Answer, in your own words and with numbers from today: what can be said about each run, what cannot, and what your
# friend should try or check next.
#
# *Rubric, 2 points: half a point each for what the first run shows; what to try on it;
# what the second run shows; and a test that does tell, with a measured number.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "01-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Neither follows. In each direction a step multiplies the distance to the bottom by 1 - ηλ, so above 2/λmax right
# code runs away. At 1.01 of the limit mine fell from 18.2 to 0.64 in three steps, while the flatter directions had
# something to give, and then rose 96 times in a row. So halve the learning rate first. If the loss then falls, the
# rate was it; if it rises even with a tiny rate, suspect the gradient, its sign above all. The second run proves
# nothing either: with dw divided by N twice my loss fell at all 99 steps and ended at 3.5 times the best value,
# because any direction that leads down at all makes it fall. What tells is a nudge: move one parameter by a
# millionth, divide the change of the loss by that, and compare with the gradient.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | first run: a rate above the limit does this with right code; why it falls first (flat directions) |
# | 0.5 | first run: what to try, a smaller rate, and what each outcome would mean |
# | 0.5 | second run: a wrong gradient can fall at every step, with the reason or the example of today |
# | 0.5 | a test that does tell (nudge, or comparison with known numbers), and at least one measured number |
#
# **Fair (1 of 2).** "The first one is probably a learning rate that is too big, it overshoots and lands on the other
# side further away. My friend should make it smaller. The second one looks right, but it could still be that the
# gradient is too small." *Overshooting is there, and a doubt about the second run; no number, no test, and nothing on
# why the loss fell at first.*
#
# **Weak (0 to 0.5 of 2).** "The first code has a bug, because gradient descent always goes down. The second code works
# since the loss is falling." *The myth of the day, twice.*

# %% [markdown]
# ### Stretch, if you like: a valley of another shape
#
# What if the flipper were measured in other units? Multiply the first column of `x` by 10. The model can express
# exactly the same guesses, with a weight ten times smaller. Guess first: what becomes of the limit, and of the number
# of steps until the loss is below 0.16, at nine tenths of the limit? Then measure both, and you know why notebook 02
# exists. (Expect a limit of 0.01 instead of 0.61, and some 230 steps instead of 11.)

# %%
stretched = x * np.array([10.0, 1.0])

# %% [markdown]
# ## What you built
#
# Your functions against the engine's, on the penguins, at the parameters of 50 steps, in 64 bits.

# %% nbgrader={"grade": false, "grade_id": "01-table-values", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
model = line()
model.fit(x, y, batch_size=len(x), epochs=50, verbose=0)
kernel, bias = model.get_weights()
guesses = model.predict(x, verbose=0)[:, 0]
with keras.GradientTape() as tape:
    loss = keras.losses.MeanSquaredError()(y[:, None], model(x))
slopes = [g.numpy().ravel() for g in tape.gradient(loss, model.trainable_variables)]
dw, db = mse_gradients(x, y, kernel[:, 0], bias[0])
model.fit(x, y, batch_size=len(x), epochs=1, verbose=0)
after = np.concatenate([np.ravel(p) for p in model.get_weights()])
moved = sgd_step([kernel[:, 0], bias[0]], [dw, db], 0.1)
stepped = np.concatenate([np.ravel(p) for p in moved])


# %% nbgrader={"grade": false, "grade_id": "01-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def gap(a, b):
    return float(np.max(np.abs(np.subtract(a, b))))


fitted = max(gap(params[0], kernel[:, 0]), gap(params[1], bias[0]), gap(losses, theirs))
rows = [
    ("loop.linear", "`Dense(1)`", gap(linear(x, kernel[:, 0], bias[0]), guesses)),
    ("loop.mse", '`loss="mse"`', gap(mse(y, guesses), loss.numpy())),
    ("loop.mse_gradients", "`tape.gradient`", gap([*dw, db], np.concatenate(slopes))),
    ("loop.sgd_step", "`SGD.apply`", gap(stepped, after)),
    ("loop.train", "`fit(x, y, batch_size=len(x))`", fitted),
]
built_table(rows)
