"""Submissions that are more alike than chance would have it: pairs for a person to look at, never a verdict.

An answer is read as a sequence of the words of its grammar, with every name of the learner's own replaced, so
renamed variables, other comments and other spacing hide nothing. Sequences of five count, each the more the
fewer of the class have it: what everybody writes, and what was handed out, says nothing about anybody.
"""

from __future__ import annotations

import ast
import io
import itertools
import keyword
import math
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder import cells
from autograder.grading.assignment import Assignment
from autograder.grading.results import Result

LENGTH = 5  # words of a sequence
LEAST = 0.6  # of what two have that is rare, the part that they share
_ENOUGH = 12.0  # bits of rarity that two must share: chance gives less
_MOST = 100  # pairs shown of a notebook

Print = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Pair:
    """Two submissions that are alike.

    Attributes
    ----------
    one, two : str
        The students.
    notebook : str
    likeness : float
        0 to 1: of the rare things in the two, the part that both have.
    exercises : tuple of str
        Where they are most alike.
    same_words : tuple of str
        Exercises where even names and comments are the same.
    """

    one: str
    two: str
    notebook: str
    likeness: float
    exercises: tuple[str, ...]
    same_words: tuple[str, ...]


def alike(results: Sequence[Result], known: Mapping[str, Assignment]) -> list[Pair]:
    """Pairs of submissions of one notebook that are alike, most alike first.

    Parameters
    ----------
    results : sequence of Result
        With what was handed in.
    known : mapping of str to Assignment

    Returns
    -------
    list of Pair
    """
    pairs: list[Pair] = []
    for name in dict.fromkeys(r.notebook for r in results if r.notebook):
        mine = [r for r in results if r.notebook == name and r.handed is not None]
        found = _of_notebook(name, mine, known[name])
        pairs += sorted(found, key=lambda p: (-p.likeness, p.one, p.two))[:_MOST]
    return sorted(pairs, key=lambda p: (-p.likeness, p.notebook, p.one, p.two))


def answers(result: Result, assignment: Assignment) -> dict[str, str]:
    """Exercise → what a learner wrote for it; nothing for what is as it was handed out."""
    texts: dict[str, str] = {}
    for cell in result.handed.cells if result.handed else []:
        name = cell["grade_id"]
        released = assignment.released.get(name)
        if released is None or not cells.is_answer(released) or name in result.handed.unchanged:  # type: ignore[union-attr]
            continue
        exercise = cells.exercise_of(name)
        texts[exercise] = f"{texts[exercise]}\n{cell['source']}" if exercise in texts else cell["source"]
    return texts


def sequences(text: str) -> Print:
    """The sequences of a piece of code, blind to names, comments, docstrings and spacing.

    Examples
    --------
    >>> one = "def f(a):\\n    b = a + 1\\n    return b"
    >>> sequences(one) == sequences("def f(x):\\n    y = x+1  # again\\n    return y")
    True
    """
    words = _words(text)
    return frozenset(tuple(words[i : i + LENGTH]) for i in range(len(words) - LENGTH + 1))


def _words(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text.split()
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    try:
        plain = ast.unparse(tree)
        tokens = list(tokenize.generate_tokens(io.StringIO(plain).readline))
    except (tokenize.TokenError, RecursionError, ValueError, IndentationError):
        return text.split()
    kinds = (tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING)
    return [
        "name" if t.type == tokenize.NAME and t.string in own and not keyword.iskeyword(t.string) else t.string
        for t in tokens
        if t.type in kinds
    ]


def _of_notebook(name: str, results: Sequence[Result], assignment: Assignment) -> list[Pair]:
    texts = [answers(r, assignment) for r in results]
    prints = [{exercise: sequences(text) for exercise, text in mine.items()} for mine in texts]
    handed_out = {
        part for cell in assignment.released.values() if cells.is_answer(cell) for part in sequences(cell["source"])
    }
    students = len(results)
    rarity: dict[tuple[str, tuple[str, ...]], float] = {}
    had = Counter((exercise, part) for mine in prints for exercise, whole in mine.items() for part in whole)
    for (exercise, part), n in had.items():
        # Twice in a class of many is rare; in a class of three it is not.
        rarity[exercise, part] = 0.0 if part in handed_out else math.log2(max(1.0, (students + 1) / (n + 1)))
    weights = [{e: sum(rarity[e, p] for p in whole) for e, whole in mine.items()} for mine in prints]
    pairs = []
    for a, b in itertools.combinations(range(students), 2):
        if results[a].student == results[b].student:
            continue
        shared: dict[str, float] = {}
        every = 0.0
        for exercise in prints[a].keys() | prints[b].keys():
            both = prints[a].get(exercise, frozenset()) & prints[b].get(exercise, frozenset())
            common = sum(rarity[exercise, part] for part in both)
            every += weights[a].get(exercise, 0.0) + weights[b].get(exercise, 0.0) - common
            if common:
                shared[exercise] = common
        total = sum(shared.values())
        if total < _ENOUGH or total < LEAST * every:
            continue
        most = sorted(shared, key=lambda e: -shared[e])[:3]
        same = tuple(e for e in most if _same_words(texts[a][e], texts[b][e]))
        pairs.append(Pair(results[a].student, results[b].student, name, round(total / every, 3), tuple(most), same))
    return pairs


def _same_words(a: str, b: str) -> bool:
    return "".join(a.split()) == "".join(b.split())
