"""Kernels written by hand: what looks at whole rows, and so is no elementwise call.

A softmax with its cross-entropy is a maximum, a sum and a mean with a dozen elementwise calls between them, and as many
on the way back. Here it is one kernel: the threads of a row agree on its maximum and its sum through shared memory, and
the last block to finish adds the rows' losses up, always in the same order, so that a seed gives the same run twice.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import backend
from .ops.crossentropy import softmax_crossentropy, softmax_crossentropy_sparse
from .ops.linear import dense
from .ops.nn import softmax
from .ops.normalization import moments_of
from .ops.op import constant
from .ops.reductions import mean
from .scheduling import Note, arrays_in, is_array

_THREADS = 128  # of a block
_MOST_ROWS = 1 << 15  # whose losses the last block may add up
_MOST_BYTES = 1 << 21  # that one block may read of its columns: with more, many blocks are quicker than few launches
_TYPES = {"f": "float", "d": "double"}
_WHOLE = {
    "b": "signed char", "B": "unsigned char", "h": "short", "H": "unsigned short", "i": "int", "I": "unsigned int",
    "l": "long long", "q": "long long", "L": "unsigned long long", "Q": "unsigned long long",
}  # fmt: skip

_TOGETHER = r"""
// What the WIDTH threads of a row have, added up or its largest; NaN if one is. Every thread of the block has to call.
__device__ inline T together(T* work, T x, bool largest, int width) {
    const int lane = threadIdx.x;
    work[lane] = x;
    __syncthreads();
    for (int half = width / 2; half; half /= 2) {
        if (lane < half) {
            const T a = work[lane], b = work[lane + half];
            work[lane] = !largest ? a + b : a >= b || a != a ? a : b;
        }
        __syncthreads();
    }
    x = work[0];
    __syncthreads();
    return x;
}
"""

_ROW_MOMENTS = r"""
extern "C" __global__ void row_moments(const T* x, T* mean, T* variance, long long rows, long long columns) {
    __shared__ T shared[HEIGHT * WIDTH];
    T* work = shared + threadIdx.y * WIDTH;
    const int lane = threadIdx.x;
    const long long row = (long long)blockIdx.x * HEIGHT + threadIdx.y, start = row * columns;
    const long long end = row < rows ? columns : 0;
    T sum = 0, squares = 0;
    for (long long c = lane; c < end; c += WIDTH) sum += x[start + c];
    const T middle = together(work, sum, false, WIDTH) / (T)columns;
    for (long long c = lane; c < end; c += WIDTH) {
        const T off = x[start + c] - middle;
        squares += off * off;
    }
    squares = together(work, squares, false, WIDTH);
    if (end && lane == 0) {
        mean[row] = middle;
        variance[row] = squares / (T)columns;
    }
}
"""

_COLUMN_MOMENTS = r"""
__device__ inline T down(T* work, T x) {  // what the threads of a column have, added up
    const int place = threadIdx.y * WIDTH + threadIdx.x;
    work[place] = x;
    __syncthreads();
    for (int half = HEIGHT / 2; half; half /= 2) {
        if (threadIdx.y < half) work[place] += work[place + half * WIDTH];
        __syncthreads();
    }
    x = work[threadIdx.x];
    __syncthreads();
    return x;
}

extern "C" __global__ void column_moments(PARAMETERS) {
    __shared__ T work[HEIGHT * WIDTH];
    const long long column = (long long)blockIdx.x * WIDTH + threadIdx.x;
    const long long end = column < columns ? rows : 0;
    T sum = 0, squares = 0;
    for (long long r = threadIdx.y; r < end; r += HEIGHT) sum += x[r * columns + column];
    const T middle = down(work, sum) / (T)rows;
    for (long long r = threadIdx.y; r < end; r += HEIGHT) {
        const T off = x[r * columns + column] - middle;
        squares += off * off;
    }
    squares = down(work, squares) / (T)rows;
    if (!end || threadIdx.y) return;
    mean[column] = middle;
    variance[column] = squares;
#if MOVING
    new_mean[column] = old_mean[column] * (T)momentum + middle * (T)(1 - momentum);
    new_variance[column] = old_variance[column] * (T)momentum + squares * (T)(1 - momentum);
#endif
}
"""

_CROSSENTROPY = r"""
extern "C" __global__ void crossentropy(PARAMETERS) {
    __shared__ T shared[HEIGHT * WIDTH];
    T* work = shared + threadIdx.y * WIDTH;
    const int lane = threadIdx.x;
    const long long row = (long long)blockIdx.x * HEIGHT + threadIdx.y, start = row * columns;
    const bool live = row < rows;
    const T low = (T)epsilon, high = (T)1 - low;
    const long long end = live ? columns : 0;
#if FORWARD
    T top = -(T)(1e300 * 1e300), total = 0;
    for (long long c = lane; c < end; c += WIDTH) {
        const T z = SCORE(c);
        top = top >= z || top != top ? top : z;
    }
    top = together(work, top, true, WIDTH);
    for (long long c = lane; c < end; c += WIDTH) total += p[start + c] = exp(SCORE(c) - top);
    total = together(work, total, false, WIDTH);
    for (long long c = lane; c < end; c += WIDTH) p[start + c] /= total;
    __syncthreads();  // a label's share may be another thread's
#endif
#if SPARSE
    const long long label = live ? (long long)targets[row] : 0;
    const bool known = label >= 0 && label < columns;
    const T nothing = (T)(1e300 * 1e300 - 1e300 * 1e300), chosen = !live ? 1 : known ? p[start + label] : nothing;
    const T all = !CLIPPED || (chosen >= low && chosen <= high) ? 1 : 0;
#if FORWARD
    if (live && lane == 0) {
        const T bounded = chosen < low ? low : chosen > high ? high : chosen;
        losses[row] = -(CLIPPED ? log(bounded) : known ? SCORE(label) - top - log(total) : nothing);
    }
#endif
#else
    T all = 0;
#if FORWARD
    T value = 0;
    for (long long c = lane; c < end; c += WIDTH) {
        const T q = p[start + c], bounded = q < low ? low : q > high ? high : q;
        value += targets[start + c] * (CLIPPED ? log(bounded) : SCORE(c) - top - log(total));
    }
    value = together(work, value, false, WIDTH);
    if (live && lane == 0) losses[row] = -value;
#endif
    for (long long c = lane; c < end; c += WIDTH) all += COUNTED(c);
    all = together(work, all, false, WIDTH);
#endif
#if BACKWARD
    const T slope = !live ? 0 : MEAN ? slopes[0] / (T)rows : slopes[row];
    for (long long c = lane; c < end; c += WIDTH) {
#if SPARSE
        gradient[start + c] = (p[start + c] - (T)(c == label)) * (slope * all);
#else
        gradient[start + c] = (p[start + c] * all - COUNTED(c)) * slope;
#endif
    }
#endif
#if MEAN && FORWARD
    __shared__ bool is_last;
    __threadfence();
    __syncthreads();
    const int thread = threadIdx.y * WIDTH + lane;
    if (thread == 0) is_last = atomicAdd(arrived, 1u) == gridDim.x - 1;
    __syncthreads();
    if (!is_last) return;
    T sum = 0;
    for (long long r = thread; r < rows; r += HEIGHT * WIDTH) sum += ((volatile T*)losses)[r];
    shared[thread] = sum;
    __syncthreads();
    for (int half = HEIGHT * WIDTH / 2; half; half /= 2) {
        if (thread < half) shared[thread] += shared[thread + half];
        __syncthreads();
    }
    if (thread == 0) {
        loss[0] = shared[0] / (T)rows;
        *arrived = 0;
    }
#endif
}
"""


class Launch:
    """A kernel with the grid and the numbers that it is launched with; called with arrays alone.

    Parameters
    ----------
    kernel : RawKernel
    grid : int
    block : tuple of int
    numbers : tuple
        What the kernel takes after the arrays.
    n_written : int
        How many of the arrays, the last ones, are written.
    loose : tuple of int
        Which of the arrays need not be in one piece, which takes longer to ask than anything else here.
    """

    def __init__(
        self, kernel: Any, grid: int, block: tuple[int, int], numbers: tuple[Any, ...], n_written: int,
        loose: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        self._kernel, self._grid, self._block, self._numbers = kernel, (grid,), block, numbers
        self.n_written, self._loose = n_written, loose
        self.__name__ = kernel.name

    def __call__(self, *arrays: Any) -> None:
        for place in self._loose:
            if not arrays[place].flags.c_contiguous:
                arrays = (*arrays[:place], arrays[place].copy(), *arrays[place + 1 :])
        self._kernel(self._grid, self._block, (*arrays, *self._numbers))


@functools.cache
def _raw(module: Any, code: str, name: str) -> Any:
    return module.RawKernel(code, name, options=("--fmad=false",))


def _room(array: Any, leaves: bool = False) -> Note:
    """Return a note that makes an array to write into: a new one at every step if it leaves the step."""
    if leaves:
        return "empty", backend.xp().empty, (array.shape, array.dtype), {}, array
    return "constant", constant, (), {}, array


# --------------------------------------------------------------------------- softmax and cross-entropy


class _Crossentropy(NamedTuple):
    """The notes of one loss, by their places."""

    forward: int
    backward: int
    softmax: int | None
    mean: int | None  # where the mean over the samples is a note of its own, and then
    mean_back: int | None


def replaced(notes: list[Note], kept: Collection[int]) -> list[Note]:
    """Return a step's notes, of ops, with single kernels in the place of those that have one.

    Parameters
    ----------
    notes : list of Note
    kept : collection of int
        The ids of the arrays that are read after the last note.
    """
    module = backend.xp()
    if module is np or not hasattr(module, "RawKernel"):
        return notes
    notes = _with_moments(notes, module)
    found = next(_losses(notes), None)
    return notes if found is None else _with_kernel(notes, found, kept)


def _losses(notes: Sequence[Note]) -> Iterator[_Crossentropy]:
    for place, (_, function, args, options, result) in enumerate(notes):
        sparse = function is softmax_crossentropy_sparse.forward
        if not sparse and function is not softmax_crossentropy.forward:
            continue
        back = (softmax_crossentropy_sparse if sparse else softmax_crossentropy).vjp
        logits, p = args[:2]
        backward = [
            i for i, n in enumerate(notes) if n[1] is back and n[2][2] is result and list(n[2][0]) == [True, False]
        ]
        first = _maker(notes, p) if p is not None else None
        if len(backward) != 1 or len(args) != 2 or not _fits(logits, p, options, sparse):
            continue
        if p is not None and (
            first is None
            or notes[first][1] is not softmax.forward
            or notes[first][2][0] is not logits
            or notes[first][3].get("axis", -1) not in (-1, logits.ndim - 1)
            or any(i < place for i in _users(notes, p) if i != first)
        ):
            continue
        yield _Crossentropy(place, backward[0], first, *_mean_of(notes, result, backward[0]))


def _fits(logits: Any, p: Any, options: dict[str, Any], sparse: bool) -> bool:
    targets: Any = options.get("labels" if sparse else "targets")
    if not (is_array(logits) and is_array(targets)) or logits.dtype.char not in _TYPES or not logits.size:
        return False
    if p is not None and p.dtype != logits.dtype:
        return False
    if sparse:
        return targets.dtype.char in _WHOLE and targets.shape == logits.shape[:-1]
    return targets.dtype == logits.dtype and targets.shape == logits.shape


def _maker(notes: Sequence[Note], array: Any) -> int | None:
    return next((i for i, n in enumerate(notes) if any(x is array for x in arrays_in(n[4]))), None)


def _users(notes: Sequence[Note], array: Any) -> list[int]:
    return [i for i, n in enumerate(notes) if any(x is array for x in arrays_in((n[2], n[3])))]


def _mean_of(notes: Sequence[Note], losses: Any, backward: int) -> tuple[int | None, int | None]:
    """Return the places of the mean of the losses and of the way back through it, if nothing else uses these."""
    users = _users(notes, losses)
    if len(users) != 3 or users[-1] != backward:
        return None, None
    (_, function, args, options, _), (_, back, given, _, slopes) = notes[users[0]], notes[users[1]]
    is_mean = function is mean.forward and len(args) == 1 and options.get("axis") is None
    (slope,) = slopes if type(slopes) in (tuple, list) and len(slopes) == 1 else (None,)
    if not is_mean or options.get("keepdims") or back is not mean.vjp or _users(notes, slope) != [backward]:
        return None, None
    return (users[0], users[1]) if notes[backward][2][1] is slope and given[3] is losses else (None, None)


def _with_kernel(notes: list[Note], found: _Crossentropy, kept: Collection[int]) -> list[Note]:
    _, function, (logits, p), options, losses = notes[found.forward]
    sparse = function is softmax_crossentropy_sparse.forward
    targets = options["labels" if sparse else "targets"]
    (gradient, _), slope = notes[found.backward][4], notes[found.backward][2][1]
    loss, ends_in_mean = losses, bool(options.get("mean"))
    if found.mean is not None and found.mean_back is not None:
        if _is_constant(notes, notes[found.mean_back][2][1]):
            slope, loss, ends_in_mean = notes[found.mean_back][2][1], notes[found.mean][4], True
        else:
            found = found._replace(mean=None, mean_back=None)
    at_once = ends_in_mean and _is_constant(notes, slope) and logits.size // logits.shape[-1] <= _MOST_ROWS
    if ends_in_mean and not at_once:
        return notes
    scores, bias, notes = _without_bias(notes, found, kept)
    module = backend.xp()
    clipped = p is not None
    shares = p if clipped else module.empty(logits.shape, logits.dtype)
    labels_place = 1 if bias is None else 2
    build = functools.partial(
        _crossentropy, module, logits.shape, logits.dtype.char, targets.dtype.char, clipped, sparse, at_once
    )
    dropped = {found.forward, found.softmax, found.backward, found.mean, found.mean_back}
    forward: list[Note] = [_room(shares, leaves=clipped), _room(gradient)]
    arrays = [scores, *([] if bias is None else [bias]), targets]
    if at_once:
        each = module.empty(logits.shape[:-1], logits.dtype)
        arrived = module.zeros((), "uint32")
        forward += [_room(slope), _room(each), _room(loss, leaves=True), _room(arrived)]
        outs: tuple[Any, ...] = (shares, each, loss, gradient, arrived)
        launch = build(bias is not None, True, True, (0, labels_place))
        forward.append(("softmax_crossentropy", launch, (*arrays, slope, *outs), {}, outs))
        back: list[Note] = []
    else:
        forward.append(_room(losses, leaves=True))
        outs = shares, losses
        launch = build(bias is not None, True, False, (0, labels_place))
        forward.append(("softmax_crossentropy", launch, (*arrays, *outs), {}, outs))
        launch = build(False, False, True, (0, 1))
        back = [("softmax_crossentropy_vjp", launch, (targets, slope, shares, gradient), {}, (gradient,))]
    found_notes: list[Note] = []
    for place, note in enumerate(notes):
        found_notes += forward if place == found.forward else back if place == found.backward else []
        if place not in dropped:
            found_notes.append(note)
    return found_notes


def _is_constant(notes: Sequence[Note], array: Any) -> bool:
    made = _maker(notes, array)
    return made is not None and notes[made][0] == "constant" and not notes[made][2]


def _without_bias(notes: list[Note], found: _Crossentropy, kept: Collection[int]) -> tuple[Any, Any, list[Note]]:
    """Return scores, a bias to be added to them or None, and notes in which a layer's product stops at these scores.

    If nobody else reads the logits, the kernel can add the bias.
    """
    logits = notes[found.forward][2][0]
    maker = _maker(notes, logits)
    if maker is None or notes[maker][1] is not dense.forward or id(logits) in kept:
        return logits, None, notes
    _, _, (x, kernel, bias, *rest), options, _ = notes[maker]
    own = {found.forward, found.softmax, found.backward}
    others = [i for i in _users(notes, logits) if i not in own]
    if bias is None or rest or options.get("relu") or x.ndim != 2 or bias.dtype != logits.dtype:
        return logits, None, notes
    if any(notes[i][1] is not dense.vjp or notes[i][2][2] is not logits for i in others):
        return logits, None, notes
    scores = backend.xp().empty(logits.shape, logits.dtype)
    changed = list(notes)
    changed[maker] = ("dot", np.dot, (x, kernel), {}, scores)
    for i in others:  # without relu the way back does not look at the layer's output
        name, function, args, options, result = notes[i]
        changed[i] = (name, function, (*args[:2], scores, *args[3:]), options, result)
    return scores, bias, changed


def _crossentropy(
    module: Any, shape: tuple[int, ...], kind: str, label: str, clipped: bool, sparse: bool, is_mean: bool,
    bias: bool, forward: bool, backward: bool, loose: tuple[int, ...],
) -> Launch:  # fmt: skip
    columns = shape[-1]
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    width, height = _block(columns)
    parameters = [
        "const T* scores" if forward else "",
        "const T* biases" if bias else "",
        f"const {_WHOLE[label] if sparse else 'T'}* targets",
        "const T* slopes" if backward else "",
        "T* p",
        "T* losses" if forward else "",
        "T* loss" if forward and is_mean else "",
        "T* gradient" if backward else "",
        "unsigned* arrived" if forward and is_mean else "",
        "long long rows, long long columns, double epsilon",
    ]
    flags = {"FORWARD": forward, "BACKWARD": backward, "SPARSE": sparse, "CLIPPED": clipped, "MEAN": is_mean}
    defines = [f"#define {name} {int(value)}" for name, value in flags.items()]
    defines += [f"#define WIDTH {width}", f"#define HEIGHT {height}", f"typedef {_TYPES[kind]} T;"]
    defines.append(f"#define SCORE(c) (scores[start + (c)]{' + biases[c]' if bias else ''})")
    share = "(p[start + (c)] >= low && p[start + (c)] <= high ? targets[start + (c)] : (T)0)"
    defines.append(f"#define COUNTED(c) {share if clipped else '(targets[start + (c)])'}")
    code = _CROSSENTROPY.replace("PARAMETERS", ", ".join(filter(None, parameters)))
    kernel = _raw(module, "\n".join([*defines, _TOGETHER, code]), "crossentropy")
    n_written = (5 if is_mean else 2) if forward else 1
    return Launch(kernel, -(-rows // height), (width, height), (rows, columns, backend.epsilon()), n_written, loose)


# --------------------------------------------------------------------------- mean and variance


class _Moving(Launch):
    """The mean and variance of columns, and with them a layer's moving ones."""

    def __init__(self, layer: Any, *given: Any) -> None:
        super().__init__(*given)
        self._layer = layer

    def __call__(self, *arrays: Any) -> None:
        x, mean, variance = arrays
        moving = self._layer.moving_mean, self._layer.moving_variance
        old = [variable.value for variable in moving]
        new = [backend.xp().empty_like(value) for value in old]  # a tape may still need the old ones
        momentum = float(self._layer.momentum)
        x = x if x.flags.c_contiguous else x.copy()
        self._kernel(self._grid, self._block, (x, *old, mean, variance, *new, *self._numbers, momentum))
        for variable, value in zip(moving, new, strict=True):
            variable.value = value


def _with_moments(notes: list[Note], module: Any) -> list[Note]:
    """Return notes with a kernel in the place of each mean and variance, and of what keeps a layer's moving ones."""
    found: list[Note] = []
    moved: set[int] = set()
    for place, note in enumerate(notes):
        _, function, args, options, result = note
        if place in moved:
            continue
        if function is not moments_of or options or (len(args) > 2 and args[2] is not None):
            found.append(note)
            continue
        launch, move = None, _move_of(notes, result)
        if move is not None:
            launch = _column_moments(module, args[0], args[1], getattr(notes[move][1], "__self__", None))
        if launch is not None and move is not None:
            moved.add(move)
        else:
            launch = _moments(module, args[0], args[1])
        if launch is None:
            found.append(note)
        else:
            outs = result[:2]
            found += [*map(_room, outs), ("moments", launch, (args[0], *outs), {}, outs)]
    return found


def _move_of(notes: Sequence[Note], result: Any) -> int | None:
    """Return the place of what moves a layer's mean and variance towards these."""
    for place, (_, function, args, options, _) in enumerate(notes):
        ours = len(args) == 2 and args[0] is result[0] and args[1] is result[1]
        if ours and not options and getattr(function, "__name__", "") == "_move_both":
            return place
    return None


def _moments(module: Any, x: Any, axes: tuple[int, ...]) -> Launch | None:
    if not is_array(x) or x.dtype.char not in _TYPES or not x.size:
        return None
    if axes == (x.ndim - 1,):
        columns = x.shape[-1]
        width, height = _block(columns)
        code = "\n".join([*_sizes(x, width, height), _TOGETHER, _ROW_MOMENTS])
        grid = -(-(x.size // columns) // height)
        return Launch(_raw(module, code, "row_moments"), grid, (width, height), (x.size // columns, columns), 2, (0,))
    return _column_moments(module, x, axes, None)


def _column_moments(module: Any, x: Any, axes: tuple[int, ...], layer: Any) -> Launch | None:
    if not is_array(x) or x.dtype.char not in _TYPES or not x.size or axes != tuple(range(x.ndim - 1)):
        return None
    columns, rows = x.shape[-1], x.size // x.shape[-1]
    width = 1 << min(max(columns - 1, 0).bit_length(), 5)
    if rows * width * x.itemsize > _MOST_BYTES:
        return None
    moving = [] if layer is None else [layer.moving_mean.value, layer.moving_variance.value]
    if any(not is_array(value) or value.dtype != x.dtype for value in moving):
        return None
    height = 4 * _THREADS // width
    old, new, momentum = ("", "", "") if layer is None else (
        "const T* old_mean, const T* old_variance, ", "T* new_mean, T* new_variance, ", ", double momentum"
    )  # fmt: skip
    parameters = f"const T* x, {old}T* mean, T* variance, {new}long long rows, long long columns{momentum}"
    defines = [*_sizes(x, width, height), f"#define MOVING {int(layer is not None)}"]
    code = "\n".join([*defines, _COLUMN_MOMENTS.replace("PARAMETERS", parameters)])
    given = _raw(module, code, "column_moments"), -(-columns // width), (width, height), (rows, columns), 2, (0,)
    return Launch(*given) if layer is None else _Moving(layer, *given)


def _block(columns: int) -> tuple[int, int]:
    """Return how many threads a row has, and how many rows a block has."""
    width = 1 << min(max(columns - 1, 0).bit_length(), 7)
    return width, _THREADS // width


def _sizes(x: Any, width: int, height: int) -> list[str]:
    return [f"#define WIDTH {width}", f"#define HEIGHT {height}", f"typedef {_TYPES[x.dtype.char]} T;"]
