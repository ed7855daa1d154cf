"""Files that are no notebook any more, or one of another shape."""

from __future__ import annotations

import copy
import json
from typing import Any

from autograder import cells
from hostile.case import ALL, FIRST, Case, Notebook, Places, answer_cells


def file(name: str, data: bytes, says: str) -> Case:
    return Case(name, lambda *_: data, ALL, says)


def text(notebook: Notebook) -> str:
    return json.dumps(notebook)


def each_cell(change: dict[str, Any]) -> Any:
    """A notebook whose cells all have something else in nbgrader's metadata."""

    def make(notebook: Notebook, _: Places) -> Notebook:
        changed = copy.deepcopy(notebook)
        for cell in changed["cells"]:
            if cells.metadata(cell):
                cell["metadata"]["nbgrader"].update(change)
        return changed

    return make


def without_the_first_answer(notebook: Notebook, _: Places) -> Notebook:
    gone = answer_cells(notebook, FIRST)
    return {**notebook, "cells": [cell for cell in notebook["cells"] if cell not in gone]}


def without_checks(notebook: Notebook, _: Places) -> Notebook:
    return {**notebook, "cells": [cell for cell in notebook["cells"] if not cells.is_check(cell)]}


def pasted_answer(notebook: Notebook, _: Places) -> Notebook:
    (first,) = answer_cells(notebook, FIRST)
    place = notebook["cells"].index(first)
    return {**notebook, "cells": [*notebook["cells"][:place], copy.deepcopy(first), *notebook["cells"][place:]]}


def answers_as_prose(notebook: Notebook, _: Places) -> Notebook:
    changed = copy.deepcopy(notebook)
    (first,) = answer_cells(changed, FIRST)
    first["cell_type"] = "markdown"
    return changed


def source_of_numbers(notebook: Notebook, _: Places) -> Notebook:
    changed = copy.deepcopy(notebook)
    (first,) = answer_cells(changed, FIRST)
    first["source"] = [1, None, {"a": 1}]
    return changed


CASES = (
    file("empty_file", b"", "empty"),
    file("bytes_of_no_text", b"\xff\xfe\x00\x81" * 10, "not"),
    file("no_json", b"def mean_squared_error", "not JSON"),
    file("merge_marks", b'{"cells": [}\n<<<<<<< mine\n=======\n>>>>>>> theirs', "merge marks"),
    file("null_bytes", bytes(1000), ""),
    file("list_in_place_of_a_notebook", b"[1, 2]", "no list of cells"),
    file("brackets_without_end", b"[" * 200_000, "not"),
    file("cells_that_are_none", b'{"cells": [null, 3, "x"], "nbformat": 4}', "no cells"),
    file("too_large", b" " * (21 * 2**20), "20 at most"),
    file(
        "thousands_of_cells",
        json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 5000}).encode(),
        "5000 cells",
    ),
    Case("byte_order_mark", lambda notebook, _: b"\xef\xbb\xbf" + text(notebook).encode(), ()),
    Case("cut_off", lambda notebook, _: text(notebook)[:-200].encode(), ALL, "not"),
    Case("schema_99", each_cell({"schema_version": 99}), ()),
    Case("no_schema", each_cell({"schema_version": None}), ()),
    Case("flags_flipped", each_cell({"grade": False, "solution": False, "locked": False}), ()),
    Case("metadata_lists", lambda n, _: {**n, "cells": [{**cell, "metadata": []} for cell in n["cells"]]}, ()),
    Case("format_of_the_future", lambda n, _: {**n, "nbformat": 5, "nbformat_minor": 9}, ()),
    Case("answer_deleted", without_the_first_answer, (FIRST,), "missing"),
    Case("checks_deleted", without_checks, ()),
    Case("answer_pasted_twice", pasted_answer, ()),
    Case("answer_turned_into_prose", answers_as_prose, ()),
    Case("source_of_numbers", source_of_numbers, (FIRST,)),
)
