"""What people read after grading: no secret, no script, formulas without a network; what the class got wrong."""

import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autograder import build
from autograder.grading import prose, secret, similarity
from autograder.grading.assignment import assignments
from autograder.grading.feedback import class_page, student_page
from autograder.grading.grader import Limits, grade
from autograder.grading.reading import HandedIn
from autograder.grading.results import Result, Score
from autograder.grading.sanitise import closed
from autograder.grading.submissions import Submission
from autograder.grading.table import for_platforms, pairs, totals

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

SOURCE = build.find_source("01")
NAME = SOURCE.stem

# Prose of a learner's

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "![x](http://evil.example/p.png)",
    "<javascript:alert(1)>",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    r"$\text{<script>alert(1)</script>}$",
    r"$\href{javascript:alert(1)}{x}$",
    r"$$\def\h{\href}\h{javascript:alert(1)}{x}$$",
    "# <a href=javascript:alert(1)>x</a>",
    "| <b onclick=alert(1)>x</b> | y |\n|---|---|\n| a | b |",
    '" onmouseover="alert(1)',
    "> " * 500 + "deep",
    "$" + "{" * 5000 + "$",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:24])
def test_a_learners_prose_becomes_html_that_can_do_nothing(text):
    page = prose.to_html(text)
    assert not re.search(r"<\s*/?\s*(script|img|svg|a|iframe|b|style|link|object)\b", page)
    for tag in re.findall(r"<[a-z]+\b[^>]*>", page):
        assert not re.search(r"\b(on\w+|href|src|style|xlink)\s*=", tag), tag


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:24])
def test_a_learners_prose_in_nbgraders_pages_can_do_nothing(text):
    """As the formgrader renders it: nbconvert's Markdown, then MathJax on what is between dollars."""
    from nbconvert.filters import markdown2html

    page = markdown2html(closed(text))
    found = Tags()
    found.feed(page)
    assert not {"script", "img", "svg", "iframe", "b", "object"} & {tag for tag, _ in found.all}
    for _, attributes in found.all:
        assert not [name for name in attributes if name.startswith("on")]
        assert re.match(r"#|https?:|$", attributes.get("href", "")), attributes
    assert "\\href" not in page


class Tags(HTMLParser):
    """Every tag of a page as browsers read it, with its attributes."""

    def __init__(self):
        super().__init__()
        self.all = []

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))


def test_prose_keeps_its_form_and_formulas_are_shown_by_the_browser_itself():
    page = prose.to_html("**Two** steps:\n\n- one $a<b$\n- two\n\n$$\\frac{1}{N}\\sum_i x_i$$")
    assert "<strong>Two</strong>" in page
    assert page.count("<li>") == 2
    assert "<mfrac>" in page
    assert "&lt;</mo>" in page


def test_a_formula_that_cannot_be_read_is_shown_as_it_was_written():
    assert prose.formula(r"\begin{array") == r"<code>\begin{array</code>"
    assert prose.formula("x+" * 2000) == f"<code>{'x+' * 2000}</code>"


def test_links_and_formulas_of_honest_prose_stay_readable():
    assert closed("if a < b, $x<y$ and see [1]") == "if a < b, $x< y$ and see [1]"


# What feedback tells


@pytest.fixture(scope="module")
def assignment():
    """The released notebook 01."""
    return assignments()[NAME]


@pytest.fixture(scope="module")
def full():
    """Notebook 01 with everything right."""
    return make.solved(SOURCE)


def graded(folder, notebook, assignment, key=b"12345678", student="ada"):
    path = folder / f"{NAME}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return grade(Submission(student, NAME, path), assignment, lambda i: secret.seed(key, i), Limits(5.0, 40.0))


def messages(result):
    return {s.identifier: s.message for s in result.scores}


def test_feedback_names_the_mistake_and_tells_nothing_of_the_secret_cases(tmp_path, assignment, full):
    wrong = make.with_mistakes(full, 1)
    one, two = (graded(tmp_path, wrong, assignment, key) for key in (b"12345678", b"abcdefgh"))
    assert messages(one) == messages(two), "what is told does not depend on the secret"
    assert any(s.mistake for s in one.scores)


LEAK = """
def mse(y_true, y_pred):
    print("inputs", list(y_true))
    {then}
"""


@pytest.mark.parametrize(
    "then",
    ["raise ValueError(list(y_true))", "return list(y_true)", "return float(((y_pred - y_true) ** 2).mean())"],
)
def test_a_learners_own_words_carry_no_secret_input_out(tmp_path, assignment, full, then):
    leaky = make.with_answer(full, "loop.mse", LEAK.format(then=then))
    told = {messages(graded(tmp_path, leaky, assignment, key))["loop.mse"] for key in (b"12345678", b"abcdefgh")}
    assert len(told) == 1, told


def test_who_is_right_on_the_public_inputs_alone_is_told_so_without_a_number(tmp_path, assignment, full):
    import numpy as np

    from autograder.exercise import get
    from autograder.notebook import PUBLIC_SEED

    known = get("loop.mse")
    table = {}
    for seed in (PUBLIC_SEED, PUBLIC_SEED + 1):
        for inputs in known.cases(np.random.default_rng(seed)).values():
            table[round(float(np.sum(inputs[1])), 9)] = float(known.reference(*inputs))
    cheat = f"def mse(y_true, y_pred):\n    return {table!r}.get(round(float(np.sum(y_pred)), 9), 0.125)"
    result = graded(tmp_path, make.with_answer(full, "loop.mse", cheat), assignment)
    score = next(s for s in result.scores if s.identifier == "loop.mse")
    assert score.points == 0
    assert score.message.startswith("Right on the inputs of the notebook's own check, not on others like them.")


def test_a_page_shows_what_was_written_and_what_is_late(assignment):
    scores = [Score("loop-mse", "loop.mse", 0.0, 1.0, "wrong values", "Not yet right: x.\nwhy", "x")]
    code = "def mse(a, b):\n    return '<script>'"
    handed = HandedIn(cells=[{"cell_type": "code", "source": code, "grade_id": "loop-mse-answer"}])
    page = student_page("ada", [Result("ada", NAME, "f", scores, handed=handed, penalty=1.5)], {NAME: assignment})
    assert "return &#x27;&lt;script&gt;&#x27;" in page
    assert "Handed in late: 1.5 points off." in page


def test_the_class_page_says_what_to_teach_again_and_which_walls_held():
    known = make.mistakes(__import__("autograder.exercise", fromlist=["get"]).get("loop.mse"))[0][0]
    bad = Score("loop-mse", "loop.mse", 0.0, 1.0, "wrong values", "", known)
    good = Score("loop-mse", "loop.mse", 1.0, 1.0, "right")
    students = {f"s{n}": [Result(f"s{n}", NAME, "f", [bad if n < 3 else good])] for n in range(5)}
    page = class_page(students, [NAME], walls="Sandbox: full.")
    assert re.search(r'<td class="number">3</td><td><strong>' + re.escape(known[:1].upper()), page)
    assert "Sandbox: full." in page
    assert "Distribution" in page


# Tables


def test_totals_have_a_row_for_each_student():
    results = {"ada": [Result("ada", NAME, "f", [Score("c", "c", 1.5, 2.0, "right")], penalty=0.5)], "=bo": []}
    lines = totals(results, [NAME]).splitlines()
    assert lines == [f"student,{NAME},points,max,by hand,late penalty", "ada,1,1,2,0,0.5", "'=bo,0,0,0,0,0"]


def test_grades_for_a_platform_bear_its_own_numbers(assignment):
    known = {NAME: assignment}
    one = Result("doejane", NAME, "f", [Score("c", "c", 3.0, 8.0, "right")], lms="canvas 4711")
    two = Result("John Roe", NAME, "f", [Score("c", "c", 2.0, 8.0, "right")], lms="moodle 12")
    files = for_platforms({"doejane": [one], "John Roe": [two], "ada": []}, known)
    assert files["canvas.csv"].splitlines() == [
        f"Student,ID,Section,{NAME}",
        f"Points Possible,,,{assignment.points:g}",
        "doejane,4711,,3",
    ]
    assert files["moodle.csv"].splitlines() == [f"Identifier,Full name,{NAME}", "Participant 12,John Roe,2"]


# Alike


def handed(student, texts, assignment):
    found = [{"cell_type": "code", "source": text, "grade_id": f"loop-{name}-answer"} for name, text in texts.items()]
    return Result(student, NAME, "f", handed=HandedIn(cells=found))


OWN = """
def train(x, y, learning_rate, steps):
    weights = np.zeros(x.shape[1]); offset = 0.0; history = []
    for number in range(steps):
        history.append(mse(y, linear(x, weights, offset)))
        slopes, slope = mse_gradients(x, y, weights, offset)
        weights, offset = sgd_step([weights, offset], [slopes, slope], learning_rate)
    return [weights, offset], history
"""
RENAMED = re.sub(r"\bweights\b", "w0", OWN).replace("offset", "bb").replace("history", "hh").replace("number", "_k")
RENAMED = RENAMED.replace("    for", "    # my own loop\n    for")


def variants(count):
    """Answers that differ in their form, as those of people who worked alone do."""
    forms = [
        "def train(x, y, learning_rate, steps):\n    params = [np.zeros({n} + x.shape[1])[{n}:], {n} * 0.0]\n"
        "    losses = []\n    while len(losses) < steps - {n} + {n}:\n        losses += [mse(y, linear(x, *params))]\n"
        "        params = sgd_step(params, list(mse_gradients(x, y, *params)), learning_rate * {n} / {n})\n"
        "    return params, losses"
    ]
    return [forms[0].format(n=n + 2) for n in range(count)]


def test_a_copy_with_other_names_and_comments_is_found_and_nobody_else(assignment):
    results = [handed("ada", {"train": OWN}, assignment), handed("bo", {"train": RENAMED}, assignment)]
    results += [handed(f"s{n}", {"train": text}, assignment) for n, text in enumerate(variants(12))]
    found = similarity.alike(results, {NAME: assignment})
    assert [(p.one, p.two, p.exercises, p.same_words) for p in found if "ada" in (p.one, p.two)] == [
        ("ada", "bo", ("loop.train",), ())
    ]
    assert found[0].likeness == 1.0


def test_what_everybody_writes_is_no_likeness(assignment):
    everybody = [handed(f"s{n}", {"train": OWN}, assignment) for n in range(12)]
    assert similarity.alike(everybody, {NAME: assignment}) == []


def test_what_was_handed_out_is_no_likeness(assignment):
    blank = assignment.released["loop-train-answer"]["source"]
    some = [handed(name, {"train": blank if name in "ab" else OWN}, assignment) for name in "abcdefgh"]
    assert not [p for p in similarity.alike(some, {NAME: assignment}) if {p.one, p.two} == {"a", "b"}]


def test_answers_that_do_not_parse_are_compared_all_the_same(assignment):
    broken = "def train(x, y, learning_rate, steps)\n" + "\n".join(f"    a{n} = {n} * x ** {n + 3}" for n in range(12))
    results = [handed("ada", {"train": broken}, assignment), handed("bo", {"train": broken}, assignment)]
    results += [handed(f"s{n}", {"train": text}, assignment) for n, text in enumerate(variants(12))]
    assert ("ada", "bo") in {(p.one, p.two) for p in similarity.alike(results, {NAME: assignment})}


def test_alike_pairs_are_a_table():
    pair = similarity.Pair("ada", "bo", NAME, 0.91, ("loop.train",), ())
    assert pairs([pair]).splitlines()[1] == f"ada,bo,{NAME},0.91,loop.train,"
