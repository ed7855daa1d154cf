"""What beginners' exceptions mean, and one thing to do about each."""

from __future__ import annotations

import dis
import re

from .exercise import Exercise
from .outcome import Raised

#: What a message says, and the advice; the first that fits counts.
_EVERYDAY: tuple[tuple[str, str], ...] = (
    ("truth value of an array", "`if` asks one question; np.where or np.maximum asks one for each element."),
    ("can't multiply sequence", "a list is not an array: go through its items one by one."),
    ("can only concatenate", "a list is not an array: go through its items one by one."),
    ("bitwise_xor", "a power is written ** in Python."),
    ("can be converted to Python scalars", "that works on one number; NumPy's function of that name works on all."),
    ("only length-1 arrays", "that works on one number; NumPy's function of that name works on all."),
    ("math domain error", "what goes into the logarithm or the root? Print it."),
    ("is out of bounds for array of dimension", "print the shape: how many axes are there?"),
    ("must have the same number of dimensions", "print the shape of both arrays: how many axes has each?"),
    ("too many indices for array", "print the shape: how many axes are there?"),
    (" is out of bounds for axis", "counting starts at 0, so the last index is the length minus 1."),
    ("used as indices must be of integer", "class numbers that came as floats are made whole by .astype(int)."),
    ("only integers, slices", "class numbers that came as floats are made whole by .astype(int)."),
    ("list indices must be integers", "a list takes one whole number; np.asarray(...) of it takes arrays."),
    ("inhomogeneous shape", "arrays of different shapes do not fit into one; treat them one by one."),
    ("cannot reshape array", "count the numbers: the new shape must have as many as the old."),
    ("values to unpack", "count the names on the left and the values on the right."),
    ("and 'NoneType'", "something here is None, such as an argument that nobody gave: print what each side is."),
    ("'NoneType' and", "something here is None, such as an argument that nobody gave: print what each side is."),
    ("'NoneType' object has no attribute 'append'", ".append changes the list and returns None; do not assign it."),
    ("'NoneType' object", "something here is None: does the function that made it return anything?"),
    ("'list' and", "lists do not calculate; np.asarray(...) makes an array, or go through the items."),
    ("'tuple' and", "tuples do not calculate; np.asarray(...) makes an array, or go through the items."),
    ("'list' object has no attribute", "a list has no shape and no sums; np.asarray(...) makes an array of it."),
    ("'float' object has no attribute", "that is a plain number; np.asarray(...) makes an array of it."),
    ("'int' object has no attribute", "that is a plain number; np.asarray(...) makes an array of it."),
    ("'numpy.ndarray' object is not callable", "square brackets pick from an array; round brackets call a function."),
    ("object is not callable", "has a name of yours covered the function's? Two things cannot share one name."),
    ("'function' object is not subscriptable", "round brackets call a function; square brackets pick from an array."),
    ("object is not subscriptable", "print what stands before the square brackets: it is no list and no array."),
    ("'method' object is not", "a method is called with round brackets; without them it is the method itself."),
    (
        "'str' object has no attribute",
        "that is text: a loop over a dict gives its names; .values() gives what they stand for.",
    ),
    ("object is not iterable", "print what the loop goes through: it is one thing, not several."),
    ("read-only", "this array may not be written into: work on a copy, x.copy()."),
    ("Cannot cast ufunc", "an integer array cannot take fractions in place; p - ... makes a new array."),
    ("did not contain a loop with signature", "print what goes in there: something is text or a list of arrays."),
)

_BY_TYPE = {
    "NameError": "is that name spelled as where it is defined, and has that cell been run?",
    "UnboundLocalError": "give that variable a value before it is used, also when a loop or an if is skipped.",
    "RecursionError": "the function calls itself without an end; which call did you mean?",
    "IndexError": "print the shape of what is indexed, and the index.",
    "KeyError": "print the keys there are.",
    "ZeroDivisionError": "print the divisor: what is counted there, and when is it 0?",
    "AttributeError": "is it written in the class, with that spelling, and has that cell been run?",
    "MemoryError": "print the shapes: something is made far larger than its inputs.",
    "SystemExit": "leave with return.",
    "AssertionError": "an assert of your own failed; print what it looks at.",
    "EOFError": "take the values from the arguments, not from input().",
}


def on_exception(raised: Raised, exercise: Exercise) -> str:
    """One thing to do about an exception, as the end of "Try: ..."."""
    text = raised.text
    for words, advice in _EVERYDAY:
        if words in text:
            return advice
    if raised.type_name == "NameError":
        name = (re.search(r"name '(\w+)'", text) or ["", ""])[1]
        if name in ("N", "D", "C", "B", "n"):
            return f"{name} in a formula is a count: len(...) or .shape of an argument gives it."
        if _is_method(name, exercise):
            return f"a method is reached through self: self.{name}."
        if _is_of_self(name, exercise):
            return f"it belongs to the object: self.{name}."
    if "positional argument" in text or "keyword argument" in text:
        return f"the signature is {exercise.signature}."
    if raised.type_name == "ValueError" and any(word in text for word in ("broadcast", "shape", "core dim", "align")):
        return "print the shape of each array in that line; which axes should meet?"
    if text.startswith("module "):
        return "look up how that function is called and spelled."
    return _BY_TYPE.get(raised.type_name, f'read that line once more, or hint("{exercise.identifier}").')


def _is_of_self(name: str, exercise: Exercise) -> bool:
    """Whether a function of `self` has to reach that name through it, as the reference does."""
    known = exercise.reference
    if "(self" not in exercise.signature or not hasattr(known, "__code__"):
        return False
    steps = list(dis.get_instructions(known))
    attributes = {step.argval for step in steps if step.opname in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR")}
    return name in attributes - {step.argval for step in steps if step.opname == "LOAD_GLOBAL"}


def _is_method(name: str, exercise: Exercise) -> bool:
    return isinstance(exercise.reference, type) and bool(name) and hasattr(exercise.reference, name)
