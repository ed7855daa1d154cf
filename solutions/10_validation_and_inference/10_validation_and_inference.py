# %% [markdown]
# # 10 · Validation and inference: the same loop, with the learning left out
#
# A model that has only ever been asked about what it was taught can fool anybody. Today your `fit` gets the habit
# that prevents it: after each epoch it is examined on rows that it never learns from.
#
# *About 90 minutes, 12 points. You need notebook 09; a part that you have not written is lent to you. You leave with
# `evaluate`, `predict` and a `fit` that validates, and with your second certificate.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "10-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import numpy as np

import autograder
from autograder import built_table, check, hint, loop_picture, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# You rebuild these three lines:
#
# ```python
# model.fit(x, y, epochs=12, validation_data=(x_val, y_val))  # or validation_split=0.2
# model.evaluate(x_test, y_test)
# model.predict(x_test)
# ```

# %% nbgrader={"grade": false, "grade_id": "10-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loop_picture(lit=["validation", "history"])

# %% [markdown]
# **[Validation](../glossary.md#validation)** is an examination during training, `evaluate` one that you hold yourself,
# and using a trained model is called **[inference](../glossary.md#inference)**. All three are the loop that you know,
# with less in it. Here are your parts, and your `Model` as notebook 09 left it:

# %% nbgrader={"grade": false, "grade_id": "10-parts", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine.batches import batch_indices, take
from mine.fit import compile, train_step
from mine.gradients import softmax_crossentropy_gradient
from mine.layers import Dense, Dropout, ReLU, Sequential
from mine.losses import Loss, sparse_categorical_crossentropy
from mine.metrics import Mean, SparseCategoricalAccuracy, format_logs
from mine.optimizers import Adam


# %% nbgrader={"grade": false, "grade_id": "10-loss", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class SparseCategoricalCrossentropy(Loss):
    def call(self, y_true, y_pred):
        return sparse_categorical_crossentropy(y_true, y_pred)

    def gradient(self, y_true, y_pred):
        return softmax_crossentropy_gradient(y_true, y_pred)


optimizers = {"adam": Adam}
losses = {"sparse_categorical_crossentropy": SparseCategoricalCrossentropy}
metrics = {"mean": Mean, "accuracy": SparseCategoricalAccuracy}


# %% nbgrader={"grade": false, "grade_id": "10-model", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class BaseModel(Sequential):
    OPTIMIZERS, LOSSES, METRICS = optimizers, losses, metrics
    compile, train_step = compile, train_step

    def batches(self, x, y, batch_size, shuffle, rng):
        for indices in batch_indices(len(x), batch_size, shuffle, rng):
            yield take((x, y), indices)


# %% [markdown]
# ## Predict
#
# Two letters and a number. With `...` the cell shows its question. (Today the questions come by their full name,
# `autograder.predict`: the short one will be your method's.)

# %%
autograder.predict("validation.q1_moves", ...)

# %%
autograder.predict("validation.q2_below", ...)

# %%
autograder.predict("validation.q3_left_on", ...)

# %% [markdown]
# ## Build
#
# Four methods, again one in each cell, with `self` as the first argument. Stuck?
# `hint("validation.fit")` gives a nudge, then a plan, then almost the code; `solution("validation.fit")` shows ours.

# %% [markdown]
# ### 1 · A step that learns nothing
#
# What is left of a training step when nothing may be learned from it? Look at one layer in both modes.

# %% nbgrader={"grade": false, "grade_id": "10-modes", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
layer = Dropout(0.5, np.random.default_rng(3))
ones = np.ones((2, 6))
print("training:  ", layer.forward(ones, training=True)[0])
print("training:  ", layer.forward(ones, training=True)[0])
print("inference: ", layer.forward(ones, training=False)[0])

# %% [markdown]
# In training, [dropout](../glossary.md#dropout) removes units by chance and makes up for it by doubling the others.
# In an examination it must not: the whole model is asked, and nothing may be left to chance.

# %% [markdown]
# **`test_step(self, x, y) -> dict`** · ●○○ · 6 minutes · roughly 7 lines · 2 points
#
# `x`: (B, D), `y`: (B,). As in `train_step`, `self.loss` and the dict `self.metrics` are there.
#
# - forward with `training=False`
# - the loss and the metrics are noted as in training: `self.metrics["loss"]` gets the loss, `sample_weight=len(x)`;
#   every other metric gets `(y, y_pred)`
# - return a dict with every metric's `result()`, under its name
#
# No gradient is asked for, and no weight moves.


# %% nbgrader={"grade": false, "grade_id": "validation.test_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def test_step(self, x, y):
    """Examine the model on one batch; return what the metrics say so far."""
    ### BEGIN SOLUTION
    y_pred = self.forward(x, training=False)
    loss = self.loss(y, y_pred)
    for name, metric in self.metrics.items():
        if name == "loss":
            metric.update(loss, sample_weight=len(x))
        else:
            metric.update(y, y_pred)
    return {name: metric.result() for name, metric in self.metrics.items()}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "validation.test_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("validation.test_step", test_step)

# %% [markdown]
# ### 2 · `evaluate`
#
# One epoch of test steps. The result does not depend on how the rows are cut into batches, because each batch counts
# with its number of rows. (Where it does depend on it, somebody averages the batches' means.)

# %% [markdown]
# **`evaluate(self, x, y, batch_size=32) -> dict`** · ●●○ · 8 minutes · roughly 5 lines · 2 points
#
# `x`: (N, D), `y`: (N,).
#
# - reset every metric first: it may hold training rows
# - go through the rows in their order, `batch_size` at a time, the last batch shorter:
#   `self.batches(x, y, batch_size, shuffle=False, rng=None)` yields pairs `(x_batch, y_batch)`
# - give each pair to `self.test_step`
# - return the dict that the last one returned, names as they are


# %% nbgrader={"grade": false, "grade_id": "validation.evaluate-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def evaluate(self, x, y, batch_size=32):
    """Examine the model on all rows; return its loss and metrics by name."""
    ### BEGIN SOLUTION
    for metric in self.metrics.values():
        metric.reset()
    for x_batch, y_batch in self.batches(x, y, batch_size, shuffle=False, rng=None):
        logs = self.test_step(x_batch, y_batch)
    return logs
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "validation.evaluate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("validation.evaluate", evaluate)

# %% [markdown]
# ### 3 · `predict`
#
# No labels, so no loss and no metrics: forward, batch by batch, and the outputs put one below the other.

# %% nbgrader={"grade": false, "grade_id": "10-join", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
parts = [np.array([[1, 2], [3, 4]]), np.array([[5, 6]])]  # (2, 2) and (1, 2)
print(np.concatenate(parts))  # (3, 2); np.array(parts) would fail, their lengths differ

# %% [markdown]
# **`predict(self, x, batch_size=32) -> (N, C)`** · ●●○ · 8 minutes · roughly 4 lines · 2 points
#
# `x`: (N, D). Row i of the result is `self.forward` of row i of x, in inference mode.
#
# - never more than `batch_size` rows in one forward pass, or large data would not fit into memory
# - `self.batches(x, None, batch_size, shuffle=False, rng=None)` yields pairs `(x_batch, None)`
# - return one array: what the last layer gives, no softmax and no argmax on top


# %% nbgrader={"grade": false, "grade_id": "validation.predict-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def predict(self, x, batch_size=32):
    """Return the outputs for every row of x."""
    ### BEGIN SOLUTION
    outputs = []
    for x_batch, _ in self.batches(x, None, batch_size, shuffle=False, rng=None):
        outputs.append(self.forward(x_batch, training=False))
    return np.concatenate(outputs)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "validation.predict", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("validation.predict", predict)

# %% [markdown]
# ### 4 · `fit` validates
#
# The rows to validate on come in one of two ways. `validation_data=(x_val, y_val)` hands them in.
# `validation_split=0.3` takes them from the data: **the last** 30 %, before anything is shuffled. (So if your rows are
# sorted by class, shuffle them yourself first.)
#
# How many are left to train on? Keras rounds down.

# %% nbgrader={"grade": false, "grade_id": "10-cut", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
for n, fraction in ((10, 0.3), (11, 0.3), (1438, 0.2)):
    print(f"of {n} rows {n * (1 - fraction):.1f} are left, so", int(n * (1 - fraction)))
logs, seen = {"loss": 0.5}, {"loss": 0.6}
print(logs | {f"val_{name}": value for name, value in seen.items()})  # two dicts, joined

# %% [markdown]
# **`fit(self, x, y, batch_size=32, epochs=1, shuffle=True, rng=None, validation_data=None, validation_split=0.0,
# validation_freq=1) -> History`** · ●●● · 18 minutes · roughly 17 lines · 4 points
#
# Your `fit` of 09, and
#
# - before the loops: if there is no `validation_data` and [`validation_split`](../glossary.md#validation-split) is
#   not 0, the last rows become the
#   validation data, and only the first `int(N * (1 - validation_split))` are trained on
# - after the batches of epochs number `validation_freq`, 2 · `validation_freq`, ... (counted from 1):
#   `self.evaluate(x_val, y_val, batch_size)`; its values go into the History under `val_` + their name, beside those
#   of training. In other epochs there are none.
#
# Mind that `evaluate` empties the metrics: the training values must be safe by then.


# %% nbgrader={"grade": false, "grade_id": "10-history", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class History:
    """What fit returns: the epochs' numbers, and by name one value an epoch."""

    def __init__(self):
        self.epoch = []
        self.history = {}


# %% nbgrader={"grade": false, "grade_id": "validation.fit-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def fit(
    self, x, y, batch_size=32, epochs=1, shuffle=True, rng=None,
    validation_data=None, validation_split=0.0, validation_freq=1,
):  # fmt: skip
    """Train for some epochs, validate where asked for; return the History."""
    ### BEGIN SOLUTION
    if validation_data is None and validation_split:
        kept = int(len(x) * (1 - validation_split))
        validation_data = (x[kept:], y[kept:])
        x, y = x[:kept], y[:kept]
    history = History()
    for epoch in range(epochs):
        for metric in self.metrics.values():
            metric.reset()
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            logs = self.train_step(x_batch, y_batch)
        if validation_data is not None and (epoch + 1) % validation_freq == 0:
            seen = self.evaluate(*validation_data, batch_size)
            logs = logs | {f"val_{name}": value for name, value in seen.items()}
        history.epoch.append(epoch)
        for name, value in logs.items():
            history.history.setdefault(name, []).append(value)
    return history
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "validation.fit", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("validation.fit", fit)

# %% [markdown]
# ## Swap in
#
# Your four methods join the class, and the digits are fetched: 1,438 to train on, 359 to test with.

# %% nbgrader={"grade": false, "grade_id": "10-grown", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine.validation import evaluate, fit, predict, test_step


class Model(BaseModel):
    test_step, evaluate, predict, fit = test_step, evaluate, predict, fit


from minifit.datasets import digits

(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(-1, 64) / 16, x_test.reshape(-1, 64) / 16

# %% [markdown]
# The same model in your hands and in the reference engine's: 6 epochs with the last 30 % held out, looked at after
# every second epoch; then `evaluate` and `predict` on the test images.

# %% nbgrader={"grade": false, "grade_id": "10-swap", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import minifit as keras

keras.config.set_floatx("float64")
own = Model([Dense(24), ReLU(), Dense(10)])
own.build(64, np.random.default_rng(6))
hidden = keras.layers.Dense(24, activation="relu", input_shape=(64,))
engine = keras.Sequential([hidden, keras.layers.Dense(10)])
engine.set_weights(own.variables())
own.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
engine.compile("adam", crossentropy, metrics=["accuracy"])

# %% nbgrader={"grade": false, "grade_id": "10-swap-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
held_out = {"validation_split": 0.3, "validation_freq": 2, "shuffle": False, "epochs": 6}
a, b = own.fit(x, y, **held_out).history, engine.fit(x, y, verbose=0, **held_out).history
for name in sorted(b):
    gap = np.max(np.abs(np.subtract(a[name], b[name])))
    print(f"{name:13}{len(a[name])} values, {gap:.0e} apart")
a = own.evaluate(x_test, y_test)
b = engine.evaluate(x_test, y_test, return_dict=True, verbose=0)
print("evaluate    ", max(abs(a[name] - b[name]) for name in b), "apart:", format_logs(a))
apart = np.max(np.abs(own.predict(x_test) - engine.predict(x_test, verbose=0)))
print(f"predict      {apart:.0e} apart")
keras.config.set_floatx("float32")

# %% [markdown]
# Four curves, two of them with three values for six epochs, as Keras does it. So if you ever plot `val_loss` over
# `loss` and the lists have two lengths, you know where to look.

# %% [markdown]
# ## Experiment
#
# ### Does validation move the weights?
#
# The first myth of the day says so. A model with dropout 0.5 and only 303 images to learn from: 6 epochs, three times
# from one start. Without validation; with it; and with an `evaluate` that forgets to switch dropout off.


# %% nbgrader={"grade": false, "grade_id": "10-moves", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class LeftOn(Model):
    def evaluate(self, x, y, batch_size=32):
        self.forward(x, training=True)  # only a look, but in the wrong mode
        return {}


def with_dropout(kind=Model):
    model = kind([Dense(48), ReLU(), Dropout(0.5, np.random.default_rng(1)), Dense(10)])
    model.build(64, np.random.default_rng(2))
    model.compile(Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% nbgrader={"grade": false, "grade_id": "10-moves-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
without, with_it, left_on = with_dropout(), with_dropout(), with_dropout(LeftOn)
few, labels, test = x[:303], y[:303], {"validation_data": (x_test, y_test)}
for model, options in ((without, {}), (with_it, test), (left_on, test)):
    model.fit(few, labels, epochs=6, rng=np.random.default_rng(3), **options)
for name, model in (("with validation", with_it), ("with dropout left on", left_on)):
    pairs = zip(model.variables(), without.variables(), strict=True)
    gap = max(np.max(np.abs(a - b)) for a, b in pairs)
    print(f"{name:21} largest difference of a weight: {gap:.2g}")

# %%
reveal("validation.q1_moves")

# %% [markdown]
# Not one bit. A test step calls neither `backward` nor `apply`, and it draws no random number.
#
# The third run shows how little it takes. It does not learn from the validation rows either; it only *looks* at them
# in the wrong mode. But that draws masks from the generator of the dropout layer, so training gets others
# than it would have had, and ends elsewhere. Running with and without validation, and comparing weights, finds such
# mistakes.

# %% [markdown]
# ### `val_loss` below `loss`: a leak?
#
# The second myth of the day. Train the model for 40 epochs, and measure its training rows in
# three ways: as `fit` reports them; then, when the epoch is over, with dropout on; and with dropout off. Beside them,
# the test rows. (Forty calls of `fit`, an epoch each, are one call of 40: that was settled in notebook 09. Measuring
# with dropout on draws masks, as the third run above did; here that does no harm.)


# %% nbgrader={"grade": false, "grade_id": "10-below", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def in_training_mode(model, x, y):
    """The loss of the model as it is now, with dropout on: the mean of 5 passes."""
    return np.mean([model.loss(y, model.forward(x, training=True)) for _ in range(5)])


# %% nbgrader={"grade": false, "grade_id": "10-below-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
trained, rng = with_dropout(), np.random.default_rng(3)
names = ("as reported", "afterwards, dropout on", "afterwards, dropout off", "validation")
measured = {name: [] for name in names}
for _ in range(40):
    reported = trained.fit(few, labels, rng=rng, **test).history
    measured["as reported"] += reported["loss"]
    measured["afterwards, dropout on"].append(in_training_mode(trained, few, labels))
    measured["afterwards, dropout off"].append(trained.evaluate(few, labels)["loss"])
    measured["validation"] += reported["val_loss"]

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "10-below-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt

from minifit.plot import FOURTH, THIRD, TRAIN, VALIDATION, label_line

epochs = np.arange(1, 41)
fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", width_ratios=(1, 1.7))
reported, valid = np.array(measured["as reported"]), np.array(measured["validation"])
axes[0].plot(epochs, reported, color=TRAIN)
axes[0].plot(epochs, valid, color=VALIDATION)
label_line(axes[0], epochs, reported, "loss", TRAIN)
label_line(axes[0], epochs, valid, "val_loss", VALIDATION)
axes[0].set(
    title="What fit reports",
    xlabel="epoch",
    ylabel="loss",
    ylim=(0, None),
    xticks=(1, 10, 20, 30, 40),
)
for name, color in zip(names, (TRAIN, FOURTH, THIRD, VALIDATION), strict=True):
    axes[1].plot(epochs, measured[name], color=color)
    label_line(axes[1], epochs, measured[name], name, color)
axes[1].set(
    title="The same run, taken apart (log axis)",
    xlabel="epoch",
    yscale="log",
    xticks=(1, 10, 20, 30, 40),
)
axes[1].set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["0.05", "0.1", "0.2", "0.5", "1", "2"])
axes[1].minorticks_off()
plt.show()
below = np.sum(valid < reported)
print(f"val_loss is below loss in {below} of {len(valid)} epochs")
print(f"{'':24}", "epoch 1", "     10", "     40")
for name in names:
    print(f"{name:24}", *(f"{measured[name][epoch]:7.3f}" for epoch in (0, 9, 39)))

# %%
reveal("validation.q2_below")

# %% [markdown]
# On the left, what Keras shows: `val_loss` is below `loss` in every one of 40 epochs. A leak?
#
# On the right, why. In the first epoch it is mostly progress: *reported* is an average over an epoch in which the
# model was getting better all the time. That fades. What stays is dropout. Measured without it, the training rows
# cost 0.12 in the end, half of what new rows cost.
#
# So compare like with like, the two lowest lines: what opens between them, epoch by epoch, is
# [overfitting](../glossary.md#overfitting). On the left it cannot be seen at all; there the model seems to do better
# on new images than on those it was taught.

# %% [markdown]
# ### Dropout left on in `predict`
#
# And if you forget to switch it off where it counts?

# %% nbgrader={"grade": false, "grade_id": "10-left-on", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
right = np.argmax(trained.predict(x_test), axis=1)
wrong = np.argmax(trained.forward(x_test, training=True), axis=1)
again = np.argmax(trained.forward(x_test, training=True), axis=1)
print("of", len(x_test), "images")
print("another class than it should be:", np.sum(right != wrong))
print("another class the next time:    ", np.sum(wrong != again))
for name, classes in (("off", right), ("on", wrong)):
    print(f"accuracy with dropout {name:4} {np.mean(classes == y_test):.3f}")

# %%
reveal("validation.q3_left_on", measured=np.sum(right != wrong))

# %% [markdown]
# ### Rows that choose are no test
#
# Today the test images served as validation rows. As long as nothing is decided by them, that does no harm. But
# validation is there to decide: how many epochs, which learning rate, which of ten models. What is the winner's
# number worth then? Let 500 "models" merely guess, choose the one that does best on 90 of the images, and ask it
# about the other 269.

# %% nbgrader={"grade": false, "grade_id": "10-choose", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
guesses = np.random.default_rng(7).integers(10, size=(500, len(y_test)))
hits = guesses == y_test  # 500 models, 359 images
shares = hits[:, :90].mean(axis=1)
winner = np.argmax(shares)
print(f"500 models on 90 images: {shares.mean():.2f} on average, the winner {shares[winner]:.2f}")
print(f"the winner on the other images: {hits[winner, 90:].mean():.2f}")

# %% [markdown]
# The winner knows nothing, and still looks twice as good as chance on the rows that chose it. So three kinds of
# rows: those to learn from; validation rows to choose by, every day; and test rows, asked once, when all is decided.

# %% [markdown]
# ### The second certificate
#
# The recorded run of Keras from notebook 09 was validated all along, on the test images. Its training loss was the same
# as yours, which had no validation then: in Keras, too, looking does not move a weight. Now for the other half.

# %% nbgrader={"grade": false, "grade_id": "10-replay", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder.recorded import keras_run


class Replay(Model):
    def batches(self, x, y, batch_size, shuffle, rng):
        if shuffle:  # the rows as Keras took them
            order = next(self.orders)
            x, y = x[order], y[order]
        return super().batches(x, y, batch_size, False, None)

    def train_step(self, x, y):
        logs = super().train_step(x, y)
        self.losses.append(logs["loss"])
        return logs


# %% nbgrader={"grade": false, "grade_id": "10-start", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def start(run):
    model = Replay([Dense(24), ReLU(), Dense(10)])
    model.build(64, np.random.default_rng(0))
    for own, recorded in zip(model.variables(), run.weights, strict=True):
        own[...] = recorded
    model.orders, model.losses = iter(run.orders), []
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %%
your_name = ""

# %% nbgrader={"grade": false, "grade_id": "10-certificate", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder.certificate import certificate, differences

run = keras_run("held_out")
model = start(run)
history = model.fit(x, y, batch_size=32, epochs=12, **test).history
own = {"steps": model.losses, "weights": model.variables()}
own["evaluation"] = model.evaluate(x_test, y_test)
own["predictions"] = model.predict(x_test)
certificate("validation", run, history, **own, name=your_name)

# %% [markdown]
# There is a second recorded run, with `validation_split=0.3` and `validation_freq=2`, for four epochs. It tells whether
# your cut is Keras' cut:

# %% nbgrader={"grade": false, "grade_id": "10-split-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
split = keras_run("split_off")
kept = split.orders.shape[1]
print(kept, "rows to train on,", len(x) - kept, "held out")
model = start(split)
cut = model.fit(x, y, epochs=4, validation_split=0.3, validation_freq=2).history
for row in differences(split, cut):
    print(f"{row.what:24} {row.gap:.0e} apart")

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - a test step is forward, loss, metrics: no gradient, no update, no chance;
# - `validation_split` takes the last rows, before shuffling;
# - validation changes nothing, to the last bit, or it is broken;
# - `loss` and `val_loss` are measured in two modes and at two times: compare like with like;
# - rows that have chosen a model are no test of it: keep others for the end.

# %% [markdown] nbgrader={"grade": false, "grade_id": "10-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# In a meeting somebody points at a training run: "`val_loss` is 0.24 and `loss` is 0.29. A model cannot be better on
# data that it has never seen. So validation rows have leaked into training, or validation itself trains the model."
#
# Explain in your own words what is wrong with both conclusions, with a number that you measured today for each; and say
# how one would find out whether rows have leaked.
#
# *Rubric, 2 points: half a point each for the two modes (and times) in which the losses are measured; a measured number
# for it; why validation cannot train, with what you measured; a test for a leak that would work.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "10-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The two losses are not measured alike. `loss` is taken while dropout removes half of the hidden units, and averaged
# over an epoch in which the model was still getting better; `val_loss` is taken afterwards, with the whole model. In
# my run the reported loss was 0.29 in the end and `val_loss` 0.24, but the training rows, measured in inference mode,
# had 0.12: half of the validation loss. So the model is not better on new data at all. Validation does not train
# either: with and without it, after 6 epochs, all weights were equal to the last bit, dropout included. Whether rows
# have leaked cannot be read off these two curves. I would look for validation rows among the training rows, or
# measure both losses in inference mode: if they stay equal while the model has learned its rows by heart, something
# is wrong.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | modes: loss with dropout on (and during the epoch), val_loss with dropout off, after it |
# | 0.5 | a measured number: such as training rows in inference mode 0.12 against 0.29 reported |
# | 0.5 | validation does not train: no backward, no update; weights with and without equal to the last bit |
# | 0.5 | a working test for a leak: search for equal rows, or both losses in the same mode |
#
# **Fair (1 of 2).** "Dropout is only used in training, so the training loss is higher. In my experiment the weights
# were the same with and without validation. You could check for leaks by shuffling the data again." *Both
# explanations, one number; the test would not find a leak.*
#
# **Weak (0 to 0.5 of 2).** "It is probably a leak, because a model always does better on training data. Use another
# validation_split." *The myth of the day.*

# %% [markdown]
# ### Stretch, if you like: leave dropout on, on purpose
#
# One prediction with dropout on is worse. But take 100 of them, make probabilities of the logits, and average: you
# get a committee. Does it know when it is wrong? Take `trained` from above, and compare the average's largest
# probability on the images that it gets right and on those it gets wrong; then the same for `predict`.
#
# Numbers to expect: both are right on 94 %. `predict` gives its right answers 0.88 and its wrong ones 0.52 on
# average, the committee 0.78 and 0.43: less sure of everything, and most of all where it errs.

# %%


# %% [markdown]
# ## What you built
#
# Your methods against Keras' recorded runs, in 64 bits.

# %% nbgrader={"grade": false, "grade_id": "10-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
largest = {row.what.partition(",")[0]: row.gap for row in differences(run, history, **own)}
cut_gap = max(row.gap for row in differences(split, cut))
rows = [
    ("validation.test_step", "Model.test_step, val_loss", largest["val_loss"]),
    ("validation.evaluate", "Model.evaluate", largest["evaluate on the test images"]),
    ("validation.predict", "Model.predict", largest["predict for the test images"]),
    ("validation.fit", "Model.fit with validation_split", cut_gap),
]
built_table(rows)
