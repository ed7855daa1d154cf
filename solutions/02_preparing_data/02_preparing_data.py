# %% [markdown]
# # 02 · Preparing data
#
# A model takes numbers: all of them there, all of a similar size, and none of them from the rows it will be judged by.
# Real tables are not like that. Today you write the five functions that stand between a table and `fit`, and
# measure what it costs to leave one out.
#
# *About 80 minutes, 13 points. You need NumPy arrays and notebook 01. You leave with data that a model can learn
# from, and with an eye for numbers that are too good to be true.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "02-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import math

import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, case, check, hint, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# You rebuild what has to happen to `x` and `y` before this line, and its last argument:
#
# ```python
# model.fit(x, y, epochs=60, validation_split=0.2)
# ```

# %% nbgrader={"grade": false, "grade_id": "02-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder import loop_picture

loop_picture(lit="data")

# %% [markdown]
# `fit` takes `x` as it is. It fills no gap, scales no column and reads no word. The one thing it does by itself is to
# put rows aside for [**validation**](../glossary.md#validation), for judging the model on rows it has not trained on. How it chooses them is
# the surprise of the day.

# %% [markdown]
# ## Predict
#
# Three guesses before anything runs. Put your answer in place of the dots and run the cell; with `...` it shows the
# question.

# %%
predict("data.q1_steps_in_millimetres", ...)

# %%
predict("data.q2_rows_as_they_lie", ...)

# %%
predict("data.q3_coin_flips", ...)

# %% [markdown]
# ## Build
#
# Five exercises. Stuck? `hint("data.impute")` gives a nudge, then a plan, then almost the code;
# `solution("data.impute")` shows ours. `case("data.impute", "5 birds")` gives you the inputs of a case to try by hand,
# and what should come out.
#
# The penguins of notebook 01 again, now the whole table: 275 birds in random order, with words and gaps.

# %% nbgrader={"grade": false, "grade_id": "02-data", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import penguins

table = penguins.load_table("train")
measures = np.stack([table[name] for name in penguins.FEATURE_NAMES], axis=1)  # (275, 4)
print(f"{'species':11}{'island':11}{'sex':9}bill, depth, flipper (mm), mass (g)")
first = np.unique(table["species"], return_index=True)[1]  # the first bird of each species
for i in (*first, *np.flatnonzero(np.isnan(measures[:, 0]))):  # and those with gaps
    print(f"{table['species'][i]:11}{table['island'][i]:11}{table['sex'][i]:9}{measures[i]}")
print("sex unknown:", np.sum(table["sex"] == ""), "birds")

# %% [markdown]
# One bird got away unmeasured: its numbers are [`nan`](../glossary.md#nan), not a number. And of nine nobody knows the sex.
#
# The task for today's model: which **species** is it?

# %% [markdown]
# ### 1 · Put rows aside, first of all
#
# A model is judged on rows it has not seen. So before anything is computed, a part of the rows is [**held out**](../glossary.md#held-out), and
# what is learned, is learned from the others.
#
# `fit(x, y, validation_split=0.2)` trains on the first 80 % of the rows and holds out the last 20 %. Where
# 80 % is not a whole number, it rounds down:

# %%
for n in (275, 103, 7):
    cut = math.floor(n * (1 - 0.2))
    print(f"{n} rows: trains on {cut}, holds out {n - cut}")
pair = (np.array([5, 6, 7]), np.array(["a", "b", "c"]))
print("the first two rows of each array:", tuple(a[:2] for a in pair))

# %% [markdown]
# **`split_tail(arrays, fraction) -> (train, held_out)`** · ●○○ · 7 minutes · roughly 3 lines · 2 points
#
# $$\text{cut} = \lfloor N (1 - \text{fraction}) \rfloor$$
#
# - `arrays`: a list or tuple of arrays that have N rows each, such as `(x, y)`; text or images, too
# - `fraction`: how much is held out, at least 0 and below 1. With 0 nothing is: those parts have no rows.
# - returns two tuples, with a piece of every array: for `(x, y)` that is `((x_train, y_train), (x_held, y_held))`. The
#   rows before the cut are trained on, those from the cut on are held out, all in the order they had.


# %% nbgrader={"grade": false, "grade_id": "data.split_tail-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def split_tail(arrays, fraction):
    """Return the rows before the cut and those from it on: a tuple of arrays each."""
    ### BEGIN SOLUTION
    cut = math.floor(len(arrays[0]) * (1 - fraction))
    return tuple(a[:cut] for a in arrays), tuple(a[cut:] for a in arrays)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "data.split_tail", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("data.split_tail", split_tail)

# %% nbgrader={"grade": false, "grade_id": "02-split", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import split_tail

arrays = (measures, table["species"], table["island"], table["sex"])
train, held = split_tail(arrays, 0.2)
print("train:   ", *(a.shape for a in train))
print("held out:", *(a.shape for a in held))

# %% [markdown]
# ### 2 · Fill the gaps
#
# One number is missing. How far does that reach?

# %%
flippers = np.array([181.0, np.nan, 195.0, 230.0])
print("mean:", np.mean(flippers), "  equal to itself?", np.nan == np.nan)
print("where it is:", np.isnan(flippers), "  median of the others:", np.nanmedian(flippers))
print("chosen element by element:", np.where(np.isnan(flippers), 0.0, flippers))
birds = np.array([[36.0, np.nan], [np.nan, 195.0], [48.0, 181.0]])  # bill, flipper
print("median of each column:", np.nanmedian(birds, axis=0))
print("a row set against every row:", np.where(np.isnan(birds), [-1, -2], birds).tolist())

# %% [markdown]
# It reaches everything: a sum with a `nan` in it is `nan`. So is the loss, then its gradient, and after one step every
# weight. (Keras trains on and tells nobody; our engine refuses to begin.)
#
# To fill a gap is to [**impute**](../glossary.md#impute). The [**median**](../glossary.md#median) is the value in the middle, and half of the birds are below it: a safe
# guess, and one typing error hardly moves it. It has to come from the training rows alone. Why, you will see at the
# end.

# %% [markdown]
# **`impute(train, *others) -> tuple`** · ●●○ · 8 minutes · roughly 2 lines · 2 points
#
# In every array, each `nan` becomes the median of **its column in `train`**, of the values there that are not `nan`.
#
# - `train`: (N, D), floats; no column is all `nan`
# - `others`: any number of arrays, (M, D) each, perhaps none. The star in front gathers them in a tuple.
# - returns a tuple of new arrays, `train` first, then the others in their order. What was passed in stays as it was.
#
# `(train, *others)` is all of them in one tuple, and `a.shape` of each stays what it is.


# %% nbgrader={"grade": false, "grade_id": "data.impute-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def impute(train, *others):
    """Return all arrays, each NaN replaced by the median of its column of train."""
    ### BEGIN SOLUTION
    medians = np.nanmedian(train, axis=0)
    return tuple(np.where(np.isnan(a), medians, a) for a in (train, *others))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "data.impute", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("data.impute", impute)

# %% nbgrader={"grade": false, "grade_id": "02-filled", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import impute

m_train, m_held = impute(train[0], held[0])
print("gaps before:", np.isnan(train[0]).sum(), np.isnan(held[0]).sum())
print("gaps after: ", np.isnan(m_train).sum(), np.isnan(m_held).sum())

# %% [markdown]
# ### 3 · Words to numbers
#
# A word becomes its position in a list of all words, the [**vocabulary**](../glossary.md#vocabulary): in `["Biscoe", "Dream", "Torgersen"]` the
# code of Dream is 1. Two calls of NumPy make codes in no time. What is wrong with them?

# %%
island_a = np.array(["Dream", "Biscoe", "Torgersen"])
island_b = np.array(["Torgersen", "Dream"])
for islands in (island_a, island_b):
    print(islands, "become", np.unique(islands, return_inverse=True)[1])

# %% [markdown]
# Dream is 1 in the first array and 0 in the second: each made a vocabulary of its own. So the vocabulary has to be found
# once, in the training rows, and handed on. Then a held-out row may hold a word that is not in it. It
# gets a code that cannot be mistaken for a position: -1.

# %% [markdown]
# **`encode_categories(values, vocabulary=None) -> (codes, vocabulary)`** · ●●○ · 12 minutes · roughly 5 lines · 3 points
#
# - `values`: (N,), an array of text or of integers. An empty text is a word like any other.
# - `vocabulary`: a list or array of different words. With `None` it is found: each different value once, **sorted**.
# - returns `codes`, (N,) integers: each value's position in the vocabulary, and **-1** if it is not there; and
#   `vocabulary`, a list or array: the one passed in, in its order, or the one found.
#
# `values.tolist()` is a Python list, `set(...)` keeps every item once, `sorted(...)` makes a sorted list. A dict
# can be asked for what it may not hold: `{"a": 0}.get("b", -1)` is -1.


# %% nbgrader={"grade": false, "grade_id": "data.encode_categories-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def encode_categories(values, vocabulary=None):
    """Return each value's position in the vocabulary, -1 for an unknown one, and the vocabulary."""
    ### BEGIN SOLUTION
    if vocabulary is None:
        vocabulary = sorted(set(values.tolist()))
    position = {word: code for code, word in enumerate(vocabulary)}
    codes = np.array([position.get(value, -1) for value in values.tolist()])
    return codes, list(vocabulary)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "data.encode_categories", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("data.encode_categories", encode_categories)

# %% nbgrader={"grade": false, "grade_id": "02-encoded", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import encode_categories

y_train, species = encode_categories(train[1])
y_held, _ = encode_categories(held[1], species)
island_train, islands = encode_categories(train[2])
island_held, _ = encode_categories(held[2], islands)
sex_train, _ = encode_categories(train[3], ["female", "male"])
sex_held, _ = encode_categories(held[3], ["female", "male"])
print(species, islands)
print("sex codes, and how many of each:", *np.unique(sex_train, return_counts=True))

# %% [markdown]
# ### 4 · One column for each word
#
# Now islands are numbers, 0, 1 and 2. Is that fit for a model? A linear one has a single weight for the column. Let it
# guess the mass of a bird from its island alone:

# %% nbgrader={"grade": false, "grade_id": "02-codes-lie", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
slope, fee = np.polyfit(island_train, m_train[:, 3], 1)
for code, name in enumerate(islands):
    mean = m_train[island_train == code, 3].mean()
    print(f"{name:10} {mean:.0f} g, guessed {slope * code + fee:.0f} g")

# %% [markdown]
# Dream and Torgersen have birds of the same mass, and yet it must guess that Torgersen's are lighter by as much
# as Dream's are than Biscoe's. A code says that 2 is twice 1. Islands have no such order.
#
# So each island gets a column of its own: 1 for its birds, 0 for the others. That row is called [**one-hot**](../glossary.md#one-hot). NumPy
# has a short way to make it. It also has a trap, and five of our training birds are in it:

# %%
codes = np.array([1, 0, -1])  # male, female, unknown
print(np.eye(2)[codes])

# %% [markdown]
# The bird of unknown sex has become male, and nobody was told: index -1 is the *last* row. Yours will object.

# %% [markdown]
# **`one_hot(labels, num_classes=None) -> (N, C)`** · ●●○ · 9 minutes · roughly 5 lines · 2 points
#
# $$h_{ic} = 1 \text{ if } c = \text{label}_i, \text{ else } 0$$
#
# - `labels`: (N,), an array of integers of any type, at least one
# - `num_classes`: C. With `None` it is the largest label plus 1.
# - returns (N, C), **float32**
# - a label below 0, or not below C, raises `ValueError`: write `raise ValueError("...")` with a text that would help you
#
# `labels[:, None]` is a column, (N, 1). Compared with a row, (C,), it gives a table, (N, C).


# %% nbgrader={"grade": false, "grade_id": "data.one_hot-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def one_hot(labels, num_classes=None):
    """Return a row for each label, 1 in the column of its class: (N,) to (N, C) float32."""
    ### BEGIN SOLUTION
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"expected labels from 0 to {num_classes - 1}; got {set(labels.tolist())}")
    return (labels[:, None] == np.arange(num_classes)).astype(np.float32)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "data.one_hot", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("data.one_hot", one_hot)

# %% [markdown]
# With a code of -1 for "unknown", adding 1 to the sex makes column 0 the unknown one. Ten columns in all:

# %% nbgrader={"grade": false, "grade_id": "02-stacked", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import one_hot


def stacked(measured, island, sex):
    return np.column_stack([measured, one_hot(island, 3), one_hot(sex + 1, 3)])


raw_train = stacked(m_train, island_train, sex_train)  # (220, 10)
raw_held = stacked(m_held, island_held, sex_held)  # (55, 10)
print(raw_train.shape, raw_held.shape)
print("first bird:", raw_train[0].tolist())

# %% [markdown]
# ### 5 · One scale for all columns
#
# Grams in the thousands beside zeros and ones. In notebook 01 the columns came [**standardized**](../glossary.md#standardize): each had its mean
# subtracted and was divided by its standard deviation. Now you do that, with both numbers from the training rows.
#
# A column in which all values are equal has a deviation of 0, and 0 / 0 is `nan`. Divide by 1 there.

# %% [markdown]
# **`standardize(train, *others) -> tuple`** · ●●○ · 8 minutes · roughly 3 lines · 2 points
#
# $$x'_{ij} = \frac{x_{ij} - m_j}{s_j} \qquad m_j = \frac{1}{N} \sum_{i} t_{ij} \qquad
# s_j = \sqrt{\frac{1}{N} \sum_{i} (t_{ij} - m_j)^2} \ \text{ or } 1 \text{ if that is } 0$$
#
# - `train`: (N, D), the $t$ above, floats or integers; `others`: any number of arrays, (M, D) each, perhaps none
# - $m$ and $s$ are those of `train`, for **all** arrays
# - returns a tuple of new arrays of floats, `train` first. What was passed in stays as it was.


# %% nbgrader={"grade": false, "grade_id": "data.standardize-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def standardize(train, *others):
    """Return all arrays, scaled by the mean and the deviation of the columns of train."""
    ### BEGIN SOLUTION
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std == 0, 1.0, std)
    return tuple((a - mean) / std for a in (train, *others))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "data.standardize", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("data.standardize", standardize)

# %% [markdown]
# ## Swap in
#
# The engine trains on what you prepared, all five parts in it. Its model has one layer: three outputs, one for each
# species.

# %% nbgrader={"grade": false, "grade_id": "02-swap-model", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import standardize

import minifit as keras

keras.config.set_floatx("float64")


def species_model(*first, features=10):
    keras.set_random_seed(1)  # the first weights, and the order of the rows
    layers = [keras.Input((features,)), *first, keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    sgd = keras.optimizers.SGD(learning_rate=0.1)
    model.compile(optimizer=sgd, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


# %% nbgrader={"grade": false, "grade_id": "02-swap-yours", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
x_train, x_held = standardize(raw_train, raw_held)
rows, held_out = one_hot(y_train, 3), (x_held, one_hot(y_held, 3))
yours = species_model().fit(x_train, rows, validation_data=held_out, epochs=20, verbose=0)

# %% [markdown]
# Now the same without you: Keras' own layer for scaling, its own one-hot rows, and `validation_split` to cut. Only the
# gaps and the words remain, since `fit` has nothing for them.

# %% nbgrader={"grade": false, "grade_id": "02-swap-keras", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
raw = np.concatenate([raw_train, raw_held])
labels = keras.utils.to_categorical(np.concatenate([y_train, y_held]), 3)
scaling = keras.layers.Normalization()
scaling.adapt(raw_train)
theirs = species_model(scaling).fit(raw, labels, validation_split=0.2, epochs=20, verbose=0)
yours, theirs = yours.history, theirs.history
print(f"{'epoch':>5}{'your val_loss':>20}{'with Keras’ parts':>20}{'val_accuracy':>15}")
for i in (0, 1, 19):
    values = yours["val_loss"][i], theirs["val_loss"][i], yours["val_accuracy"][i]
    print(f"{i:5}{values[0]:20.15f}{values[1]:20.15f}{values[2]:15.3f}")

# %% [markdown]
# The same numbers, down to rounding. And all 55 held-out birds are recognised, after 20 epochs of the simplest model
# there is. The work was in the data.

# %% [markdown]
# ## Experiment
#
# ### Is scaling cosmetic?
#
# Back to notebook 01: guess the mass from lengths, by gradient descent on all rows. There are three lengths in
# millimetres, or the same three standardized. Both models can express exactly the same guesses, and the learning
# rate of each is half of *its* limit, $1/\lambda_{\max}$.


# %% nbgrader={"grade": false, "grade_id": "02-descent", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def descend(x, steps):
    a = np.column_stack([x, np.ones(len(x))])  # the last column is for b
    hessian, pull = 2 * a.T @ a / len(a), 2 * a.T @ mass / len(a)
    steepness = np.linalg.eigvalsh(hessian)
    theta, path = np.zeros(a.shape[1]), []
    for _ in range(steps):
        path.append(theta)
        theta = theta - (hessian @ theta - pull) / steepness.max()
    bottom = np.mean((a @ np.linalg.lstsq(a, mass)[0] - mass) ** 2)
    at = np.unique(np.geomspace(1, steps, 60).astype(int))  # the steps to look at
    losses = np.array([np.mean((a @ path[k - 1] - mass) ** 2) for k in at])
    return at, losses, steepness, bottom


# %% nbgrader={"grade": false, "grade_id": "02-descent-runs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
lengths, mass = m_train[:, :3], m_train[:, 3] / 1000  # mm; kg
(scaled,) = standardize(lengths)
runs = {"in millimetres": descend(lengths, 100_000), "standardized": descend(scaled, 1000)}
for name, (steps, losses, steepness, bottom) in runs.items():
    flat, steep = steepness.min(), steepness.max()
    print(f"{name:15} steepness {flat:.3g} to {steep:.3g}, a ratio of {steep / flat:,.0f}")
    print(f"{'':15} bottom {bottom:.6f}; loss after {steps[-1]:,} steps {losses[-1]:.6f}")
print("standardized: within 1 % of the bottom at step", steps[losses < 1.01 * bottom][0])

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "02-descent-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit import plot

fig, ax = plt.subplots(figsize=(8.6, 4), layout="constrained")
for name, color in (("in millimetres", plot.VALIDATION), ("standardized", plot.TRAIN)):
    steps, losses, _, bottom = runs[name]
    ax.plot(steps, losses, color=color)
ax.text(1e5, 0.23, "in millimetres", color=plot.VALIDATION, ha="right")
ax.text(60, 0.172, "standardized", color=plot.TRAIN)
ax.axhline(bottom, color=plot.REFERENCE, lw=1, ls=(0, (4, 3)))
ax.text(1e5, bottom * 0.95, "the bottom, the same for both", color="#6B6B6B", ha="right", va="top")
ax.set(xscale="log", yscale="log", xlim=(1, 2e5), ylim=(0.11, 25))
ax.set(xlabel="step", ylabel="loss before the step, kg²")
ax.set_yticks([0.15, 0.2, 0.3, 1, 3, 10], ["0.15", "0.2", "0.3", "1", "3", "10"])
ax.set_title("One model, one table, two units")
plt.show()

# %% [markdown]
# In notebook 01 the steepest direction set the limit for all. In millimetres it is thirty million times as steep as the
# flattest one. A rate that is safe up there moves down here by next to nothing, so the orange line drops at once,
# lies down, and lies there: after 100,000 steps it is still a third above the bottom. The blue one was there after
# twenty.

# %%
reveal("data.q1_steps_in_millimetres", measured="not reached in 100,000 steps")

# %% [markdown]
# **The first myth.** "Scaling is cosmetic." It is a factor of far more than a thousand in steps. Can another optimizer
# or another rate make up for it? Try the species model on unscaled columns, and look at how far its weights move.

# %% nbgrader={"grade": false, "grade_id": "02-raw-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
for rate in (1e-6, 1e-3, 1.0):
    for kind in (keras.optimizers.SGD, keras.optimizers.Adam):
        model = species_model()
        model.compile(kind(rate), "categorical_crossentropy", metrics=["accuracy"])
        before = model.get_weights()[0]
        model.fit(raw_train, one_hot(y_train, 3), epochs=20, verbose=0)
        moved = np.abs(model.get_weights()[0] - before).max()
        accuracy = model.evaluate(raw_held, held_out[1], verbose=0)[1]
        print(f"{kind.__name__:5}{rate:8}: weights moved by {moved:g}, accuracy {accuracy:.3f}")

# %% [markdown]
# Not one weight moves, whatever the rate: with numbers in the thousands the model is so sure, and wrong, that its
# probabilities are exactly 0 and 1. There the loss is flat, its slope 0, and no optimizer has anything to go by. (Why
# it is flat there is part of notebook 04.)

# %% [markdown]
# ### Which rows does validation_split take?
#
# The whole table now, 344 birds, in the order in which it was published. The model is that of *Swap in*, on
# the four measures; `fit` shuffles, as it does by default.

# %% nbgrader={"grade": false, "grade_id": "02-tail", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
whole = penguins.load_table()
whole_x = np.stack([whole[name] for name in penguins.FEATURE_NAMES], axis=1)
whole_y, _ = encode_categories(whole["species"], species)


def tail_run(order):
    (a, b), (c, d) = split_tail((whole_x[order], whole_y[order]), 0.2)
    x = np.concatenate(standardize(*impute(a, c)))
    y = one_hot(np.concatenate([b, d]), 3)
    model = species_model(features=4)
    return model.fit(x, y, validation_split=0.2, epochs=60, verbose=0).history


rng = np.random.default_rng(7)
as_published = tail_run(np.arange(344))
mixed = tail_run(rng.permutation(344))

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "02-tail-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
titles = "the rows as they were published", "the rows shuffled before fit"
for ax, title, history in zip(axes, titles, (as_published, mixed), strict=True):
    for key, label, color in (
        ("accuracy", "train", plot.TRAIN),
        ("val_accuracy", "validation", plot.VALIDATION),
    ):
        ax.plot(range(1, 61), history[key], color=color)
        plot.label_line(ax, range(1, 61), history[key], label, color)
    ax.set(xlabel="epoch", xlim=(0, 76), ylim=(-0.04, 1.06), xticks=range(0, 61, 20))
    ax.set_title(title)
axes[0].set_ylabel("accuracy")
plt.show()

# %% nbgrader={"grade": false, "grade_id": "02-tail-who", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
_, (tail,) = split_tail((whole["species"],), 0.2)
print("held out:", {str(name): int(np.sum(tail == name)) for name in species})
for key in ("accuracy", "val_accuracy"):
    print(f"{key:13} as published {as_published[key][-1]:.3f}, shuffled {mixed[key][-1]:.3f}")

# %%
reveal("data.q2_rows_as_they_lie", measured=f"{as_published['val_accuracy'][-1]:.3f}")

# %% [markdown]
# **The second myth.** "validation_split takes random rows." It takes the last ones, and the table is sorted by species:
# 68 of its last 69 birds are Chinstraps. So the model never saw one, learned the other two to 99.6 %, and
# was judged on what it could not know. It got one bird right: the Gentoo.
#
# `shuffle=True` does not help. `fit` cuts first and shuffles what is left, in every epoch anew. Shuffle the rows
# yourself, *before* `fit`, as on the right. (Not if they are days or years: then the last ones *are* the test.)

# %% [markdown]
# ### What does a leak cost?
#
# Your `impute` and `standardize` learn from `train` alone. If held-out rows have a say in what training rows become,
# that is a [**leak**](../glossary.md#leak). There is a simple test. Change a held-out row and see whether a training row moves:

# %% nbgrader={"grade": false, "grade_id": "02-leak-test", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
touched = raw_held.copy()
touched[0, 3] = 46_500  # a typing error in one held-out bird: a zero too many


def all_rows(train, held):
    (both,) = standardize(np.concatenate([train, held]))
    return both[: len(train)], both[len(train) :]


for name, way in (("yours, from train", standardize), ("from all rows", all_rows)):
    moved = np.abs(way(raw_train, raw_held)[0] - way(raw_train, touched)[0]).max()
    print(f"{name:18} largest change of a training number: {moved:.3f}")

# %% [markdown]
# So scaling by all rows leaks. How much better does it make the model *look*?

# %% nbgrader={"grade": false, "grade_id": "02-leak-scaling", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
for name, way in (("yours, from train", standardize), ("from all rows", all_rows)):
    a, b = way(raw_train, raw_held)
    model = species_model()
    model.fit(a, one_hot(y_train, 3), epochs=20, verbose=0)
    loss, accuracy = model.evaluate(b, held_out[1], verbose=0)
    print(f"{name:18} held-out loss {loss:.4f}, accuracy {accuracy:.3f}")

# %% [markdown]
# The loss looks 2 % lower than it has a right to; the accuracy is the same. A mean knows next to nothing about any single
# bird. But that depends on what the statistic knows.
#
# Take 120 birds and 2,000 columns of coin flips. Somebody keeps the ten columns that differ most between females and
# males, and trains on those. With `leaky=True` the choice is made by all rows, else by the training rows.

# %% nbgrader={"grade": false, "grade_id": "02-coins", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
known = np.flatnonzero(table["sex"] != "")


def coin_model():
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(10,))])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model


# %% nbgrader={"grade": false, "grade_id": "02-coins-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def coin_run(seed, leaky):
    rng = np.random.default_rng(seed)
    sex = (table["sex"][rng.permutation(known)[:120]] == "male").astype(float)
    flips = rng.integers(0, 2, (120, 2000))
    (train, sex_train), (held, sex_held) = split_tail((flips, sex), 0.25)
    seen, of = (flips, sex) if leaky else (train, sex_train)
    gaps = np.abs(seen[of == 1].mean(axis=0) - seen[of == 0].mean(axis=0))
    best = np.argsort(gaps)[-10:]  # the columns with the largest gaps
    keras.set_random_seed(seed)
    model = coin_model()
    model.fit(train[:, best], sex_train, epochs=30, batch_size=16, verbose=0)
    return model.evaluate(held[:, best], sex_held, verbose=0)[1]


# %% nbgrader={"grade": false, "grade_id": "02-coins-runs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
coins = {leaky: [coin_run(seed, leaky) for seed in range(20)] for leaky in (False, True)}
print("chosen by training rows:", np.mean(coins[False]).round(3))
print("chosen by all rows:     ", np.mean(coins[True]).round(3))

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "02-coins-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
fig, ax = plt.subplots(figsize=(8.6, 2.7), layout="constrained")
for level, (leaky, color) in enumerate(((False, plot.TRAIN), (True, plot.VALIDATION))):
    spread = level + np.linspace(-0.16, 0.16, 20)[np.random.default_rng(0).permutation(20)]
    ax.plot(coins[leaky], spread, "o", color=color, alpha=0.75, ms=6, mew=0)
    ax.plot([np.mean(coins[leaky])] * 2, [level - 0.28, level + 0.28], color=color, lw=2.5)
ax.axvline(0.5, color=plot.REFERENCE, lw=1, ls=(0, (4, 3)))
ax.set_yticks([0, 1], ["chosen by\ntraining rows", "chosen by\nall rows"])
ax.set(xlim=(0.25, 1), ylim=(-0.5, 1.5))
ax.set_xlabel("accuracy on held-out birds; the bar is the mean")
ax.grid(False, axis="y")
ax.set_title("Telling the sex of a penguin by coin flips, 20 times")
plt.show()

# %%
reveal("data.q3_coin_flips", measured=100 * np.mean(coins[True]))

# %% [markdown]
# A penguin's sex from coin flips, four times out of five, on birds the model was never trained on. Nothing was learned
# that is so: among 2,000 columns some agree with *these* 120 birds by chance, and the choice had seen the held-out
# ones. With new birds it would be one in two.
#
# So: cut first, and let everything that is learned, a median, a mean, a vocabulary, a choice of columns, be learned
# behind the cut.

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - cut first; whatever is computed from data is computed from training rows;
# - one `nan` is enough for a loss of `nan`: fill gaps;
# - words become codes by one vocabulary, codes become columns;
# - unscaled columns cost a factor of thousands in steps, or everything;
# - `validation_split` takes the last rows: shuffle before `fit`, unless order is time.

# %% [markdown] nbgrader={"grade": false, "grade_id": "02-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words; double-click the next cell, write, and press
# Shift+Enter)
#
# A colleague has the table as it was published. She standardizes all 344 rows, calls
# `fit(x, y, validation_split=0.2, shuffle=True)`, and reads: train 99.6 %, validation 1.4 %. "It overfits, so I need a
# smaller model. My preparation is fine: I scaled everything in the same way."
#
# What has happened, how can she make sure, what should she change? Use numbers from today.
#
# *Rubric, 2 points: half a point each for which rows were held out and why shuffling did not help; a way to make sure;
# what to change; what is wrong with her scaling, and how much it matters.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "02-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# It is no overfitting. `validation_split` holds out the last 20 % of the rows as they lie, and the table is sorted by
# species: 68 of its last 69 birds are Chinstraps, so the model never saw one. `shuffle=True` only mixes what is left
# after the cut. She can make sure by counting the labels of the last 69 rows, or of what the model predicts: it
# never says Chinstrap. She should shuffle x and y together before `fit`; then train and validation were both near
# 98 % for me, with the same model. Her scaling is a leak: mean and deviation saw the held-out rows, which the test with
# one changed row shows. Here that hardly changes any score, since a mean knows little about single birds, but
# choosing columns by all rows turned coin flips into 79 %. So she should cut first, then scale by the training rows.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | the last rows are held out, the table is sorted, and the cut comes before the shuffling |
# | 0.5 | a way to make sure: counting labels on both sides, or looking at the predictions |
# | 0.5 | shuffle (x and y together) before `fit`, or cut so that each species is on both sides; no smaller model |
# | 0.5 | scaling by all rows is a leak; small here and large elsewhere, with a number or the test that shows it |
#
# **Fair (1 of 2).** "validation_split takes the last 20 % and they are another species, so the model does not know
# them. She should shuffle the data first. Her scaling is OK." *What happened and what to do; no way to make sure, and the
# leak is not seen.*
#
# **Weak (0 to 0.5 of 2).** "99.6 against 1.4 is overfitting because the model learned the training data by heart. Use
# dropout or more data." *A gap between the two numbers has more than one cause; which rows were held out is not asked.*

# %% [markdown]
# ### Stretch, if you like: one typing error
#
# `touched` above has a bird of 46.5 kg among the held-out ones. Scale once with your `standardize(raw_train, touched)` and
# once with `all_rows(raw_train, touched)`, and compare the standard deviation of column 3 of the training part. In ours
# it is 1.00 and about 0.30: one bird that was never trained on has squeezed the mass of all others.

# %%
print(np.std(x_train[:, 3]).round(2))

# %% [markdown]
# ## What you built
#
# Your functions against Keras' own parts, on the penguins, in 64 bits. For two of them `fit` has nothing: there NumPy
# is the measure.


# %% nbgrader={"grade": false, "grade_id": "02-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def gap(a, b):
    return float(np.max(np.abs(np.subtract(a, b))))


unique = np.unique(train[2], return_inverse=True)[1]
filled = np.nan_to_num(train[0], nan=np.nanmedian(train[0], axis=0))
rows = [
    ("data.split_tail", "`validation_split`", gap(yours["val_loss"], theirs["val_loss"])),
    ("data.impute", "scikit-learn's `SimpleImputer`", gap(m_train, filled)),
    ("data.encode_categories", "`StringLookup`", gap(island_train, unique)),
    ("data.one_hot", "`to_categorical`", gap(one_hot(y_train, 3), labels[: len(y_train)])),
    ("data.standardize", "`Normalization`", gap(x_train, scaling(raw_train).numpy())),
]
built_table(rows)
