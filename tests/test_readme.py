"""README's list of the engine's files is complete, in import order, and its counts are about right."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WHOLE = (ROOT / "README.md").read_text("utf-8").partition("| file | lines |")[2]
ROWS = re.findall(r"^\| \[`([a-z_]+)(\.py|/)`\]\(minifit/\S+\) \| (\d+) \|", WHOLE, re.M)

# Keras' names for things that are defined elsewhere; each is a few lines of imports.
DOORS = {"__init__", "config", "utils"}


def lines_of(name: str, kind: str) -> int:
    path = ROOT / "minifit" / (name + kind)
    files = path.rglob("*.py") if path.is_dir() else [path]
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)


def test_every_file_of_the_engine_is_listed() -> None:
    found = {path.stem for path in (ROOT / "minifit").glob("*.py")} - DOORS
    found |= {path.parent.name for path in (ROOT / "minifit").glob("*/__init__.py")}
    assert {name for name, _, _ in ROWS} == found


def test_line_counts_are_within_a_tenth() -> None:
    wrong = {
        name: (int(count), lines_of(name, kind))
        for name, kind, count in ROWS
        if abs(int(count) - lines_of(name, kind)) > max(5, lines_of(name, kind) // 10)
    }
    assert wrong == {}


def test_the_files_of_an_afternoon_are_there_and_their_counts_are_about_right() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    spine = text[text.index("| an afternoon |") : text.index("| **together** |")]
    rows = re.findall(r"^\| \[`([a-z_/]+\.py)`\]\(minifit/\1\) \| (\d+) \|", spine, re.M)
    assert len(rows) == spine.count("\n") - 2
    (total,) = re.findall(r"\*\*together\*\* \| \*\*([\d,]+)\*\*", text)
    assert int(total.replace(",", "")) == sum(int(count) for _, count in rows)
    for name, count in rows:
        found = len((ROOT / "minifit" / name).read_text("utf-8").splitlines())
        assert abs(int(count) - found) <= max(5, found // 10), name


def test_a_file_imports_only_files_above_it() -> None:
    order = [name for name, _, _ in ROWS]
    wrong = []
    for name, kind, _ in ROWS:
        path = ROOT / "minifit" / (name + kind)
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            # At the top of the file: what is imported inside a function is imported when it is needed.
            text = file.read_text("utf-8")
            dots = r"\.\." if path.is_dir() else r"\."
            modules = re.findall(rf"^from {dots}([a-z_]+)", text, re.M)
            for block in re.findall(rf"^from {dots} import (?:\(([^)]*)\)|(.+))", text, re.M):
                modules += re.findall(r"[a-z_]+(?= as)|[a-z_]+", re.sub(r" as \w+", "", block[0] or block[1]))
            wrong += [f"{file.name} imports {m}" for m in modules if m in order and order.index(m) > order.index(name)]
    assert wrong == []
