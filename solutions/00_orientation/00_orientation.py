# %% [markdown]
# # 00 · Orientation: drive the finished machine
#
# This course takes one line of Python apart, `model.fit(x, y)`, until every part of it is yours. Today you build next
# to nothing. You drive the finished machine on real photographs, follow one batch through it, and count what a single
# line does.
#
# *About 30 minutes; no points but two for a paragraph at the end. You need a little Python and NumPy, nothing else: no
# network, no GPU, no account.*
#
# Run a cell with Shift+Enter. Start with this one, which tells you what you are running on.

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "00-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# Nearly every script that trains a neural network holds this line of Keras:
#
# ```python
# history = model.fit(x_train, y_train, epochs=30, validation_data=(x_test, y_test), callbacks=[...])
# ```
#
# It looks like one operation. Here is what is inside.

# %% nbgrader={"grade": false, "grade_id": "00-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture()

# %% [markdown]
# Two loops. The **inner** one, blue, takes a few rows of data at a time, a [batch](../glossary.md#batch). The model
# guesses ([forward](../glossary.md#forward)), the guesses are scored ([loss](../glossary.md#loss)), the score says
# which way every [weight](../glossary.md#weight) should move ([gradients](../glossary.md#gradient)), the weights move
# ([update](../glossary.md#update)), and the result is noted ([metrics](../glossary.md#metric)).
#
# The **outer** one, orange, starts over once all rows have had their turn: that was an [epoch](../glossary.md#epoch).
# Between two epochs the model is tried on rows it does not learn from ([validation](../glossary.md#validation)), and
# whoever asked to be called is called ([callbacks](../glossary.md#callback), [history](../glossary.md#history)).
#
# Each notebook begins with this picture and the part of the day lit. A word that is a link, like these, leads to the
# glossary.

# %% [markdown]
# | part of the picture | you rebuild it in |
# |:--|:--|
# | the inner loop, in miniature | [01 The loop in twelve lines](01_the_loop_in_twelve_lines.ipynb) |
# | data, batches, epochs | 02 Preparing data, 03 Batches and epochs |
# | loss | [04 Losses](04_losses.ipynb) |
# | gradients | 05 Gradients, 17 Gradient tape |
# | forward | 06 Layers |
# | update | 07 Optimizers, 14 Learning rates |
# | metrics | 08 Metrics |
# | the whole of `fit` | 09 Compile and fit |
# | validation | 10 Validation and inference |
# | callbacks, history | 12 Callbacks, 13 Early stopping and checkpoints |

# %% [markdown]
# ### The data
#
# 12,000 photographs of things to wear, 28 × 28 pixels each, in ten [classes](../glossary.md#class): Fashion-MNIST,
# made by Zalando. These are five of each class.

# %% nbgrader={"grade": false, "grade_id": "00-images", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import fashion_mnist

(x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
names = fashion_mnist.CLASS_NAMES
figure, grid = plt.subplots(5, 10, figsize=(10, 5.3))
for label, column in enumerate(grid.T):
    column[0].set_title(names[label], size=9, loc="center")
    for row, ax in enumerate(column):
        ax.imshow(x_train[y_train == label][row])
        ax.axis("off")

# %% [markdown]
# The task: see the pixels, name the class. Look at the shirts and the pullovers; some of these would puzzle you too.
#
# A network wants rows of small numbers, not squares of numbers up to 255. Two lines do it; why they matter is the
# subject of notebook 02.

# %% nbgrader={"grade": false, "grade_id": "00-rows", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
x_train = x_train.reshape(len(x_train), 28 * 28) / 255
x_test = x_test.reshape(len(x_test), 28 * 28) / 255
print(f"x_train: {x_train.shape}, from {x_train.min():.0f} to {x_train.max():.0f}")
print(f"y_train: {y_train.shape}, such as {y_train[0]}, which is {names[y_train[0]]!r}")

# %% [markdown]
# ## Predict
#
# Before anything trains, guess. Run a cell to read its question, put your answer where the `...` is, and run it
# again. A guess costs nothing, cannot be taken back, and if it turns out wrong you will remember why.

# %%
predict("orientation.q1_operations", ...)

# %%
predict("orientation.q2_first_epoch", ...)

# %%
predict("orientation.q3_forward_share", ...)

# %% [markdown]
# ## Build
#
# An exercise looks like the one below: what to write, its shapes, its formula, how hard it is (one to three dots), how
# long it takes and how long the answer is. Then a cell for you to fill and a cell that checks it.
#
# This one is worth no points. It is here so that you meet the tools while nothing is at stake.

# %% [markdown]
# **`mean_squared(y_true, y_pred) -> float`** · ●○○ · 3 minutes · roughly 1 line · practice, no points
#
# How wrong are N predictions, as one number?
#
# $$\frac{1}{N} \sum_{i=1}^{N} (y_i - \hat y_i)^2$$
#
# - `y_true`: the truth $y$, an array of N numbers
# - `y_pred`: the predictions $\hat y$, as many
# - returns one number: the mean of the squared differences


# %% nbgrader={"grade": false, "grade_id": "orientation.mean_squared-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def mean_squared(y_true, y_pred):
    """Return the mean of the squared differences: (N,) and (N,) to one number."""
    ### BEGIN SOLUTION
    return float(np.mean((y_true - y_pred) ** 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "orientation.mean_squared", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("orientation.mean_squared", mean_squared)

# %% [markdown]
# The number under a check is the points it gave; here there are none to win.
#
# Now make it wrong on purpose: write `np.sum` for `np.mean`, or drop the `** 2`, run both cells again, and read what
# the check says. It knows the usual mistakes by name. Then mend it.
#
# Stuck, here or later? Take the `#` away and run the cell. Each time, `hint` says a little more.

# %%
# hint("orientation.mean_squared")

# %% [markdown]
# And when you have tried, and it is late: `solution` shows one way to write it. While there are hints left it asks
# first, so call it twice.

# %%
# solution("orientation.mean_squared")

# %% [markdown]
# ## Swap in
#
# Now the machine. It is called minifit, it speaks Keras, and its numbers are those of Keras. With `import keras` in
# the first line, the model, `compile` and `fit` below would run there.
#
# 784 pixels go in, 128 units stand in the middle, ten probabilities come out, one a class. While training,
# [`Dropout`](../glossary.md#dropout) switches a fifth of the units off, at random, so that none of them can rely on
# another.

# %% nbgrader={"grade": false, "grade_id": "00-model", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import minifit as keras

keras.utils.set_random_seed(4)
model = keras.Sequential(
    [
        keras.Input((784,)),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.summary()

# %% [markdown]
# `compile` says how to learn: which [optimizer](../glossary.md#optimizer) moves the weights, which loss scores the
# guesses, what to report.

# %% nbgrader={"grade": false, "grade_id": "00-compile", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loss = "sparse_categorical_crossentropy"
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])

# %% [markdown]
# ### One batch, by hand
#
# `trace` sends one batch, here the last 32 images, through the inner loop and shows every array on its way. Then it
# puts the model back as it was, so nothing has been learned yet. Read the first column, and find each word in the
# picture.

# %% nbgrader={"grade": false, "grade_id": "00-trace", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.trace import trace

one_batch = trace(model, x_train[-32:], y_train[-32:])
one_batch

# %% [markdown]
# The same as a picture: one map for each array, orange above zero, blue below. Compare the maps of `gradients` with
# those of `update`.

# %% nbgrader={"grade": false, "grade_id": "00-trace-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
axes = one_batch.plot()

# %% [markdown]
# Two things are worth finding.
#
# The gradients are of all sizes, but no weight moves by more than 0.001. That is [Adam](../glossary.md#adam), the
# optimizer: its first step is as long as its learning rate says, however steep the loss.
#
# In the last two rows of the table: about one image in ten is right. A new model guesses. If it gave every class the
# same probability its loss would be 2.3; notebook 04 shows why a new model is never far from that.

# %% [markdown]
# ### All batches, up to 30 epochs
#
# One line now. Two callbacks ride along: [`EarlyStopping`](../glossary.md#early-stopping) ends the run when three
# epochs in a row brought no better loss on the test images, and `ModelCheckpoint` keeps a file of the model that
# named most of them correctly.

# %% nbgrader={"grade": false, "grade_id": "00-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.callbacks import EarlyStopping, ModelCheckpoint

stop = EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
keep = ModelCheckpoint("my_best_model.keras", monitor="val_accuracy", save_best_only=True)

history = model.fit(
    x_train,
    y_train,
    epochs=30,
    batch_size=32,
    validation_data=(x_test, y_test),
    callbacks=[stop, keep],
)

# %% [markdown]
# ### And your function
#
# What you write in this course goes into the machine where its own part goes: here into `compile`, as a metric. The
# first number is Keras' own `"mse"`, the second is yours, both over the ten probabilities of every test image. If they
# differ in the last digits, it is because the machine computes with 32 bits.

# %% nbgrader={"grade": false, "grade_id": "00-swap", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine import mean_squared


def squared(y_true, y_pred):
    return mean_squared(np.ravel(y_true), np.ravel(y_pred))


model.compile(loss="mse", metrics=[squared])
one_hot = keras.utils.to_categorical(y_test, 10)
theirs, yours = model.evaluate(x_test, one_hot, batch_size=len(x_test), verbose=0)
print(f"Keras' mse: {theirs:.9f}\nyours:      {yours:.9f}")

# %% [markdown]
# ## Experiment
#
# ### What the history holds
#
# `fit` returned a history: for each name a list, one number an epoch. Plotted, it is the first thing to look at after
# any training.

# %% nbgrader={"grade": false, "grade_id": "00-curves", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit import plot

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
plot.history(history, "loss", ax=left)
plot.history(history, "accuracy", ax=right)
best = int(np.argmin(history.history["val_loss"]))
for ax in (left, right):
    ax.axvline(best + 1, color=plot.REFERENCE, linestyle=":")
right = history.history["val_accuracy"][best]
print(f"{len(history.epoch)} epochs were run; the weights of epoch {best + 1} were kept,")
print(f"at the dotted line. They name {right:.1%} of the test images correctly.")

# %% [markdown]
# On the images it learns from, the model gets better up to the last epoch. On the others it hardly does after the
# first few: the model has begun to learn its images by heart, which is called
# [overfitting](../glossary.md#overfitting). That gap is the subject of notebooks 10 and 16.
#
# Strictly, images that helped to choose the epoch are no test of it any more. Notebook 10 does it properly.
#
# The run ended because a callback said so. `fit` itself would have gone on to epoch 30, whatever the curves did.

# %% nbgrader={"grade": false, "grade_id": "00-reveal-epoch", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
first_epoch = history.history["val_accuracy"][0]
reveal("orientation.q2_first_epoch", measured=round(100 * first_epoch))

# %% [markdown]
# ### The myth: "fit is one operation"
#
# `watch` stands beside the loop with a stopwatch and a counter, and changes nothing. A new model, one epoch, one line.

# %% nbgrader={"grade": false, "grade_id": "00-count", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.trace import watch

fresh = keras.Sequential.from_config(model.get_config())
fresh.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
with watch(fresh) as seen:
    fresh.fit(x_train, y_train, epochs=1, validation_data=(x_test, y_test), verbose=0)
seen

# %% nbgrader={"grade": false, "grade_id": "00-reveal-operations", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
reveal("orientation.q1_operations", measured=sum(seen.calls.values()))

# %% [markdown]
# And this is what three of its 313 steps look like from the inside.

# %% nbgrader={"grade": false, "grade_id": "00-timeline", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
axes = plot.timeline(seen, first=100, steps=3)

# %% nbgrader={"grade": false, "grade_id": "00-reveal-forward", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
share = seen.seconds["forward"] / sum(seen.seconds.values())
shares = {"a": 0.1, "b": 0.25, "c": 0.5, "d": 0.75}
nearest = min(shares, key=lambda letter: abs(shares[letter] - share))
reveal("orientation.q3_forward_share", measured=nearest)

# %% [markdown]
# ### What it gets wrong
#
# The dozen mistakes of which the model was surest. Above each picture, what the model says and how sure it is; below,
# what the label says. Whom do you believe?

# %% nbgrader={"grade": false, "grade_id": "00-mistakes", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
probabilities = model.predict(x_test, verbose=0)
said, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
wrong = np.flatnonzero(said != y_test)
worst = wrong[np.argsort(-sure[wrong])][:12]
figure, grid = plt.subplots(2, 6, figsize=(10, 4.6), layout="constrained")
for ax, i in zip(grid.flat, worst, strict=True):
    ax.imshow(x_test[i].reshape(28, 28))
    told = f"{names[said[i]]}, {sure[i]:.1%}"
    ax.set_title(told, size=9, loc="center", color=plot.VALIDATION)
    ax.text(14, 30.5, names[y_test[i]], size=9, ha="center")
    ax.axis("off")

# %% [markdown]
# ## Explain
#
# Every notebook ends with a few sentences of yours. Writing them is how you find out whether you have it. With an
# instructor, they are read and graded; alone, you hold them against the rubric yourself.
#
# Double-click the words "YOUR ANSWER HERE" to write in their place, and press Shift+Enter when you are done.

# %% [markdown] nbgrader={"grade": false, "grade_id": "00-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **A friend says: "`fit` is one operation that makes the model better."** Answer in three to five sentences: what
# happens for every batch, what happens once an epoch, and which of the two changes the weights.
#
# *Rubric, 2 points: 1 for the steps of a batch in their order, from the guess to the update. 1 for saying that an epoch
# is a pass over all batches, and that what comes between two epochs (validation, callbacks, history) moves no weight.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "00-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# `fit` is two loops, and for my data one epoch of it was 2,699 operations. For every batch the model guesses, the loss
# scores the guesses, the gradients say which way each weight should move, the optimizer moves the weights a little, and
# the metrics note how it went. When all batches have had their turn, an epoch is over: the model is tried on the
# validation images, the callbacks are called, and the history gets one more number in each list. Only the update in the
# inner loop changes weights; validation only looks. Whether the model gets better is not promised anywhere: on the
# test images mine stopped improving while `fit` went on.

# %% [markdown]
# **If you like.** Count again with `batch_size=320`. Which counts fall to a tenth, which stay, and does the time fall
# to a tenth too? Notebook 03 settles it.
#
# What you built, and what the machine made of it:

# %% nbgrader={"grade": false, "grade_id": "00-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
gap = abs(yours - theirs)
built_table([("orientation.mean_squared", "`keras.losses.mean_squared_error`", gap)])
