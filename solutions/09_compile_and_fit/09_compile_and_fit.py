# %% [markdown]
# # 09 · compile and fit: the parts become a machine
#
# Eight notebooks of parts lie on the table. Today you write the four functions that make them one machine, with
# the two most famous lines of Keras on its front. Then it is held against real Keras, step by step, for 540 steps.
#
# *About 100 minutes, 14 points. You need notebooks 03 to 08; a part that you have not written is lent to you. You
# leave with a `Model` that trains, and with a certificate of what its numbers are worth.*

# %% tags=["setup"] nbgrader={"grade": false, "grade_id": "09-setup", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from autograder import built_table, check, hint, loop_picture, predict, reveal, setup, solution

setup()

# %% [markdown]
# ## Where we are
#
# You rebuild these two lines:
#
# ```python
# model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
# history = model.fit(x, y, batch_size=32, epochs=12)
# ```

# %% nbgrader={"grade": false, "grade_id": "09-picture", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
inner = ["batches", "data", "forward", "loss", "gradients", "update", "metrics"]
loop_picture(lit=[*inner, "epochs", "history"])

# %% [markdown]
# Only validation and callbacks stay grey; they come in notebooks 10 and 12. Everything that is lit, you have
# written, save for the two loops that hold it together.
#
# This cell fetches your parts and says of each whether it is yours.

# %% nbgrader={"grade": false, "grade_id": "09-parts", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine.batches import batch_indices, take
from mine.gradients import softmax_crossentropy_gradient
from mine.layers import Dense, ReLU, Sequential
from mine.losses import Loss, sparse_categorical_crossentropy
from mine.metrics import Mean, SparseCategoricalAccuracy, format_logs
from mine.optimizers import Adam, momentum_step

# %% [markdown]
# ## Predict
#
# Put a letter in quotes, such as `"b"`, where the `...` is and run the cell; with `...` it shows the question.

# %%
predict("fit.q1_how_near", ...)

# %%
predict("fit.q2_which_shows", ...)

# %%
predict("fit.q3_compile_again", ...)

# %% [markdown]
# ## Build
#
# Four functions. Stuck? `hint("fit.train_step")` gives a nudge, then a plan, then almost the code;
# `solution("fit.train_step")` shows ours. Use any exercise's name.

# %% [markdown]
# ### 1 · A name becomes an object
#
# `optimizer="adam"` is a string. To make an optimizer of it, Keras keeps a **[registry](../glossary.md#registry)**: a
# dict from names to classes. A class becomes an object when it is called. And whoever mistypes a name wants to be
# told what was meant; Python's `difflib` can tell.

# %% nbgrader={"grade": false, "grade_id": "09-registry", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import difflib

registry = {"list": list, "dict": dict, "set": set}
print("the class:", registry["list"], "  an object of it:", registry["list"]())
print("near 'dcit':", difflib.get_close_matches("dcit", registry))
print("near 'zebra':", difflib.get_close_matches("zebra", registry))

# %% [markdown]
# **`resolve(identifier, registry) -> object`** · ●○○ · 8 minutes · roughly 6 lines · 2 points
#
# - `registry`: a dict from names to classes, each of which can be called without arguments
# - `identifier` is a name in it: return a **new** object of that class, at every call another
# - `identifier` is no string, such as `Adam(0.01)`: return it as it is
# - `identifier` is an unknown name: raise a `ValueError` whose text offers the nearest name there is (if it lists
#   others too, the nearest comes first). Where nothing is near, any text will do.


# %% nbgrader={"grade": false, "grade_id": "fit.resolve-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def resolve(identifier, registry):
    """Return the object that a name stands for; what is no name is returned as it is."""
    ### BEGIN SOLUTION
    if not isinstance(identifier, str):
        return identifier
    if identifier in registry:
        return registry[identifier]()
    near = difflib.get_close_matches(identifier, registry, n=1)
    offer = f' Did you mean "{near[0]}"?' if near else ""
    raise ValueError(f'"{identifier}" is not known.{offer}')
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit.resolve", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("fit.resolve", resolve)

# %% [markdown]
# ### 2 · `compile` remembers
#
# From here on you write methods, one in each cell, outside of any class. That works because a method is nothing but
# a function whose first argument is the object; a class statement can collect it later.


# %% nbgrader={"grade": false, "grade_id": "09-method", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def greet(self, name):
    print(f"{name}, I hold {self.what}.")


class Box:
    greet = greet


box = Box()
box.what = "your layers"
box.greet("Ada")  # the same as greet(box, "Ada")

# %% [markdown]
# In spite of its name, `compile` trains nothing and translates nothing. It takes three wishes, makes objects of them,
# and puts these where `fit` will look.
#
# (Differs from PyTorch: there it does not exist, you hold loss and optimizer in your own hands; `torch.compile` is
# something else, it does translate.)
#
# One object more than asked for is needed: the loss that is logged is an average over the epoch, so it wants a metric
# of its own. That is a `Mean`, and it is called `"loss"`.

# %% [markdown]
# **`compile(self, optimizer, loss, metrics=())`** · ●○○ · 8 minutes · roughly 5 lines · 2 points
#
# The model brings three registries: `self.OPTIMIZERS`, `self.LOSSES`, `self.METRICS`. Afterwards it has
#
# - `self.optimizer` and `self.loss`: from a name or from an object
# - `self.metrics`: a new dict from names to metric objects. `"loss"` is always in it and is the metric that
#   `self.METRICS` calls `"mean"`; then every name in `metrics`, with its metric.
#
# It returns nothing, and the weights stay as they are. Call your `resolve`: this check can pass only when that one
# has. (A cell named `compile` hides Python's own function of that name. Nobody will miss it here.)


# %% nbgrader={"grade": false, "grade_id": "fit.compile-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def compile(self, optimizer, loss, metrics=()):
    """Keep the optimizer, the loss and the metrics, the loss' own mean among them."""
    ### BEGIN SOLUTION
    self.optimizer = resolve(optimizer, self.OPTIMIZERS)
    self.loss = resolve(loss, self.LOSSES)
    self.metrics = {"loss": resolve("mean", self.METRICS)}
    for name in metrics:
        self.metrics[name] = resolve(name, self.METRICS)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit.compile", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("fit.compile", compile)

# %% [markdown]
# ### 3 · How the loss reaches the layers
#
# `loss(y, y_pred)` is one number. But `backward(dy)` wants an array: for every number in `y_pred`, how fast would the
# loss grow if that number grew? You have written it: it is `softmax_crossentropy_gradient`, of notebook 05.
#
# So a loss gets a second door. Through the first comes *how bad*, through the second *which way is worse*.


# %% nbgrader={"grade": false, "grade_id": "09-loss", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class SparseCategoricalCrossentropy(Loss):
    """Keras' loss of that name, for logits: its value, and its slope."""

    def call(self, y_true, y_pred):  # (N,); the Loss of notebook 04 makes one number of it
        return sparse_categorical_crossentropy(y_true, y_pred)

    def gradient(self, y_true, y_pred):  # like y_pred
        return softmax_crossentropy_gradient(y_true, y_pred)


# %% [markdown]
# Do the two doors belong to the same loss? Nudge one logit, and see.

# %% nbgrader={"grade": false, "grade_id": "09-nudge", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
loss = SparseCategoricalCrossentropy()
labels, logits = np.array([2, 0, 1]), np.random.default_rng(9).normal(size=(3, 4))
nudged = logits.copy()
nudged[1, 3] += 1e-6
slopes = loss.gradient(labels, logits)
print("logits:", logits.shape, "  loss:", loss(labels, logits), "  gradient:", slopes.shape)
print("slope by a nudge: ", (loss(labels, nudged) - loss(labels, logits)) / 1e-6)
print("slope by gradient:", slopes[1, 3])

# %% [markdown]
# That array is what enters the last layer from behind. Each layer turns it into the slopes of its own kernel and bias,
# keeps them, and hands the rest on to the layer before. Then `gradients()` and `variables()` give two lists in the same
# order, ready for the optimizer.
#
# One thing is easy to get wrong. The loss of a batch is a mean over its samples. To average it over the epoch, the
# metric must know how many samples it stands for, or a last batch of 30 counts as much as one of 32.

# %% [markdown]
# **`train_step(self, x, y) -> dict`** · ●●● · 15 minutes · roughly 9 lines · 4 points
#
# `x`: (B, D), `y`: (B,). Six moves, the inner loop of the picture:
#
# 1. `y_pred`, (B, C), from `self.forward`, with `training=True`
# 2. the loss, one number: `self.loss(y, y_pred)`
# 3. `self.backward(dy)`, with dy from `self.loss.gradient`
# 4. `self.optimizer.apply(gradients, variables)`, with what `self.gradients()` and `self.variables()` give: it
#    changes the weights in place
# 5. `self.metrics["loss"]` is updated with the loss, `sample_weight=len(x)`; every *other* metric with
#    `metric.update(y, y_pred)`, y_pred being that of move 1
# 6. return a dict with the `result()` of every metric, under its name


# %% nbgrader={"grade": false, "grade_id": "fit.train_step-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def train_step(self, x, y):
    """Learn from one batch; return what the metrics say so far."""
    ### BEGIN SOLUTION
    y_pred = self.forward(x, training=True)
    loss = self.loss(y, y_pred)
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())
    for name, metric in self.metrics.items():
        if name == "loss":
            metric.update(loss, sample_weight=len(x))
        else:
            metric.update(y, y_pred)
    return {name: metric.result() for name, metric in self.metrics.items()}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit.train_step", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("fit.train_step", train_step)

# %% [markdown]
# ### 4 · `fit`: two loops and a diary
#
# What `fit` returns is a `History`. You get the class. To fill its dict of lists, `setdefault` is handy: it gives
# what is stored under a name, and where nothing is, stores the second argument first.


# %% nbgrader={"grade": false, "grade_id": "09-history", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class History:
    """What fit returns: the epochs' numbers, and by name one value an epoch."""

    def __init__(self):
        self.epoch = []
        self.history = {}


diary = {}
for logs in ({"loss": 2.1, "accuracy": 0.3}, {"loss": 1.7, "accuracy": 0.5}):
    for name, value in logs.items():
        diary.setdefault(name, []).append(value)
print(diary)

# %% [markdown]
# **`fit(self, x, y, batch_size=32, epochs=1, shuffle=True, rng=None) -> History`** · ●●● · 15 minutes · roughly 10
# lines · 4 points
#
# `x`: (N, D), `y`: (N,). For each epoch, numbered from 0:
#
# - reset every metric: an epoch's averages are its own
# - go through `self.batches(x, y, batch_size, shuffle, rng)`, called once an epoch: it yields pairs
#   `(x_batch, y_batch)`, in a new order each time. Give each pair to `self.train_step`.
# - append the epoch's number to `history.epoch`, and every value that the *last* `train_step` returned to the list of
#   its name in `history.history`
#
# Return the History, a new one at every call. Weights and optimizer go on from where they are.


# %% nbgrader={"grade": false, "grade_id": "fit.fit-answer", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
def fit(self, x, y, batch_size=32, epochs=1, shuffle=True, rng=None):
    """Train for some epochs; return their History."""
    ### BEGIN SOLUTION
    history = History()
    for epoch in range(epochs):
        for metric in self.metrics.values():
            metric.reset()
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            logs = self.train_step(x_batch, y_batch)
        history.epoch.append(epoch)
        for name, value in logs.items():
            history.history.setdefault(name, []).append(value)
    return history
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit.fit", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("fit.fit", fit)

# %% [markdown]
# ## Swap in
#
# The class statement that collects it all. New in it are only the registries, a plain SGD on top of your momentum
# step, and `batches`, four lines around what you wrote in notebook 03.


# %% nbgrader={"grade": false, "grade_id": "09-registries", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class SGD:
    def __init__(self, learning_rate=0.01):
        self.learning_rate = learning_rate

    def apply(self, gradients, variables):
        for g, w in zip(gradients, variables, strict=True):
            w[...], _ = momentum_step(w, g, 0 * w, self.learning_rate, momentum=0.0)


optimizers = {"adam": Adam, "sgd": SGD}
losses = {"sparse_categorical_crossentropy": SparseCategoricalCrossentropy}
metrics = {"mean": Mean, "accuracy": SparseCategoricalAccuracy}

# %% nbgrader={"grade": false, "grade_id": "09-model", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from mine.fit import compile, fit, train_step


class Model(Sequential):
    OPTIMIZERS, LOSSES, METRICS = optimizers, losses, metrics
    compile, train_step, fit = compile, train_step, fit

    def batches(self, x, y, batch_size, shuffle, rng):
        for indices in batch_indices(len(x), batch_size, shuffle, rng):
            yield take((x, y), indices)


# %% [markdown]
# Now the real thing: 1,438 handwritten digits of 8 × 8 pixels, 44 batches of 32 and one of 30. The two famous lines,
# and below them nothing but your own code.

# %% nbgrader={"grade": false, "grade_id": "09-first-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from minifit.datasets import digits

(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(-1, 64) / 16, x_test.reshape(-1, 64) / 16

model = Model([Dense(24), ReLU(), Dense(10)])
model.build(64, np.random.default_rng(4))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=32, epochs=12, rng=np.random.default_rng(5))
for epoch in (0, 5, 11):
    logs = {name: values[epoch] for name, values in history.history.items()}
    print(f"epoch {epoch + 1:2}  ", format_logs(logs))

# %% [markdown]
# Look inside: one batch on its way through your machine, array by array.

# %% nbgrader={"grade": false, "grade_id": "09-trace", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder import trace

trace(model, x[:32], y[:32])

# %% [markdown]
# It learns. Is it right? Put the reference engine beside it: the same first weights, the same rows in the same order,
# 64-bit numbers, once with each optimizer.

# %% nbgrader={"grade": false, "grade_id": "09-swap", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import minifit as keras

keras.config.set_floatx("float64")


def both():
    """Your model and the engine's, with the same weights."""
    own = Model([Dense(24), ReLU(), Dense(10)])
    own.build(64, np.random.default_rng(6))
    hidden = keras.layers.Dense(24, activation="relu", input_shape=(64,))
    engine = keras.Sequential([hidden, keras.layers.Dense(10)])
    engine.set_weights(own.variables())
    return own, engine


# %% nbgrader={"grade": false, "grade_id": "09-swap-run", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for name in optimizers:
    own, engine = both()
    own.compile(name, "sparse_categorical_crossentropy")
    engine.compile(name, crossentropy)
    a = own.fit(x, y, epochs=5, shuffle=False).history["loss"]
    b = engine.fit(x, y, epochs=5, shuffle=False, verbose=0).history["loss"]
    gap = np.max(np.abs(np.subtract(a, b)))
    print(f"{name:5} yours {a[-1]:.15f}   engine {b[-1]:.15f}   {gap:.0e} apart")
keras.config.set_floatx("float32")

# %% [markdown]
# Two programs that share no line, and the same numbers, digit for digit. What is left is
# [rounding](../glossary.md#rounding): the engine adds some sums in another order.

# %% [markdown]
# ## Experiment
#
# ### The certificate
#
# Now the original. With this package comes a recorded run: real Keras, `fit` on these very digits for 12 epochs.
# What Keras left to chance was written down with it: the first weights, and for each epoch the order of the rows.

# %% nbgrader={"grade": false, "grade_id": "09-recorded", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder.recorded import keras_run

run = keras_run()
print(run.made_with)
print("first weights:", [w.shape for w in run.weights])
print("orders:", run.orders.shape, " the first begins with rows", run.orders[0, :5])
print("loss after each batch:", run.steps["loss"].shape)

# %% [markdown]
# To walk the same way, your model gets the same rows at the same time. `Replay` is your `Model` with one change in
# `batches`; it also notes the loss after every batch, as Keras' progress bar does.


# %% nbgrader={"grade": false, "grade_id": "09-replay", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class Replay(Model):
    def batches(self, x, y, batch_size, shuffle, rng):
        order = next(self.orders)
        return super().batches(x[order], y[order], batch_size, False, None)

    def train_step(self, x, y):
        logs = super().train_step(x, y)
        self.losses.append(logs["loss"])
        return logs


# %% nbgrader={"grade": false, "grade_id": "09-start", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def start(kind=Replay, optimizer="adam", orders=run.orders):
    model = kind([Dense(24), ReLU(), Dense(10)])
    model.build(64, np.random.default_rng(0))
    for own, recorded in zip(model.variables(), run.weights, strict=True):
        own[...] = recorded
    model.orders, model.losses = iter(orders), []
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% [markdown]
# 540 steps of yours against 540 of Keras'. Put your name between the quotes if you like; the picture is saved
# beside this notebook.

# %%
your_name = ""

# %% nbgrader={"grade": false, "grade_id": "09-certificate", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder.certificate import certificate

model = start()
history = model.fit(x, y, batch_size=32, epochs=12)
own = {"steps": model.losses, "weights": model.variables()}
certificate("fit", run, history.history, **own, name=your_name)

# %%
gap = np.max(np.abs(np.subtract(history.history["loss"], run.history["loss"])))
reveal("fit.q1_how_near", measured=gap)

# %% [markdown]
# In most of the epochs not one bit is different. 64-bit numbers carry about 16 digits, and a difference of
# $2 \cdot 10^{-16}$ is the last binary digit of a number near 1. Nor does it grow: after 540 steps it is as small as
# after the first.
#
# Frame it. From here on, whoever says that your loop is "nearly" Keras has to be more precise.

# %% [markdown]
# ### Seven loops that all learn
#
# How much would a mistake have cost? Break one thing at a time. First three mistakes inside the loop:


# %% nbgrader={"grade": false, "grade_id": "09-broken", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class EveryBatchAlike(Mean):  # the mean of the batches' means, the short one's among them
    def update(self, values, sample_weight=None):
        super().update(values)


class DividedTwice(SparseCategoricalCrossentropy):  # gradients that are 32 times too small
    def gradient(self, y_true, y_pred):
        return super().gradient(y_true, y_pred) / len(y_true)


class LastBatchDropped(Replay):
    def batches(self, x, y, batch_size, shuffle, rng):
        pairs = super().batches(x, y, batch_size, shuffle, rng)
        return (pair for pair in pairs if len(pair[0]) == batch_size)


# %% [markdown]
# Then PyTorch's epsilon in Adam, $10^{-8}$ for Keras' $10^{-7}$; first weights that were rounded to 32 bits; and a loop
# with no mistake at all, which meets the rows in another order, as every real run does.


# %% nbgrader={"grade": false, "grade_id": "09-broken-models", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
class BatchMeans(Replay):
    METRICS = metrics | {"mean": EveryBatchAlike}


class TwiceDivided(Replay):
    LOSSES = losses | {"sparse_categorical_crossentropy": DividedTwice}


shuffler = np.random.default_rng(12)
other = [shuffler.permutation(len(x)) for _ in range(12)]
rounded = start()
for w in rounded.variables():
    w[...] = w.astype("float32")

# %% nbgrader={"grade": false, "grade_id": "09-broken-runs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
models = {
    "yours": start(),
    "first weights in 32 bits": rounded,
    "epsilon of PyTorch": start(optimizer=Adam(epsilon=1e-8)),
    "mean of batch means": start(BatchMeans),
    "gradient divided by 32": start(TwiceDivided),
    "last batch dropped": start(LastBatchDropped),
    "no mistake, other order": start(orders=other),
}

# %% nbgrader={"grade": false, "grade_id": "09-broken-fit", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
curves, gaps = {}, {}
for name, model in models.items():
    curves[name] = np.array(model.fit(x, y, epochs=12).history["loss"])
    gaps[name] = np.abs(curves[name] - run.history["loss"])

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "09-broken-plot", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt

from minifit.plot import FOURTH, INK, REFERENCE, THIRD, TRAIN, VALIDATION, label_line

colors = (TRAIN, THIRD, FOURTH, "#56B4E9", "#E69F00", VALIDATION, INK)
epochs, floor = np.arange(1, 13), 1e-17
fig, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=(1, 1.25))
axes[0].plot(epochs, run.history["loss"], color=REFERENCE, lw=8, alpha=0.4)
for (name, curve), color in zip(curves.items(), colors, strict=True):
    dashed = (0, (3, 2)) if name.startswith("no mistake") else "-"
    axes[0].plot(epochs, curve, color=color, lw=1.4, ls=dashed)
    axes[1].plot(epochs, np.maximum(gaps[name], floor), color=color, ls=dashed, marker="o", ms=3)
    label_line(axes[1], epochs, np.maximum(gaps[name], floor), name, color)
axes[0].set(xlabel="epoch", ylabel="loss", title="Seven loss curves (Keras' in grey)", ylim=(0, 2.3))
axes[1].set(
    yscale="log",
    xlabel="epoch",
    title="What each differs from Keras by",
    ylim=(floor / 3, 0.2),
)
axes[1].set_yticks(
    [floor, 1e-14, 1e-11, 1e-8, 1e-5, 1e-2],
    ["0", *(f"$10^{{{k}}}$" for k in range(-14, 0, 3))],
)
for ax in axes:
    ax.set_xticks([1, 4, 8, 12])
plt.show()
for name, gap in gaps.items():
    last = curves[name][-1]
    print(f"{name:26} at most {np.max(gap):.0e} from Keras, last loss {last:.4f}")

# %%
reveal("fit.q2_which_shows")

# %% [markdown]
# On the left, seven curves that anybody would call the same. On the right they are fourteen orders of magnitude apart.
#
# The dashed line is the uncomfortable one: a loop **without** a mistake that merely meets the rows in another order
# is as far away as the one that throws rows away. Between two runs that are shuffled differently, each of these
# mistakes would hide. Even gradients 32 times too small: Adam divides by their size.
#
# That is why a certificate needs recorded orders, and why "it learns, and looks like Keras" says so little.

# %% [markdown]
# ### Who remembers what?
#
# Two myths: calling `fit` again starts over; `compile` resets the weights. Twelve epochs in three ways, always with the
# same rows at the same time.


# %% nbgrader={"grade": false, "grade_id": "09-memory", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
def in_two(again=None):
    """Fit 4 epochs, perhaps compile again, fit 8 more."""
    model = start()
    model.fit(x, y, epochs=4)
    if again:
        model.compile(again(model), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return np.array(model.fit(x, y, epochs=8).history["loss"])


# %% nbgrader={"grade": false, "grade_id": "09-memory-runs", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
ways = {
    "fit, fit again": in_two(),
    'fit, compile("adam"), fit': in_two(lambda model: "adam"),
    "fit, compile(the same object), fit": in_two(lambda model: model.optimizer),
}
whole = curves["yours"]
print(f"{'one fit of 12 epochs':36} epoch 4: {whole[3]:.4f}   epoch 5: {whole[4]:.4f}")
for name, after in ways.items():
    gap = np.max(np.abs(after - whole[4:]))
    print(f"{name:36} epoch 4: {whole[3]:.4f}   epoch 5: {after[0]:.4f}   {gap:.0e} apart")

# %%
reveal("fit.q3_compile_again")

# %% [markdown]
# `fit` after `fit` goes on as if nothing had been: weights and Adam's memory live in the model, not in `fit`. `compile`
# leaves the weights alone as well; but a *name* makes a new optimizer, without memory, with its step counter at 0.
# Hand it the old object, and not a bit changes.
#
# To really start over, make a new model.

# %% [markdown]
# ## Explain
#
# What to take along:
#
# - `compile` makes objects of names and keeps them; it never touches weights;
# - a step is forward, loss, backward, update, metrics, in this order;
# - a batch's loss counts with its number of samples;
# - weights and optimizer live on between calls of `fit`; averages are reset each epoch;
# - curves that look alike prove nothing: fix weights and order, then compare digits.

# %% [markdown] nbgrader={"grade": false, "grade_id": "09-explain-question", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
# **Your paragraph** (2 points, graded by a person, 100 to 150 words)
#
# A colleague has written a training loop. "It reaches a loss of 0.365 on the digits, Keras gets 0.358. The curves lie on
# top of each other, and the small rest is the shuffle, so my loop is right."
#
# Explain in your own words why the last sentence does not follow, with two numbers that you measured today; and what
# the colleague should do to find out.
#
# *Rubric, 2 points: half a point each for why the shuffle can hide mistakes; a measured number for that; a mistake
# that would go unnoticed, with its number; what to hold fixed and how small the difference then has to be.*

# %% [markdown] nbgrader={"grade": true, "grade_id": "09-explain", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# It does not follow because the shuffle is as large as the mistakes. When I gave my own loop, which is Keras' to
# $10^{-15}$, another order of the rows, its loss moved by up to 0.01. A loop that drops the last batch of each
# epoch was off by 0.02, and one whose gradients were 32 times too small by only 0.001: Adam divides by their size. All of
# these curves lie on top of each other. So a difference of 0.007 may be the shuffle, or a bug that hides behind it. To
# find out, take chance away: start from Keras' first weights, give both loops the same rows in the same order, compute in
# 64 bits, and compare the loss after every step. If the loop is right, the difference stays near $10^{-15}$. If it is
# larger, the first step at which it shows says where to look.
#
# ---
#
# **Rubric**
#
# | points | for |
# |---|---|
# | 0.5 | why: another order alone moves the loss as much as real mistakes do, so it can hide them |
# | 0.5 | a measured number for the order: about 0.01 |
# | 0.5 | a mistake that hides, with its number: last batch dropped 0.02, gradient divided by 32 0.001, mean of means 0.0004, epsilon 0.0001 |
# | 0.5 | the test: same first weights and same order (64 bits), then a difference near 1e-15, compared step by step |
#
# **Fair (1 of 2).** "The difference could also be a bug, for example the last batch may be missing, which changes the loss by
# about 0.02. He should use the same seed for both and compare again." *Right idea, one number. A same seed is not the
# same order in two programs, and nothing is said of how near is near.*
#
# **Weak (0 to 0.5 of 2).** "He should train longer until both have the same loss, 0.358. A difference of 0.007 is
# under 2 %, which is fine for a neural network." *Takes a good result for a right program.*

# %% [markdown]
# ### Stretch, if you like: a layer that nobody foresaw
#
# Your engine trains anything that has a `forward` and a `backward`. Write `Tanh`: forward is `np.tanh(x)`, and its
# slope is $1 - \tanh^2 x$. Put it in the place of `ReLU` and train 5 epochs without shuffling, beside the reference
# engine with `activation="tanh"`, as in *Swap in* (64-bit numbers again, and back to 32 afterwards).
#
# Numbers to expect: from the weights of seed 6 and with Adam, a last loss near 1.092, and a difference near
# $10^{-15}$.

# %%


# %% [markdown]
# ## What you built
#
# Your model against Keras' recorded run, in 64 bits.

# %% nbgrader={"grade": false, "grade_id": "09-table", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
from autograder.certificate import differences

largest = {row.what: row.gap for row in differences(run, history.history, **own)}
rows = [
    ("fit.resolve", "keras.optimizers.get, losses.get, metrics.get", "–"),
    ("fit.compile", "Model.compile", "–"),
    ("fit.train_step", "Model.train_step, 540 of them", largest["weights in the end"]),
    ("fit.fit", "Model.fit, loss of 12 epochs", largest["loss, 12 epochs"]),
]
built_table(rows)
