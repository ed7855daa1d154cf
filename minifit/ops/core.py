"""Arrays from nothing, from elsewhere and to elsewhere; loops as Keras spells them."""

from __future__ import annotations

import numpy as np

from .. import tree
from ..backend import asarray, floatx, to_numpy, xp
from .elementwise import astype, where
from .op import Traced, array, as_index, placed, unwrap
from .shaping import add_at, stack


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """Return x as an array, or the Tensor that it is already; Python's floats take the float type in force."""
    if isinstance(x, (list, tuple)) and any(isinstance(part, Traced) for part in x):
        x = stack([convert_to_tensor(part) for part in x])
    x = array(x if isinstance(x, (Traced, list, tuple, int, float)) else asarray(x))
    return x if dtype is None else cast(x, dtype)


def convert_to_numpy(x):
    """Return a copy of x on the host."""
    return np.array(to_numpy(x))


def is_tensor(x):
    """Tell whether x is an array of the module in use, or a Tensor."""
    return isinstance(x, (Traced, xp().ndarray))


def cast(x, dtype):
    """Return x in another dtype."""
    return astype(convert_to_tensor(x), dtype=np.dtype(dtype))


def dtype(x):
    """Return the name of x's type, such as ``"float32"``."""
    return str(array(x).dtype)


def copy(x):
    """Return x as an array of its own."""
    return convert_to_tensor(x) + 0


def stop_gradient(variable):
    """Return the same values as a constant: no gradient flows through it."""
    return variable.constant() if isinstance(variable, Traced) else variable


# --------------------------------------------------------------------------- made


def zeros(shape, dtype=None):
    """Return zeros, in the float type in force unless another is asked for."""
    return xp().zeros(shape, dtype=dtype or floatx())


def ones(shape, dtype=None):
    """Return ones."""
    return xp().ones(shape, dtype=dtype or floatx())


def full(shape, fill_value, dtype=None):
    """Return an array of one number."""
    return xp().full(shape, unwrap(placed(fill_value)), dtype=dtype or floatx())


def empty(shape, dtype=None):
    """Return an array in which nothing is set yet."""
    return xp().empty(shape, dtype=dtype or floatx())


def zeros_like(x, dtype=None):
    """Return zeros of x's shape, and of its dtype unless another is asked for."""
    return np.zeros_like(unwrap(array(x)), dtype=dtype)


def ones_like(x, dtype=None):
    """Return ones of x's shape."""
    return np.ones_like(unwrap(array(x)), dtype=dtype)


def full_like(x, fill_value, dtype=None):
    """Return an array of one number, of x's shape."""
    return np.full_like(unwrap(placed(x)), unwrap(placed(fill_value)), dtype=dtype)


def empty_like(x, dtype=None):
    """Return an array of x's shape in which nothing is set yet."""
    return np.empty_like(unwrap(array(x)), dtype=dtype)


def arange(start, stop=None, step=None, dtype=None):
    """Return the numbers from `start` up to, but not including, `stop`; of one argument, those from 0 up to it."""
    start, stop, step = (x if x is None else _at_home(x) for x in (start, stop, step))
    limits = (0, start) if stop is None else (start, stop)
    made = np.arange(*limits, 1 if step is None else step, dtype=dtype)
    return asarray(made if dtype or made.dtype.kind != "f" else made.astype(floatx(), copy=False))


def _at_home(x):
    """Return a number, or an array, where its digits can be read: how many there will be depends on them."""
    x = np.asarray(to_numpy(x))
    return x.astype(floatx()) if x.dtype == np.float64 else x


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Return `num` numbers at equal distances, `stop` the last of them; with `retstep` also the distance."""
    start, stop = _at_home(start), _at_home(stop)
    made, step = np.linspace(start, stop, num, endpoint=endpoint, retstep=True, axis=axis)
    kind = dtype or (floatx() if np.result_type(start, stop).kind != "f" else np.result_type(start, stop))
    made = asarray(made.astype(kind))
    return (made, asarray(step) if np.ndim(step) else step) if retstep else made


def eye(N, M=None, k=0, dtype=None):
    """Return a matrix of zeros with ones on a diagonal."""
    return xp().eye(N, M, k, dtype=dtype or floatx())


def identity(n, dtype=None):
    """Return a square matrix of zeros with ones on the diagonal."""
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None):
    """Return a matrix with ones on and below a diagonal and zeros above it."""
    return xp().tri(N, M, k, dtype=dtype or floatx())


def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """Return the sums of the rows that bear the same number."""
    data, ids = placed(data), as_index(segment_ids)
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ValueError(
            "Argument `segment_ids` should be an 1-D vector, with a number for every row of `data`; got shapes "
            f"{ids.shape} and {data.shape}."
        )
    count = int(ids.max()) + 1 if num_segments is None else num_segments
    kept = (ids >= 0) & (ids < count)
    kept_rows = np.reshape(kept, (-1,) + (1,) * (data.ndim - 1))
    rows = where(kept_rows, data, 0)  # a mask as an index would wait for a device
    return add_at(rows, index=np.where(kept, ids, 0), shape=(count, *data.shape[1:]))


# --------------------------------------------------------------------------- loops: Python's own


def cond(pred, true_fn, false_fn):
    """Return what one of two functions returns."""
    return true_fn() if pred else false_fn()


def switch(index, branches, *operands):
    """Return what the function at `index`, held within the list, makes of the operands."""
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Return the variables after ``body`` was applied to them for as long as ``cond`` holds."""
    many = isinstance(loop_vars, (list, tuple))
    state = tuple(loop_vars) if many else (loop_vars,)
    rounds = 0
    while cond(*state) and (maximum_iterations is None or rounds < maximum_iterations):
        new = body(*state)
        state = tuple(new) if isinstance(new, (list, tuple)) else (new,)
        rounds += 1
    return state if many else state[0]


def fori_loop(lower, upper, body_fun, init_val):
    """Return the value after ``value = body_fun(i, value)`` for every i from `lower` up to `upper`."""
    for i in range(int(lower), int(upper)):
        init_val = body_fun(i, init_val)
    return init_val


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """Carry a value along the rows of xs: ``carry, y = f(carry, x)``; return the last carry and the y as one array."""
    if not callable(f):
        raise TypeError(f"scan(f, ...): `f` should be a callable. Received: f={f!r}")
    if xs is None and length is None:
        raise ValueError("scan(f, init, xs, length) needs `xs` to scan over and, where that is None, `length`.")
    steps = range(length if xs is None else len(tree.flatten(xs)[0]))
    found = []
    for i in reversed(steps) if reverse else steps:
        init, y = f(init, None if xs is None else _row(xs, i))
        found.append(y)
    return init, _stacked(found[::-1] if reverse else found)


def map(f, xs):
    """Return what f makes of every row, as one array."""
    return _stacked([f(_row(xs, i)) for i in range(len(tree.flatten(xs)[0]))])


def vectorized_map(function, elements):
    """Return what the function makes of every row, as one array; here a loop: whole arrays are quicker."""
    return map(function, elements)


def _row(xs, i):
    return tree.map_structure(lambda x: x[i], xs)


def _stacked(rows):
    return tree.map_structure(lambda *each: None if each[0] is None else stack(each), *rows) if rows else None
