"""In which order the calls of a recorded step may go, and which of them can share one kernel.

A call has to come after those that made or overwrote what it reads, and before those that overwrite it. Beyond that the
order is free, and is chosen so that elementwise calls on arrays of one shape come together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

Note = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]


class Line(Protocol):
    """An elementwise call: what it reads, arrays and numbers, and the array that it makes or overwrites."""

    @property
    def inputs(self) -> tuple[Any, ...]: ...
    @property
    def result(self) -> Any: ...
    @property
    def overwrites(self) -> bool: ...  # whether the array is one that was there
    @property
    def counts(self) -> bool: ...  # whether it depends on the number of the element


_FRESH_NAMES = (
    "dot matmul tensordot einsum vdot inner outer sum mean prod max min amax amin any all argmax argmin argsort sort "
    "take take_along_axis concatenate stack zeros ones full empty zeros_like ones_like full_like empty_like arange "
    "cumsum cumprod pad repeat tile where clip var std count_nonzero norm copy array "
    "conv conv_inputs conv_kernel max_pool by_maxima by_sums rows_of"
)
_FRESH = frozenset(_FRESH_NAMES.split())  # their result is an array of its own; they write nowhere but in `out`
_VIEW_NAMES = (
    "getitem reshape ravel transpose swapaxes moveaxis squeeze expand_dims broadcast_to astype asarray rollaxis "
    "diagonal flip ascontiguousarray atleast_1d atleast_2d split"
)
_VIEWS = frozenset(_VIEW_NAMES.split())  # their result may share memory with what they are given
_OUTSIDE, _ORDER = -1, -2  # stand for all memory that was there before the step, and for the order of side effects


def is_array(x: Any) -> bool:
    """Tell whether something is an array of a device."""
    return hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, (np.ndarray, np.generic))


def arrays_in(value: Any) -> Iterator[Any]:
    """Yield the arrays, wherever they live, in nested tuples, lists and dicts."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        yield value
    elif type(value) in (tuple, list):
        for part in value:
            yield from arrays_in(part)
    elif type(value) is dict:
        yield from arrays_in(list(value.values()))


class Unit:
    """A note, and what it reads and writes.

    Attributes
    ----------
    line : Line or None
        The note as a line of a kernel, where it can be one.
    read, written, results : list of arrays
    shares : bool
        Whether what comes out may share memory with what went in.
    opaque : bool
        Whether it may do more than its arguments show.
    """

    def __init__(self, note: Note, line: Any) -> None:
        self.note, self.line = note, line
        name, function, args, options, result = note
        label = getattr(function, "__name__", name)
        self.opaque = self.shares = False
        self.results = list(arrays_in(result))
        self.read = list(arrays_in((args, options)))
        self.written = list(arrays_in(options.get("out")))
        if line is not None:
            self.read, self.results = list(arrays_in(line.inputs)), [line.result]
            self.written = self.results if line.overwrites else []
        elif hasattr(function, "n_written"):
            self.written = self.read[len(self.read) - function.n_written :]
        elif isinstance(function, np.ufunc) or label in _FRESH or name in ("empty", "mask"):
            pass
        elif label in _VIEWS or name == "constant":
            self.shares = label != "getitem" or len(self.read) == 1  # by an array of indices, elements are copied
        elif label in ("setitem", "add_rows"):
            self.written = self.read[:1]
        else:
            self.opaque = self.shares = True
            self.written = self.read

    @property
    def touched(self) -> list[Any]:
        return [*self.read, *self.written, *self.results]


class Memory:
    """Which arrays may share memory, and which memory was there before the notes."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._parents: dict[int, int] = {}
        made: set[int] = set()
        found: set[int] = set()
        for unit in units:
            found |= {id(x) for x in [*unit.read, *unit.written]} - made
            made |= {id(x) for x in unit.results} - found
            if unit.opaque and unit.results:
                self._join([*unit.read, *unit.results])
            elif unit.shares:
                self._join([*unit.read[:1], *unit.results])
        self.outside = set(map(self.root, found))

    def root(self, key: int) -> int:
        """Return what stands for the memory of an array, by the array's id."""
        while (above := self._parents.get(key, key)) != key:
            key = above
        return key

    def roots(self, arrays: Sequence[Any]) -> set[int]:
        return {self.root(id(x)) for x in arrays}

    def _join(self, arrays: Sequence[Any]) -> None:
        for x in arrays[1:]:
            self._parents[self.root(id(x))] = self.root(id(arrays[0]))

    def effects(self, unit: Unit) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
        """Return what a note reads and what it writes: by roots, the ids by which it does."""
        reads: dict[int, set[int]] = {}
        writes: dict[int, set[int]] = {}
        view = unit.shares and not unit.opaque  # it writes nothing, but belongs after what it is a view of
        for x in [*unit.read, *(unit.results if view else ())]:
            reads.setdefault(self.root(id(x)), set()).add(id(x))
        for x in [*unit.written, *(() if view else unit.results)]:
            writes.setdefault(self.root(id(x)), set()).add(id(x))
        if unit.opaque:
            writes[_ORDER] = {_ORDER}
            if unit.read:
                writes[_OUTSIDE] = {_OUTSIDE}
        if not self.outside.isdisjoint([*reads, *writes]):
            reads[_OUTSIDE] = {_OUTSIDE}
        return reads, writes


class _Before(NamedTuple):
    """What a note has to come after: always, and unless both are in one kernel."""

    hard: set[int]
    soft: set[int]


def _dependencies(units: Sequence[Unit], memory: Memory) -> list[_Before]:
    last_write: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    effects = [memory.effects(unit) for unit in units]
    found = []
    for j, (reads, writes) in enumerate(effects):
        before = _Before(set(), set())
        for root in reads.keys() | writes.keys():
            others = [last_write[root]] if root in last_write else []
            others += readers.get(root, []) if root in writes else []
            for i in others:
                ids = {key for k in (i, j) for which in effects[k] for key in which.get(root, ())}
                in_registers = units[i].line is not None and units[j].line is not None and len(ids) == 1 and root >= 0
                (before.soft if in_registers else before.hard).add(i)
        for root in reads:
            readers.setdefault(root, []).append(j)
        for root in writes:
            last_write[root], readers[root] = j, []
        before.soft.difference_update(before.hard)
        found.append(before)
    return found


class Group:
    """Notes that are done at once: lines of one kernel, or a single other note."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = list(units)

    @property
    def is_kernel(self) -> bool:
        return self.units[0].line is not None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.units[-1].results[0].shape

    def arrays(self) -> tuple[dict[int, Any], dict[int, Any]]:
        """Return, by ids, the arrays that are read as they were before, and those that are written."""
        read: dict[int, Any] = {}
        written: dict[int, Any] = {}
        for unit in self.units:
            read |= {id(x): x for x in unit.read if id(x) not in written}
            written |= {id(x): x for x in [*unit.written, *unit.results]}
        return read, written

    def roots(self, memory: Memory) -> set[int]:
        return {root for unit in self.units for root in memory.roots(unit.touched)}


class Plan:
    """Notes as groups, in an order that gives what their own order gave.

    Parameters
    ----------
    notes : sequence of Note
    kept : collection of int
        The ids of arrays that are read after the last note.
    line_of : callable
        Returns a note as a `Line`, or None.

    Attributes
    ----------
    groups : list of Group
    """

    def __init__(self, notes: Sequence[Note], kept: Collection[int], line_of: Callable[[Note], Any]) -> None:
        units = [Unit(note, line_of(note)) for note in notes]
        self.memory = Memory(units)
        self._kept = set(map(self.memory.root, kept)) | self.memory.outside
        self._kept |= {root for unit in units if unit.opaque for root in self.memory.roots(unit.touched)}
        self._fresh = {id(unit.line.result) for unit in units if unit.line is not None and not unit.line.overwrites}
        self.groups = _grouped(units, _dependencies(units, self.memory))
        self._drop_unread()
        self._sink()

    def is_fresh(self, array: Any) -> bool:
        """Tell whether a line made an array, rather than that it overwrites what something else made."""
        return id(array) in self._fresh

    def stays(self, array: Any) -> bool:
        """Tell whether nobody sees an array's memory when the step is over."""
        return self.memory.root(id(array)) not in self._kept

    def outputs(self, group: Group) -> list[Any]:
        """Return the arrays that a kernel has to write out, because others read them."""
        read: set[int] = set()
        for later in self.groups[self.groups.index(group) + 1 :]:
            read |= self.memory.roots(list(later.arrays()[0].values()) if later.is_kernel else later.units[0].touched)
        written = group.arrays()[1].values()
        return [x for x in written if not self.stays(x) or self.memory.root(id(x)) in read]

    def is_last_to_write(self, group: Group, array: Any, before: Group) -> bool:
        """Tell whether an array is, where a later group comes, what this group has left in it."""
        first, last = self.groups.index(group) + 1, self.groups.index(before)
        return first <= last and self.memory.root(id(array)) not in self._overwritten(self.groups[first:last])

    def is_read(self, array: Any) -> bool:
        """Tell whether anybody reads an array: after the step, or a group of its own."""
        root = self.memory.root(id(array))
        return root in self._kept or any(root in g.roots(self.memory) for g in self.groups)

    def _drop_unread(self) -> None:
        """Take away lines that nobody needs, from the end backwards."""
        needed = set(self._kept)
        for group in reversed(self.groups):
            if group.is_kernel:
                group.units = self._needed(group.units, needed)
            for unit in group.units:
                needed |= self.memory.roots(unit.touched)
        self.groups = [group for group in self.groups if group.units]

    def _needed(self, units: Sequence[Unit], needed: set[int]) -> list[Unit]:
        found: list[Unit] = []
        wanted = set(needed)
        for unit in reversed(units):
            if not wanted.isdisjoint(self.memory.roots(unit.results)):
                found.append(unit)
                wanted |= self.memory.roots(unit.read)
        return found[::-1]

    def _sink(self) -> None:
        """Let a kernel be done again by every later one that reads from it, where these are all that do."""
        for group in self.groups[::-1]:
            if group.is_kernel and (users := self._users(group)):
                for user in users:
                    user.units = group.units + user.units
                self.groups.remove(group)

    def _users(self, group: Group) -> list[Group]:
        """Return the kernels that a kernel can be a part of; none if it has to be one of its own."""
        read, written = group.arrays()
        if not all(id(x) in self._fresh and self.stays(x) for x in written.values()):
            return []
        roots, sources = self.memory.roots(list(written.values())), self.memory.roots(list(read.values()))
        later = self.groups[self.groups.index(group) + 1 :]
        users = [g for g in later if not roots.isdisjoint(g.roots(self.memory))]
        if not users or not all(self._takes(user, group, set(written)) for user in users):
            return []
        if len(users) > 1 and math.prod(group.shape) * 2 > min(math.prod(user.shape) for user in users):
            return []  # doing it twice costs more than reading it
        until = later[: later.index(users[-1]) + 1]
        return users if sources.isdisjoint(self._overwritten(until)) else []

    def _takes(self, user: Group, group: Group, made: set[int]) -> bool:
        if not user.is_kernel or np.broadcast_shapes(group.shape, user.shape) != user.shape:
            return False
        if group.shape != user.shape and any(unit.line.counts for unit in group.units):
            return False
        # What was made is read under the name that it was made under, and not written any more.
        roots = set(map(self.memory.root, made))
        touched = {id(x) for unit in user.units for x in unit.touched if self.memory.root(id(x)) in roots}
        return touched <= made and made.isdisjoint(user.arrays()[1])

    def _overwritten(self, groups: Sequence[Group]) -> set[int]:
        return {
            root
            for group in groups
            for unit in group.units
            for root in self.memory.effects(unit)[1]
            if root >= 0
        }  # fmt: skip


def _grouped(units: Sequence[Unit], before: Sequence[_Before]) -> list[Group]:
    """Return the notes in an order that respects what depends on what, those of one kernel together."""
    groups: list[Group] = []
    done: set[int] = set()
    left = list(range(len(units)))
    while left:
        for j in left:
            if units[j].line is None and before[j].hard | before[j].soft <= done:
                groups.append(Group([units[j]]))
                done.add(j)
        left = [j for j in left if j not in done]
        ready = [j for j in left if units[j].line is not None and before[j].hard | before[j].soft <= done]
        if ready:  # small arrays first, for they are read by large ones
            first = min(ready, key=lambda j: (math.prod(units[j].line.result.shape), j))
            group = _together(first, left, done, units, before)
            groups.append(Group([units[j] for j in sorted(group)]))
            done |= group
            left = [j for j in left if j not in done]
    return groups


def _together(
    first: int, left: Sequence[int], done: set[int], units: Sequence[Unit], before: Sequence[_Before]
) -> set[int]:
    """Return all notes that can be in one kernel with the first."""
    group: set[int] = set()
    shape = units[first].line.result.shape
    for j in left:
        line, (hard, soft) = units[j].line, before[j]
        if line is not None and line.result.shape == shape and hard <= done and soft <= done | group:
            group.add(j)
    return group
