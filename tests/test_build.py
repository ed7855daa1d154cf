"""`minifit build`: course/ is what solutions/ makes, and a source that would not grade is refused."""

import json
import re
from pathlib import Path

import pytest

from autograder import build, cells, cli, exercise, glossary, paths

SOURCES = build.sources()


def header(**meta):
    nbgrader = {"grade": False, "locked": False, "points": 0, "schema_version": 3, "solution": False, "task": False}
    return f"# %% nbgrader={json.dumps(nbgrader | meta)}\n"


ANSWER = header(grade_id="tiny.double-answer", solution=True) + (
    'def double(x):\n    """Twice x."""\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION\n\n'
)
CHECK = header(grade_id="tiny.double", grade=True, locked=True, points=2) + 'check("tiny.double", double)\n\n'
PROSE = "# %% [markdown]\n# Tiny\n\n"


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """An exercise for the sources below, known to the bank for one test."""
    one = exercise.Exercise(
        "tiny.double", "double(x)", 2, 1, 1, 1, reference=lambda x: 2 * x, cases=lambda rng: {"a": (rng.normal(),)}
    )
    monkeypatch.setitem(exercise._exercises, "tiny.double", one)


@pytest.fixture
def source(tmp_path):
    def write(text):
        folder = tmp_path / "solutions" / "90_tiny"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "90_tiny.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def built_cells(path):
    built = build.build_one(path)
    assert built.problems == []
    return json.loads(built.files["90_tiny.ipynb"])["cells"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_course_is_what_solutions_make(path):
    built = build.build_one(path)
    assert built.problems == []
    assert build.differences(built, paths.course_folder() / path.stem) == []


def test_course_holds_no_notebook_without_a_source():
    assert build.orphans(paths.course_folder(), SOURCES) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_cell_asks_for_more_reading_than_the_style_allows(path):
    assert build.build_one(path).warnings == []


def test_every_exercise_of_the_bank_is_checked_in_exactly_one_notebook():
    checked = [
        cells.exercise_of(cells.metadata(cell)["grade_id"])
        for path in SOURCES
        for cell in build.read_source(path).cells
        if cells.is_check(cell)
    ]
    assert sorted(checked) == sorted(e.identifier for e in exercise.all_exercises() if e.topic != "tiny")


def test_the_same_source_gives_the_same_bytes(source):
    path = source(PROSE + ANSWER + CHECK)
    assert build.build_one(path).files == build.build_one(path).files


def test_released_cells_hold_no_solution_and_are_named_after_their_exercise(source):
    prose, answer, check = built_cells(source(PROSE + ANSWER + CHECK))
    assert "".join(answer["source"]).endswith("# YOUR CODE HERE\n    raise NotImplementedError()")
    assert (answer["id"], check["id"]) == ("tiny-double-answer", "tiny-double")
    assert answer["metadata"]["nbgrader"]["grade_id"] == "tiny-double-answer"
    assert check["metadata"]["editable"] is False
    assert prose["metadata"] == {}


def test_a_cell_keeps_its_id_when_another_is_put_before_it(source):
    before = built_cells(source(PROSE + ANSWER + CHECK))
    after = built_cells(source("# %% [markdown]\n# First\n\n" + PROSE + ANSWER + CHECK))
    assert [c["id"] for c in after[1:]] == [c["id"] for c in before]


def test_two_cells_of_the_same_text_have_different_ids(source):
    ids = [c["id"] for c in built_cells(source(PROSE + PROSE + ANSWER + CHECK))]
    assert len(set(ids)) == len(ids)


def test_a_released_notebook_is_valid_and_ends_in_a_newline(source):
    import nbformat

    content = build.build_one(source(PROSE + ANSWER + CHECK)).files["90_tiny.ipynb"].decode("utf-8")
    nbformat.validate(nbformat.reads(content, as_version=4))
    assert content.endswith("}\n")
    assert "lines_to_next_cell" not in content


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ANSWER + CHECK + CHECK, "'tiny-double' is used twice"),
        (ANSWER + CHECK.replace("tiny.double", "tiny.treble"), "There is no exercise 'tiny.treble'"),
        (ANSWER + CHECK.replace('"points": 2', '"points": 3'), "the cell gives 3 points, its Exercise 2"),
        (ANSWER.replace("return 2 * x", "pass\n" * 41) + CHECK, "a blank of 41 lines"),
        (ANSWER, "nothing checks it"),
        (CHECK, 'no cell "tiny.double-answer" comes before'),
        (ANSWER + CHECK.replace('check("tiny.double"', 'check("tiny.other"'), 'does not call check("tiny.double"'),
        (ANSWER.replace("-answer", "-fill") + CHECK, 'a cell to fill is called "<exercise>-answer"'),
        (re.sub("### .*", "", ANSWER) + CHECK, "without ### BEGIN SOLUTION"),
        (ANSWER.replace("    ### END SOLUTION\n", "") + CHECK, "no end solution statement"),
        ("# %%\n### BEGIN SOLUTION\n1\n### END SOLUTION\n", "no nbgrader metadata"),
        (ANSWER + CHECK + "\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n", "hidden tests come back"),
        ('# %% nbgrader={"grade_id": "x"}\n1\n', "its nbgrader metadata lacks"),
        ("# %% [markdown]\n# ![loop](loop.png)\n", "loop.png, which is not beside the source"),
    ],
)
def test_a_source_that_would_not_grade_is_refused(source, text, problem):
    built = build.build_one(source(text))
    assert any(problem in said for said in built.problems), built.problems
    assert built.files == {}


def test_long_cells_are_warned_of(source):
    code = "# %%\n" + "".join(f"a{i} = {i}\n" for i in range(13))
    prose = "# %% [markdown]\n# " + "word " * 121 + "\n\n"
    warnings = build.build_one(source(prose + code)).warnings
    assert [re.sub(".*: ", "", w) for w in warnings] == [
        "121 words; 120 at most",
        "13 lines to read at once; 12 at most",
    ]


def test_what_lies_beside_a_source_is_copied_and_what_lost_its_source_goes(source, tmp_path):
    path = source("# %% [markdown]\n# ![loop](loop.png)\n")
    (path.parent / "loop.png").write_bytes(b"png")
    course = tmp_path / "course" / "90_tiny"
    build.write(build.build_one(path), course)
    assert (course / "loop.png").read_bytes() == b"png"
    source(PROSE)
    (path.parent / "loop.png").unlink()
    assert build.differences(build.build_one(path), course) == [
        "90_tiny/loop.png has no source",
        "90_tiny/90_tiny.ipynb differs from its source",
    ]
    build.write(build.build_one(path), course)
    assert [p.name for p in course.iterdir()] == ["90_tiny.ipynb"]


def test_two_files_of_one_name_are_refused_since_a_working_copy_is_one_folder():
    one, two = (build.Built(n, {"loop.png": n.encode(), "same.png": b""}) for n in ("01_a", "02_b"))
    assert build.clashes([one, two]) == ["02_b: its loop.png is not 01_a's; give it another name"]


def test_build_says_that_it_needs_a_checkout(monkeypatch, capsys):
    monkeypatch.setattr(paths, "checkout", lambda: None)
    assert cli.main(["build"]) == 2
    assert "works in a checkout" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["90", "tiny", "90_tiny"])
def test_a_notebook_is_found_by_number_or_name(source, name):
    path = source(PROSE)
    assert build.find_source(name, path.parent.parent) == path


def test_an_unknown_notebook_is_answered_with_those_there_are(source):
    with pytest.raises(build.BuildError, match="no notebook called '91'; there are 90_tiny"):
        build.find_source("91", source(PROSE).parent.parent)


def test_build_check_changes_nothing_and_exits_1_when_course_is_out_of_date(source, tmp_path, monkeypatch, capsys):
    path = source(PROSE + ANSWER + CHECK)
    monkeypatch.setattr(paths, "course_folder", lambda: tmp_path / "course")
    monkeypatch.setattr(paths, "solutions_folder", lambda: path.parent.parent)
    assert cli.main(["build", "--check"]) == 1
    assert not (tmp_path / "course").exists()
    assert cli.main(["build"]) == 0
    assert cli.main(["build", "--check"]) == 0
    Path(path).write_text(PROSE, encoding="utf-8")
    assert cli.main(["build", "--check", "90"]) == 1
    assert "90_tiny/90_tiny.ipynb differs from its source" in capsys.readouterr().out


def test_build_reports_every_problem_and_exits_1(source, tmp_path, monkeypatch, capsys):
    path = source(ANSWER)
    monkeypatch.setattr(paths, "course_folder", lambda: tmp_path / "course")
    monkeypatch.setattr(paths, "solutions_folder", lambda: path.parent.parent)
    assert cli.main(["build"]) == 1
    assert "nothing checks it" in capsys.readouterr().err


# --------------------------------------------------------------------------- glossary

PAGE = (paths.solutions_folder() / glossary.PAGE).read_text(encoding="utf-8")


def linked():
    return [link for path in SOURCES for link in glossary.links(build.read_source(path).cells)]


def test_the_glossary_is_in_order_and_course_has_it():
    assert glossary.faults(PAGE) == []
    assert (paths.course_folder() / glossary.PAGE).read_text(encoding="utf-8") == PAGE


def test_every_link_into_the_glossary_has_an_entry():
    assert sorted(set(linked()) - set(glossary.entries(PAGE))) == []


def test_every_entry_of_the_glossary_is_linked_from_a_notebook():
    assert sorted(set(glossary.entries(PAGE)) - set(linked())) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_notebook_links_a_word_once_at_its_first_use(path):
    links = glossary.links(build.read_source(path).cells)
    assert sorted({link for link in links if links.count(link) > 1}) == []


def test_links_that_lead_nowhere_are_warned_of_and_addresses_are_no_words(source):
    path = source(
        "# %% [markdown]\n# A [step](../glossary.md#step), a [leap](../glossary.md#leap).\n\n" + ANSWER + CHECK
    )
    (path.parent.parent / glossary.PAGE).write_text("# G\n\n### step\nOne round.\n", encoding="utf-8")
    built = build.build_one(path)
    assert built.problems == []
    assert [w for w in built.warnings if "leap" in w]
    assert not [w for w in built.warnings if "'step'" in w]


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("### b\nx\n\n### a\nx\n", "'a' stands after 'b'"),
        ("### a\n\n### b\nx\n", "'a' says nothing"),
        ("### SGD\nx\n", "'SGD' has capitals"),
        ("### a\nx\n\n### a\ny\n", "'a' stands in it twice"),
    ],
)
def test_faults_of_a_glossary_are_named(page, fault):
    assert any(told.startswith(fault) for told in glossary.faults(page))


def test_the_glossary_is_built_beside_the_notebooks(tmp_path):
    solutions, course = tmp_path / "solutions", tmp_path / "course"
    solutions.mkdir()
    (solutions / glossary.PAGE).write_text("# G\n\n### step\nOne round.\n", encoding="utf-8")
    assert build.build_glossary(solutions, course, change=False) == ([], ["course/glossary.md differs from its source"])
    assert build.build_glossary(solutions, course, change=True) == ([], ["course/glossary.md"])
    assert build.build_glossary(solutions, course, change=False) == ([], [])
