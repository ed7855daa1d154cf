# %% [markdown]
# # 08 · Metrics: what `fit` tells you
#
# By the end of this notebook you will know what the number behind `loss:` really is. It is not the loss of your model.
#
# *About 75 minutes, 10 points: 45 minutes to build, 30 to see what it does. You need notebooks 03 (batches), 04
# (losses, and the class that reduces) and 07 (classes over several cells). You leave with running metrics: yours.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "08-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# Two arguments and a line of output:
#
# ```python
# model.compile(optimizer, loss, metrics=["accuracy", keras.metrics.Precision()])
# model.fit(x, y)
# # 12/12 - 0s - accuracy: 0.9130 - loss: 0.3021 - precision: 0.8750
# ```

# %% nbgrader={"grade": false, "grade_id": "08-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture(lit=["metrics", "history"])

# %% [markdown]
# A [metric](../glossary.md#metric) describes a model to a person. Nothing it does reaches a weight: take all metrics
# away, and the same model comes out.
#
# `fit` sees one [batch](../glossary.md#batch) at a time and has to say something about all of them. So a metric is an
# object that remembers: `update` takes in a batch, `result` says what has come of all so far, `reset` forgets, at the
# start of every [epoch](../glossary.md#epoch).

# %% [markdown]
# ## Predict

# %%
predict("metrics.q1_last_image", ...)

# %%
predict("metrics.q2_evaluate_at_once", ...)

# %%
predict("metrics.q3_precision", ...)

# %% [markdown]
# ## Build
#
# ### 1 · A mean that keeps running
#
# Two batches of values, 3 and 1 of them. What is the mean of all four?

# %%
batches = [np.array([1.0, 2.0, 3.0]), np.array([9.0])]
print("mean of the batches' means:", np.mean([batch.mean() for batch in batches]))
print("mean of the values:        ", np.mean(np.concatenate(batches)))

# %% [markdown]
# The first is easy to compute and wrong: the 9 counted as much as the three others together. For the second one needs
# no list of all values, only two numbers: their **total** and their **count**. They are added up batch by batch, and
# divided when somebody asks.
#
# One trap is in the adding. Add 0.1 a million times, in the 32-bit numbers that models work in:

# %%
total, tenth = np.float32(0), np.float32(0.1)
for _ in range(1_000_000):
    total += tenth
print("mean of a million tenths, summed in 32 bits:", total / 1_000_000)
print("the type of 0.0 + np.float32(0.1):          ", type(0.0 + np.float32(0.1)))

# %% [markdown]
# One per cent too much: a 32-bit number has seven digits, and beside a large total the last ones of a small number
# are lost. And it is catching, as the last line shows. `float(...)` makes a Python number of 64 bits of it.

# %% [markdown]
# **`Mean`** · ●●○ · 12 minutes · roughly 7 lines in three cells · 3 points
#
# $$\text{result} = \frac{\sum_i w_i \, a_i}{\sum_i w_i} \qquad \text{over everything since the last reset}$$
#
# - `update(values, sample_weight=None)`: `values` $a$ is one number or (N,); `sample_weight` $w$ is as many, or
#   `None`, and then each value counts once
# - `result()` returns one float, and 0.0 as long as the weights add up to 0; asking changes nothing
# - `reset()` forgets everything
#
# It divides by the weights, and so differs from the `Loss` of notebook 04, which divides by N. Add up in 64 bits.
# First, what a mean remembers, while it knows nothing:


# %% nbgrader={"grade": false, "grade_id": "metrics.Mean-answer-reset", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Mean:
    """Weighted mean of all that came since the last reset."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Set everything that it remembers to 0.0, on self."""
        ### BEGIN SOLUTION
        self.total = 0.0
        self.count = 0.0
        ### END SOLUTION


# %% [markdown]
# `np.shape(values)` is `()` for a number and `(N,)` for an array, and `np.ones(np.shape(values))` are weights for
# both.


# %% nbgrader={"grade": false, "grade_id": "metrics.Mean-answer-update", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Mean(Mean):  # all of the above, and one method more
    def update(self, values, sample_weight=None):
        """Take in a number or (N,)."""
        ### BEGIN SOLUTION
        values = np.asarray(values, dtype="float64")
        weights = np.ones(np.shape(values)) if sample_weight is None else sample_weight
        self.total += float(np.sum(weights * values))
        self.count += float(np.sum(weights))
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "metrics.Mean-answer-result", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Mean(Mean):
    def result(self):
        """Return the mean so far: one float."""
        ### BEGIN SOLUTION
        return self.total / self.count if self.count else 0.0
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "metrics.Mean", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("metrics.Mean", Mean)

# %% [markdown]
# ### 2 · Accuracy is a mean
#
# Of a 1 for each sample that is right and a 0 for each that is not. Three samples, four classes:

# %%
scores = np.array([[0.1, 0.6, 0.2, 0.1], [0.3, 0.1, 0.2, 0.4], [0.2, 0.2, 0.5, 0.1]])
answers = np.argmax(scores, axis=-1)  # where the largest of each row is
print(answers, answers == np.array([1, 0, 2]), np.mean(answers == np.array([1, 0, 2])))

# %% [markdown]
# So make it out of your `Mean`: `class SparseCategoricalAccuracy(Mean)` has its `result` and its `reset`, and only
# `update` is new. `super().update(...)` is the one of `Mean`.

# %% [markdown]
# **`SparseCategoricalAccuracy`** · ●○○ · 6 minutes · roughly 2 lines · 1 point
#
# - `update(y_true, y_pred, sample_weight=None)`: labels (N,) or (N, 1), class numbers; predictions (N, C), of which
#   the largest is the answer; weights (N,) or `None`
# - `result()` and `reset()` as those of `Mean`
#
# This check can pass only when that of `Mean` has.


# %% nbgrader={"grade": false, "grade_id": "metrics.SparseCategoricalAccuracy-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class SparseCategoricalAccuracy(Mean):
    """Share of the samples whose largest prediction is at the label."""

    def update(self, y_true, y_pred, sample_weight=None):
        """Take in labels (N,) or (N, 1) and predictions (N, C)."""
        ### BEGIN SOLUTION
        right = np.argmax(y_pred, axis=-1) == np.reshape(y_true, -1)
        super().update(right, sample_weight)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "metrics.SparseCategoricalAccuracy", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("metrics.SparseCategoricalAccuracy", SparseCategoricalAccuracy)

# %% [markdown]
# ### 3 · Yes or no
#
# With one output the answer is yes where the prediction is above a [threshold](../glossary.md#threshold): 0.5 for
# probabilities, 0 for [logits](../glossary.md#logit).
#
# **`BinaryAccuracy`** · ●○○ · 5 minutes · roughly 2 lines · 1 point
#
# - `BinaryAccuracy(threshold=0.5)`; the constructor is there already
# - `update(y_true, y_pred, sample_weight=None)`: labels of 0 and 1, and predictions, each (N,) or (N, 1). Yes is
#   *above* the threshold: a prediction that equals it is a no
# - a no that is a no is right, too


# %% nbgrader={"grade": false, "grade_id": "metrics.BinaryAccuracy-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class BinaryAccuracy(Mean):
    """Share of the samples for which `y_pred > threshold` agrees with the label."""

    def __init__(self, threshold=0.5):
        super().__init__()
        self.threshold = threshold

    def update(self, y_true, y_pred, sample_weight=None):
        """Take in labels and predictions, each (N,) or (N, 1)."""
        ### BEGIN SOLUTION
        says_yes = np.reshape(y_pred, -1) > self.threshold
        super().update(says_yes == np.reshape(y_true, -1), sample_weight)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "metrics.BinaryAccuracy", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("metrics.BinaryAccuracy", BinaryAccuracy)

# %% [markdown]
# ### 4 · Precision
#
# When a yes is rare, [accuracy](../glossary.md#accuracy) says little: who always says no is nearly always right.
# [Precision](../glossary.md#precision) asks another question: of what was called a yes, how much is one? It needs two
# counts, of what was called a yes and *is* one, and of what was called a yes and is *not*: [true
# positives](../glossary.md#true-positive) and [false positives](../glossary.md#false-positive).

# %%
called, labels = np.array([True, True, False, True]), np.array([1, 0, 0, 1])
is_one = labels == 1  # `&` and `~` want True and False, not 1 and 0
print("called and is:    ", called & is_one)
print("called and is not:", called & ~is_one)
both = called & is_one
print("counted, and weighed:", np.sum(both), np.sum([5, 1, 1, 3] * both))

# %% [markdown]
# **`Precision`** · ●●○ · 10 minutes · roughly 9 lines in three cells · 2 points
#
# $$\text{precision} = \frac{\text{true positives}}{\text{true positives} + \text{false positives}}$$
#
# - `Precision(threshold=0.5)`; the constructor is there already
# - `update(y_true, y_pred, sample_weight=None)`: as for `BinaryAccuracy`; each sample adds its weight to a count, or 1
# - `result()` returns one float, and 0.0 while nothing was called a yes
# - `reset()` forgets everything


# %% nbgrader={"grade": false, "grade_id": "metrics.Precision-answer-reset", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Precision:
    """Of what was called a yes, the share that is one."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.reset()

    def reset(self):
        """Set both counts to 0.0, on self."""
        ### BEGIN SOLUTION
        self.true_positives = 0.0
        self.false_positives = 0.0
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "metrics.Precision-answer-update", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Precision(Precision):
    def update(self, y_true, y_pred, sample_weight=None):
        """Take in labels and predictions, each (N,) or (N, 1)."""
        ### BEGIN SOLUTION
        weights = 1.0 if sample_weight is None else sample_weight
        called = np.reshape(y_pred, -1) > self.threshold
        is_one = np.reshape(y_true, -1) == 1
        self.true_positives += float(np.sum(weights * (called & is_one)))
        self.false_positives += float(np.sum(weights * (called & ~is_one)))
        ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "metrics.Precision-answer-result", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
class Precision(Precision):
    def result(self):
        """Return the precision so far: one float."""
        ### BEGIN SOLUTION
        called = self.true_positives + self.false_positives
        return self.true_positives / called if called else 0.0
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "metrics.Precision", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("metrics.Precision", Precision)

# %% [markdown]
# ### 5 · The line that a person reads
#
# Everything that was measured goes into a dict, the [logs](../glossary.md#logs), and from there into a line of text.
# What you need of Python:

# %%
value = 0.9130434
print(f"{value:.4f}  {value:.4e}  {0.00004:.4f}  {0.00004:.4e}")
print(sorted({"loss": 1, "accuracy": 2}), " | ".join(["one", "two", "three"]))

# %% [markdown]
# **`format_logs(logs) -> str`** · ●●○ · 8 minutes · roughly 5 lines · 1 point
#
# - `logs`: a dict of names to numbers, which stays as it is
# - returns one text, such as `accuracy: 0.9130 - loss: 0.3021`: names in alphabetical order, a colon and a space after
#   each, a dash with a space on each side between two; the empty text for an empty dict
# - a number is written with four places (`.4f`); one whose absolute value is at most 0.001, 0 included, with a power
#   of ten (`.4e`)


# %% nbgrader={"grade": false, "grade_id": "metrics.format_logs-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def format_logs(logs):
    """Return logs as one line: names in alphabetical order, four places."""
    ### BEGIN SOLUTION
    parts = []
    for name in sorted(logs):
        form = ".4f" if abs(logs[name]) > 1e-3 else ".4e"
        parts.append(f"{name}: {logs[name]:{form}}")
    return " - ".join(parts)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "metrics.format_logs", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("metrics.format_logs", format_logs)

# %% [markdown]
# ## Swap in
#
# `compile` takes any metric that is a `Metric` of Keras. A few lines make yours one; only the names of the methods
# differ.

# %% nbgrader={"grade": false, "grade_id": "08-swap-adapter", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import Mean, SparseCategoricalAccuracy, format_logs

import minifit as keras


class Yours(keras.metrics.Metric):
    def __init__(self, metric, name):
        super().__init__(name=name)
        self.metric = metric

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.metric.update(np.asarray(y_true), np.asarray(y_pred), sample_weight)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset()


# %% [markdown]
# 1,409 handwritten digits, in batches of 128: eleven full ones, and **one image is left**. The model is one layer that
# starts at zero, in 64-bit numbers. It is measured by your accuracy and by the engine's. The last column was recorded
# with Keras 3.15.1 on JAX, on another computer.

# %% nbgrader={"grade": false, "grade_id": "08-swap-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import digits

keras.config.set_floatx("float64")
(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(-1, 64)[:1409] / 16, x_test.reshape(-1, 64) / 16
y = y[:1409].astype("int64")
crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

layer = keras.layers.Dense(10, kernel_initializer="zeros", input_shape=(64,))
model = keras.Sequential([layer])
both = [Yours(SparseCategoricalAccuracy(), "yours"), "accuracy"]
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=crossentropy, metrics=both)
swapped = model.fit(x, y, batch_size=128, epochs=4, shuffle=False, verbose=0).history

# %% nbgrader={"grade": false, "grade_id": "08-swap-compare", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
recorded = [0.49467707594038324, 0.8204400283889283, 0.8715400993612491, 0.9034776437189496]
print(f"{'epoch':>5}{'your accuracy':>21}{'accuracy here':>21}{'accuracy in Keras':>21}")
for i, known in enumerate(recorded):
    ours, theirs = swapped["yours"][i], swapped["accuracy"][i]
    print(f"{i + 1:5}{ours:21.16f}{theirs:21.16f}{known:21.16f}")
last = {"loss": swapped["loss"][-1], "accuracy": swapped["accuracy"][-1]}
print("\nyour line:   ", format_logs(last))
print("Keras' line:  accuracy: 0.9035 - loss: 0.9220")

# %% [markdown]
# Counts of whole images, divided once: they agree to the last digit or two. (The numbers of this model are its accuracy
# *while* it learned. What that means comes next.)

# %% [markdown]
# ## Experiment
#
# ### One run, logged four ways
#
# The loss of an epoch, for one and the same run of a small network. Three of the four are metrics made of your `Mean`:
# the mean over all samples; the mean of the batches' means; the last batch only. The fourth asks the model itself,
# when the epoch is over, about all the images it has trained on.


# %% nbgrader={"grade": false, "grade_id": "08-four-values", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def values(y_true, y_pred):
    per_sample = keras.losses.sparse_categorical_crossentropy
    return np.asarray(per_sample(y_true, y_pred, from_logits=True))


# %% nbgrader={"grade": false, "grade_id": "08-four-metrics", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class OverSamples(Mean):
    def update(self, y_true, y_pred, sample_weight=None):
        super().update(values(y_true, y_pred))


class OverBatches(Mean):
    def update(self, y_true, y_pred, sample_weight=None):
        super().update(np.mean(values(y_true, y_pred)))


class LastBatch(Mean):
    def update(self, y_true, y_pred, sample_weight=None):
        self.reset()
        super().update(values(y_true, y_pred))


# %% nbgrader={"grade": false, "grade_id": "08-four-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
keras.set_random_seed(2)
first = keras.layers.Dense(24, activation="relu", input_shape=(64,))
model = keras.Sequential([first, keras.layers.Dense(10)])
kinds = {"samples": OverSamples(), "batches": OverBatches(), "last": LastBatch()}
metrics = [Yours(metric, name) for name, metric in kinds.items()]
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=crossentropy, metrics=metrics)

# %% nbgrader={"grade": false, "grade_id": "08-four-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
at_end = [model.evaluate(x, y, verbose=0)[0]]  # before the first step


def look(epoch, logs):
    at_end.append(model.evaluate(x, y, verbose=0)[0])


ask = keras.callbacks.LambdaCallback(on_epoch_end=look)
run = model.fit(x, y, batch_size=128, epochs=8, callbacks=[ask], verbose=0).history

# %% nbgrader={"grade": false, "grade_id": "08-four-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
print("epoch   fit says   over samples   over batches   last batch   model at the end")
for i in range(8):
    row = [run[name][i] for name in ("loss", "samples", "batches", "last")]
    widths = (11, 15, 15, 13)
    cells = [f"{value:{width}.3f}" for value, width in zip(row, widths, strict=True)]
    print(f"{i + 1:5}", *cells, f"{at_end[i + 1]:19.3f}", sep="")
gap = np.max(np.abs(np.subtract(run["loss"], run["samples"])))
print(f"largest difference between what fit says and your mean over samples: {gap:.0e}")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "08-four-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.plot import FOURTH, INK, TRAIN, VALIDATION

epochs = np.arange(1, 9)
fig, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", sharey=True)
left, right = axes
left.plot(epochs, run["last"], "o--", color=FOURTH, lw=1, ms=5)
left.plot(epochs, run["batches"], "o-", color=INK, ms=4)
left.plot(epochs, run["samples"], "o-", color=TRAIN, ms=4)
left.plot(epochs, at_end[1:], "o-", color=VALIDATION, ms=4)
bold = {"weight": "bold", "va": "center"}
bold["bbox"] = {"color": "white", "alpha": 0.8, "pad": 1}
left.text(3.25, 2.32, "last batch: one image", color=FOURTH, **bold)
left.text(1.25, 2.06, "mean over samples", color=TRAIN, **bold)
left.text(3.45, 0.92, "mean of the batches' means", color=INK, **bold)
left.text(0.95, 0.2, "the model at the\nend of the epoch", color=VALIDATION, **bold)
left.set(xlabel="epoch", ylabel="loss", title="Four numbers for every epoch")
left.set_xticks(epochs)
right.plot(np.arange(9), at_end, "o-", color=VALIDATION, ms=4)
right.plot(epochs - 0.5, run["samples"], "o", color=TRAIN, ms=8)
right.text(0.85, 2.06, "mean over samples, moved by half an epoch", color=TRAIN, **bold)
right.text(0.2, 0.25, "the model at the\nend of each epoch", color=VALIDATION, **bold)
right.set(xlabel="epochs of training behind it", title="Two of them, once more")
right.set(ylim=(0, 2.6))
plt.show()

# %%
reveal("metrics.q1_last_image", measured=(1 / 12) / (1 / 12 / 128))

# %% [markdown]
# The black line is the blue one with a twitch: whenever the one image of the last batch happens to be a hard one, as
# in epochs 3 and 6, the epoch looks worse than it was. It counts as much as 128 others. (And the pink line is nothing
# but that image, another one in each epoch.)

# %%
two = f"fit said {run['loss'][0]:.3f}, evaluate {at_end[1]:.3f}"
reveal("metrics.q2_evaluate_at_once", measured=two)

# %% [markdown]
# **The myth of the day.** "The epoch's loss is the loss of the model at its end." In the first epoch `fit` said 2.06;
# the model it left behind has 1.58. Nobody has made a mistake: the blue number is a mean over twelve models, each
# measured on its own batch, *before* its step. On average they are half an epoch younger than the last.
#
# That is the panel on the right: moved by half an epoch, the blue points lie nearly on the orange line. Whoever
# compares a training loss with a validation loss compares a model with its younger self.

# %% [markdown]
# ### Precision, batch by batch
#
# Now a rare yes: is this image an 8? Of the 359 test images 35 are. One sigmoid unit is asked after one epoch, and
# again after twenty.

# %% nbgrader={"grade": false, "grade_id": "08-rare-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import BinaryAccuracy, Precision

keras.set_random_seed(0)
unit = keras.layers.Dense(1, activation="sigmoid", input_shape=(64,))
model = keras.Sequential([unit])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy")
is_8, eights = (y == 8).astype(float), (y_test == 8).astype(int)

# %% nbgrader={"grade": false, "grade_id": "08-rare-ask", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
for before, epochs in ((0, 1), (1, 20)):
    model.fit(x, is_8, initial_epoch=before, epochs=epochs, verbose=0)
    guesses = model.predict(x_test, verbose=0)[:, 0]
    accuracy, precision = BinaryAccuracy(), Precision()
    accuracy.update(eights, guesses)
    precision.update(eights, guesses)
    logs = {"accuracy": accuracy.result(), "precision": precision.result()}
    print(f"after {epochs:2}: {np.sum(guesses > 0.5):2} called an 8, {format_logs(logs)}")

# %% [markdown]
# After one epoch it calls nothing an 8, and 90 % of its answers are right: nine images in ten are none. An accuracy
# means little until one knows what always saying no would give.
#
# Now the trained unit in batches of 32, each with a `Precision` of its own, and one that sees them all:

# %% nbgrader={"grade": false, "grade_id": "08-rare-batches", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
whole, each, called = Precision(), [], []
for start in range(0, len(eights), 32):
    batch = eights[start : start + 32], guesses[start : start + 32]
    whole.update(*batch)
    alone = Precision()
    alone.update(*batch)
    each.append(alone.result())
    called.append(int(np.sum(batch[1] > 0.5)))
print("called an 8, batch by batch:", called)
print("precision, batch by batch: ", [round(p, 2) for p in each])
print(f"mean of these {np.mean(each):.3f}, running counts {whole.result():.3f}")

# %%
reveal("metrics.q3_precision", measured=f"{np.mean(each):.2f}")

# %% [markdown]
# **The second myth.** "The precision of an epoch is the mean of its batches' precisions." It would be 0.68 where 0.90
# is right. Two batches in which nothing was called an 8 have entered as 0, and one that called a single image an 8,
# and was wrong, as another 0. Whatever is a *ratio* of counts has to add up the counts first. Keras' `Precision`
# does, and so does yours.

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - add up totals and counts, divide once, at the end: a mean of means is another number;
# - an epoch's loss is a mean over the models of that epoch, on average half an epoch old;
# - metrics are weighted means, losses are divided by N;
# - compare accuracy with that of always saying the same.

# %% [markdown] nbgrader={"grade": false, "grade_id": "08-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# Carla's `fit` prints a loss of 2.06 for the first epoch; `evaluate` on the same rows, a second later, says 1.58.
# "One of the two has a bug." Dan's own loop averages what each batch gives. His precision is 0.68 where Keras says
# 0.90, and his loss curve twitches.
#
# Explain to both, in your own words and with numbers from today, what they see and what Dan should change.
#
# *Rubric, 2 points: half a point each for what Carla's two numbers measure; why they differ that way; what is wrong
# with Dan's precision; why his curve twitches, and the remedy.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "08-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Neither of Carla's numbers is wrong. `evaluate` measures one model, the one that the epoch has left behind. What
# `fit` prints is a mean over all batches of the epoch, and each batch was measured by the model of that moment,
# before its step: twelve models, on average half an epoch younger than the last one, hence worse. Moved by half an
# epoch, the two curves lie on each other. Dan averages ratios. A batch of 32 in which nothing was called a yes has a
# precision of 0 and pulls his mean down to 0.68; he should add up true and false positives over the batches and
# divide once, which gives 0.90. His loss twitches if, say, 1,409 rows leave a last batch of one sample, which counts
# as much as 128 others in a mean of batch means. Weigh each batch by its size, or add up over samples.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | Carla: evaluate measures the last model; fit's number is a mean over batches, each with the model of its time |
# | 0.5 | why lower: earlier models of the epoch are worse; on average half an epoch behind; loss before the step |
# | 0.5 | Dan's precision: a ratio must be made of summed counts; batches with no yes enter as 0 |
# | 0.5 | Dan's curve: the last batch has one sample and counts like 128; weigh by size or sum over samples; a number |
#
# **Fair (1 of 2).** "fit shows a running average during the epoch while evaluate uses the final weights, so evaluate
# is better. Dan must not average precisions but use all the data, and his last batch is smaller than the others."
# *Right on what is measured; neither why averaging fails nor how much the small batch counts; no number.*
#
# **Weak (0 to 0.5 of 2).** "fit uses dropout and shuffling, so its loss is higher; Carla should trust evaluate. Dan
# should use larger batches." *There is no dropout here, shuffling does not change a mean, and larger batches only
# hide it.*

# %% [markdown]
# ### Stretch, if you like: nearly right
#
# With ten classes one may ask whether the label is among the **three** largest predictions. Subclass your `Mean` once
# more: `TopThree`, two lines, with `np.argsort(y_pred, axis=-1)`, which gives the positions of a row from its smallest
# prediction to its largest. On these scores it should give the engine's number:

# %%
rng = np.random.default_rng(8)
labels, scores = rng.integers(0, 10, size=997), rng.normal(size=(997, 10))
top = keras.metrics.SparseTopKCategoricalAccuracy(k=3)
top.update_state(labels, scores)
print(f"{float(top.result()):.6f}: three in ten would be guessing")

# %% [markdown]
# ## What you built
#
# Your metrics against the engine's: 31 batches of random labels, predictions and weights, of 1 to 40 samples each, in
# 64 bits. The text is compared with the one that Keras printed.

# %% nbgrader={"grade": false, "grade_id": "08-table-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(5)
sizes = rng.integers(1, 41, size=31)
bits = [(rng.integers(0, 2, size=n), rng.uniform(size=n)) for n in sizes]
many = [(rng.integers(0, 7, size=n), rng.normal(size=(n, 7))) for n in sizes]
counts = [rng.uniform(0, 3, size=n) for n in sizes]

# %% nbgrader={"grade": false, "grade_id": "08-table-pairs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
km = keras.metrics
pairs = {
    "Mean": (Mean(), km.Mean(), [(p,) for _, p in bits]),
    "BinaryAccuracy": (BinaryAccuracy(), km.BinaryAccuracy(), bits),
    "Precision": (Precision(), km.Precision(), bits),
}
sparse = SparseCategoricalAccuracy(), km.SparseCategoricalAccuracy(), many
pairs["SparseCategoricalAccuracy"] = sparse

# %% nbgrader={"grade": false, "grade_id": "08-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
rows = []
for name, (ours, theirs, batches) in pairs.items():
    gap = 0.0
    for batch, weights in zip(batches, counts, strict=True):
        ours.update(*batch, sample_weight=weights)
        theirs.update_state(*batch, sample_weight=weights)
        gap = max(gap, abs(ours.result() - float(theirs.result())))
    rows.append((f"metrics.{name}", f"`keras.metrics.{name}`", gap))
keras.config.set_floatx("float32")
line = format_logs(last)
same = "the same text" if line == "accuracy: 0.9035 - loss: 0.9220" else f"{line!r}"
built_table([*rows, ("metrics.format_logs", "the line that `fit` prints", same)])
