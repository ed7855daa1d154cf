"""The pages that people read: one for each student, and one for the whole class.

Each page is one file that needs nothing else: no script, no font, no network. All that comes from a learner is
escaped or rendered by `prose`, and the page's own policy forbids it to load or run anything. A learner's own
outputs are not shown: they are whatever the file says, not what the code gave here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from autograder.grading.assignment import Assignment
from autograder.grading.prose import to_html
from autograder.grading.results import BY_HAND, MISSING, NO_RESPONSE, UNGRADED, Result, Score
from autograder.grading.similarity import Pair, answers

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5b6472; --line: #dfe3e8; --face: #ffffff;
  --ground: #f4f6f8; --good: #007a5a; --bad: #b84600; --wait: #0066a6; --calm: #5b6472; --code: #f4f6f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3adba; --line: #363c46; --face: #1f242c;
  --ground: #15191f; --good: #3ecf9f; --bad: #ff9a4d; --wait: #6cb8f0; --calm: #a3adba; --code: #15191f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
main.class { max-width: 76rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0; }
p { margin: .35rem 0; }
a { color: var(--wait); }
.soft { color: var(--soft); }
.top { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: end; gap: .5rem 2rem; }
.total { font-size: 1.9rem; font-weight: 650; line-height: 1.2; white-space: nowrap; }
.total small, .points small { color: var(--soft); font-weight: 400; font-size: .65em; }
.points small { font-size: 1em; }
.bar { display: flex; height: .5rem; border-radius: .25rem; background: var(--line); overflow: hidden;
  margin: .9rem 0 0; }
.bar i { display: block; background: var(--good); }
.bar i.wait { background: repeating-linear-gradient(135deg, var(--wait) 0 4px, transparent 4px 8px); }
.card { background: var(--face); border: 1px solid var(--line); border-radius: .6rem; margin: 1.5rem 0 0;
  padding: 1.25rem 1.4rem; }
.row { display: grid; grid-template-columns: 9.5rem 1fr auto; gap: .1rem 1rem; padding: .65rem 0;
  border-top: 1px solid var(--line); align-items: baseline; }
.rows { margin-top: 1rem; }
.chip { font-size: .87rem; font-weight: 600; }
.chip::before { content: ""; display: inline-block; width: .6rem; height: .6rem; border-radius: 50%;
  margin-right: .5rem; background: currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); } .calm { color: var(--calm); }
.chip.calm::before { background: none; border: 2px solid currentColor; }
.name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .93rem;
  overflow-wrap: anywhere; }
.points { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.said { grid-column: 2 / -1; font-size: .93rem; max-width: 40rem; overflow-wrap: anywhere; }
.said p { margin: .2rem 0; }
.said .comment { border-left: 3px solid var(--wait); padding-left: .8rem; margin-top: .6rem; white-space: pre-line; }
pre { margin: .35rem 0; padding: .35rem .7rem; background: var(--code); border-radius: .4rem; overflow-x: auto;
  font: .84rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; }
details { margin-top: .4rem; }
summary { cursor: pointer; color: var(--soft); font-size: .87rem; }
.prose { border-left: 3px solid var(--line); padding-left: .8rem; margin-top: .4rem; }
.prose table { width: auto; }
.columns { display: flex; align-items: end; gap: .35rem; height: 8rem; margin-top: 1rem; }
.columns div { flex: 1; display: flex; flex-direction: column; justify-content: end; height: 100%; text-align: center;
  font-size: .8rem; color: var(--soft); }
.columns i { display: block; background: var(--good); border-radius: .2rem .2rem 0 0; min-height: 1px; }
.note { border-left: 3px solid var(--bad); padding: .1rem 0 .1rem .8rem; margin-top: .8rem; }
table { border-collapse: collapse; width: 100%; margin-top: .8rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem .8rem .45rem 0; border-top: 1px solid var(--line);
  vertical-align: baseline; }
th { font-size: .84rem; color: var(--soft); font-weight: 600; border-top: 0; }
td.number, th.number { text-align: right; }
td .bar { margin: 0; min-width: 6rem; }
td.name { white-space: nowrap; }
.wide { overflow-x: auto; }
@media (max-width: 34rem) { .row { grid-template-columns: 1fr auto; } .row .chip { grid-column: 1 / -1; }
  .said { grid-column: 1 / -1; } }
@media print { body { background: none; } .card { break-inside: avoid; } main { padding: 0; } }
"""

_TONE = {
    "right": "good",
    "not attempted": "calm",
    MISSING: "calm",
    NO_RESPONSE: "calm",
    BY_HAND: "wait",
}


@dataclass(frozen=True)
class Line:
    """What the class did on one exercise."""

    notebook: str
    exercise: str
    right: int
    tried: int
    students: int
    mistakes: Sequence[tuple[str, int]]


def student_page(student: str, results: Sequence[Result], known: Mapping[str, Assignment] | None = None) -> str:
    """The page of one student.

    Parameters
    ----------
    student : str
    results : sequence of Result
        All of the student's, in course order.
    known : mapping of str to Assignment, optional
        The released notebooks; with them the page shows what the student wrote.

    Returns
    -------
    str
        A whole HTML document.
    """
    points, most = sum(r.points for r in results), sum(r.most for r in results)
    waiting = sum(r.waiting for r in results)
    head = _heading(escape(student), points, most, waiting)
    return _page(
        f"{student}: feedback",
        head + "".join(_card(result, (known or {}).get(result.notebook or "")) for result in results),
    )


def _heading(title: str, points: float, most: float, waiting: float) -> str:
    later = f'<p class="soft">Up to {waiting:g} more for what a person grades by hand.</p>' if waiting else ""
    return (
        f'<header><div class="top"><h1>{title}</h1>'
        f'<div class="total">{points:g} <small>of {most:g} points</small></div></div>'
        f"{_bar(points, most, waiting)}{later}</header>"
    )


def _bar(points: float, most: float, waiting: float = 0.0) -> str:
    if not most:
        return '<div class="bar"></div>'
    done, later = 100 * points / most, 100 * waiting / most
    return f'<div class="bar"><i style="width:{done:.1f}%"></i><i class="wait" style="width:{later:.1f}%"></i></div>'


def _card(result: Result, assignment: Assignment | None = None) -> str:
    name = result.notebook or result.file
    written = answers(result, assignment) if assignment else {}
    prose = result.handed.paragraphs if result.handed else {}
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in result.notes)
    if result.penalty:
        notes += f'<p class="note">Handed in late: {result.penalty:g} points off.</p>'
    rows = "".join(_row(s, written.get(s.identifier, ""), prose.get(s.cell, "")) for s in result.scores)
    total = f'<div class="points">{result.points:g} <small>of {result.most:g}</small></div>'
    return (
        f'<section class="card"><div class="top"><h2>{escape(title(name))}</h2>{total if rows else ""}</div>'
        f'{notes}<div class="rows">{rows}</div></section>'
    )


def _row(score: Score, code: str = "", prose: str = "") -> str:
    tone = _TONE.get(score.status, "bad")
    status = score.status
    if score.status == BY_HAND and score.points is not None:
        tone = "good" if score.points else "bad"
    name = "your paragraph" if score.by_hand else score.identifier
    earned = "–" if score.points is None else f"{score.points:g}"
    points = f"{earned} <small>/ {score.most:g}</small>" if score.most else "<small>practice</small>"
    said = ""
    if score.mistake:
        said += f"<p><strong>{escape(_sentence(score.mistake))}</strong></p>"
    if score.status not in ("right", UNGRADED):  # the notebook's note says why nothing was graded
        lines = score.message.splitlines()
        said += _told(lines[1:] if score.mistake and score.mistake in lines[0] else lines)
    if code:
        opened = "" if score.status == "right" else " open"
        said += f"<details{opened}><summary>your code</summary><pre>{escape(code[:8000])}</pre></details>"
    if prose and score.by_hand and score.status != NO_RESPONSE:
        said += f'<div class="prose">{to_html(prose)}</div>'
    if score.comment:
        said += f'<p class="comment">{escape(score.comment)}</p>'
    said = f'<div class="said">{said}</div>' if said else ""
    return (
        f'<div class="row"><span class="chip {tone}">{escape(status)}</span><span class="name">{escape(name)}</span>'
        f'<span class="points">{points}</span>{said}</div>'
    )


def _told(lines: Sequence[str]) -> str:
    """A message: prose as prose, lines of code (they are set in) as code."""
    return "".join(f"<pre>{escape(x.strip())}</pre>" if x.startswith("  ") else f"<p>{escape(x)}</p>" for x in lines)


def title(name: str) -> str:
    """A notebook's name as people read it.

    Examples
    --------
    >>> title("01_the_loop_in_twelve_lines")
    '01 · The loop in twelve lines'
    """
    number, _, words = name.partition("_")
    return f"{number} · {_sentence(words.replace('_', ' '))}" if number.isdigit() and words else name


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def class_lines(results: Iterable[Result]) -> list[Line]:
    """What the class did on each exercise, in course order."""
    by_exercise: dict[tuple[str, str], list[Score]] = {}
    for result in results:
        for score in result.scores:
            if not score.by_hand:
                by_exercise.setdefault((result.notebook or "", score.identifier), []).append(score)
    lines = []
    for (notebook, exercise), scores in by_exercise.items():
        untried = ("not attempted", MISSING, UNGRADED)
        lines.append(
            Line(
                notebook,
                exercise,
                right=sum(s.status == "right" for s in scores),
                tried=sum(s.status not in untried for s in scores),
                students=len(scores),
                mistakes=Counter(s.mistake for s in scores if s.mistake).most_common(3),
            )
        )
    return sorted(lines, key=lambda line: line.notebook)


def class_page(
    by_student: Mapping[str, Sequence[Result]],
    notebooks: Sequence[str],
    pairs: Sequence[Pair] = (),
    walls: str = "",
) -> str:
    """The page of the whole class, for its instructor.

    Parameters
    ----------
    by_student : mapping of str to sequence of Result
    notebooks : sequence of str
        Columns, in course order.
    pairs : sequence of Pair
        Submissions that are alike.
    walls : str
        What held around the learners' code.

    Returns
    -------
    str
        A whole HTML document.
    """
    every = [result for results in by_student.values() for result in results]
    waiting = sum(score.points is None for result in every for score in result.scores)
    handed = sum(bool(result.file) for result in every)
    count = f"{len(by_student)} {_plural('student', len(by_student))}, {handed} {_plural('notebook', handed)}"
    spent = sorted(result.seconds for result in every if result.seconds)
    took = f" Grading one took {spent[len(spent) // 2]:.2g} s, the slowest {spent[-1]:.2g} s." if spent else ""
    body = f"<header><h1>The class</h1><p class='soft'>{count}.{took}</p></header>"
    if waiting:
        body += (
            f"<p>{waiting} {_plural('paragraph', waiting)} to grade by hand: start "
            '<span class="name">jupyter lab</span> in this folder, menu Nbgrader, Formgrader. Then grade again with '
            '<span class="name">--changed</span>, and the points and comments given there come here.</p>'
        )
    body += _distribution(by_student) + _reteach(every) + _exercises(every)
    body += _students(by_student, notebooks) + _odd(every) + _alike(pairs)
    return _page("The class", body + (f'<p class="soft">{escape(walls)}</p>' if walls else ""), "class")


def _distribution(by_student: Mapping[str, Sequence[Result]]) -> str:
    """How many students have which part of the points."""
    parts = [
        (sum(r.points for r in results), sum(r.most for r in results) - sum(r.waiting for r in results))
        for results in by_student.values()
    ]
    shares = [points / most for points, most in parts if most]
    if len(shares) < 2:
        return ""
    bins = Counter(min(9, int(10 * share + 1e-9)) for share in shares)
    highest = max(bins.values())
    columns = "".join(
        f"<div><span>{bins[n] or ''}</span><i style='height:{75 * bins[n] / highest:.0f}%'></i>"
        f"{10 * n}–{10 * n + 10}</div>"
        for n in range(10)
    )
    return (
        '<section class="card"><h2>Distribution</h2><p class="soft">Students by the part of the points they have, in '
        f'%, without what is still to be graded by hand.</p><div class="columns">{columns}</div></section>'
    )


def _reteach(every: Iterable[Result]) -> str:
    """The mistakes that most of the class made, with why they are wrong."""
    made: Counter[tuple[str, str]] = Counter()
    for result in every:
        made.update({(s.identifier, s.mistake) for s in result.scores if s.mistake})
    several = [(pair, n) for pair, n in made.most_common(6) if n > 1]
    if not several:
        return ""
    rows = "".join(
        f'<tr><td class="number">{n}</td><td><strong>{escape(_sentence(name))}</strong><br>'
        f'<span class="soft">{escape(_why(exercise, name))}</span></td><td class="name">{escape(exercise)}</td></tr>'
        for (exercise, name), n in several
    )
    return (
        '<section class="card"><h2>To teach again</h2><div class="wide"><table><tr><th class="number">students</th>'
        f"<th>mistake</th><th>exercise</th></tr>{rows}</table></div></section>"
    )


def _why(identifier: str, name: str) -> str:
    from autograder.exercise import get

    try:
        return next((m.why for m in get(identifier).mistakes if m.name == name), "")
    except ValueError:
        return ""


def _alike(pairs: Sequence[Pair]) -> str:
    if not pairs:
        return ""

    def short(exercises: Sequence[str]) -> str:
        return escape(", ".join(name.partition(".")[2] for name in exercises)) or "–"

    rows = "".join(
        f'<tr><td class="number">{100 * p.likeness:.0f}</td><td>{escape(p.one)}</td><td>{escape(p.two)}</td>'
        f'<td title="{escape(title(p.notebook))}">{escape(p.notebook.partition("_")[0])}</td>'
        f"<td>{short(p.exercises)}</td><td>{short(p.same_words)}</td></tr>"
        for p in pairs[:30]
    )
    more = f" The first 30 of {len(pairs)}; all are in similar.csv." if len(pairs) > 30 else ""
    return (
        '<section class="card"><h2>Alike</h2><p class="soft">Pairs to look at, not verdicts: short exercises have few '
        "right answers, and people who learn together write alike. Counted is what few of the class have, blind to "
        f'names, comments and spacing.{more}</p><div class="wide"><table><tr><th class="number">%</th><th>one</th>'
        "<th>other</th><th>notebook</th><th>most in</th><th>to the letter in</th></tr>"
        f"{rows}</table></div></section>"
    )


def _students(by_student: Mapping[str, Sequence[Result]], notebooks: Sequence[str]) -> str:
    several, many = len(notebooks) > 1, len(notebooks) > 4
    short = {name: name.partition("_")[0] if many else title(name) for name in notebooks}
    head = "".join(f'<th class="number" title="{escape(title(n))}">{escape(short[n])}</th>' for n in notebooks)
    rows = []
    for student, results in by_student.items():
        cells = []
        for name in notebooks:
            mine = [r for r in results if r.notebook == name]
            earned = f"{mine[0].points:g} / {mine[0].most:g}" if mine and mine[0].file else "–"
            cells.append(f'<td class="number">{earned}</td>')
        points, most = sum(r.points for r in results), sum(r.most for r in results)
        bar = _bar(points, most, sum(r.waiting for r in results))
        link = f'<a href="feedback/{quote(student)}.html">{escape(student)}</a>'
        total = f'<td class="number">{points:g} / {most:g}</td>' if several else ""
        rows.append(f"<tr><td>{link}</td>{''.join(cells)}{total}<td>{bar}</td></tr>")
    return (
        '<section class="card"><h2>Points</h2><div class="wide"><table><tr><th>student</th>'
        f"{head}{'<th class=number>all</th>' if several else ''}<th></th></tr>{''.join(rows)}</table></div></section>"
    )


def _exercises(every: Iterable[Result]) -> str:
    rows = []
    for line in class_lines(every):
        mistakes = ", ".join(f"{escape(name)} ({n})" for name, n in line.mistakes) or "–"
        rows.append(
            f'<tr><td class="name">{escape(line.exercise)}</td><td class="number">{line.tried}</td>'
            f'<td class="number">{line.right}</td><td>{_bar(line.right, line.students)}</td><td>{mistakes}</td></tr>'
        )
    return (
        '<section class="card"><h2>Exercises</h2><div class="wide"><table><tr><th>exercise</th>'
        '<th class="number">tried</th><th class="number">right</th><th></th><th>commonest mistakes</th></tr>'
        f"{''.join(rows)}</table></div></section>"
    )


def _odd(every: Iterable[Result]) -> str:
    rows = [
        f"<tr><td>{escape(r.student)}</td><td>{escape(title(r.notebook or r.file))}</td><td>{escape(note)}</td></tr>"
        for r in every
        if r.file
        for note in r.notes
    ]
    if not rows:
        return ""
    return (
        '<section class="card"><h2>Worth a look</h2><div class="wide"><table><tr><th>student</th><th>notebook</th>'
        f"<th>what was odd</th></tr>{''.join(rows)}</table></div></section>"
    )


def _plural(word: str, n: int) -> str:
    return word if n == 1 else f"{word}s"


def _page(title_: str, body: str, kind: str = "student") -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title_)}</title><style>{_STYLE}</style></head>"
        f'<body><main class="{kind}">{body}</main></body></html>\n'
    )
