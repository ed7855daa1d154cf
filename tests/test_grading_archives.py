"""Submissions as learning platforms hand them over, and archives that mean harm."""

import importlib.util
import io
import json
import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest

from autograder import build
from autograder.grading import archives, batch
from autograder.grading.limits import Limits
from autograder.grading.submissions import NoSubmissions, scan

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

KNOWN = ("00_orientation", "01_the_loop_in_twelve_lines", "04_losses")
ONE, FOUR = KNOWN[1], KNOWN[2]


def zipped(path, files):
    """Write a zip file; a value that is a dict is a zip file in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(files))
    return path


def packed(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        for name, content in files.items():
            box.writestr(name, packed(content) if isinstance(content, dict) else content)
    return out.getvalue()


def found(folder, out=None):
    here = folder if folder.is_dir() else folder.parent
    return scan(folder, KNOWN, out or here.parent / "out").submissions


def who(folder):
    return sorted((s.student, s.notebook, s.lms) for s in found(folder))


NOTEBOOK = '{"cells": [{"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": "04-setup"}}}]}'

CANVAS = {
    f"doejane_4711_990_{FOUR}.ipynb": NOTEBOOK,
    f"roejohn_LATE_4712_991_{FOUR}-1.ipynb": NOTEBOOK,
    "poeann_4713_992_homework.ipynb": NOTEBOOK,
    "loesue_4714_993_all.zip": {f"{ONE}.ipynb": "{}", f"sub/{FOUR}.ipynb": "{}"},
}
CANVAS_FOUND = [
    ("doejane", FOUR, "canvas 4711"),
    ("loesue", ONE, "canvas 4714"),
    ("loesue", FOUR, "canvas 4714"),
    ("poeann", FOUR, "canvas 4713"),
    ("roejohn", FOUR, "canvas 4712"),
]
MOODLE = {
    f"Jane Doe_4711_assignsubmission_file_/{FOUR}.ipynb": NOTEBOOK,
    f"John Roe_4712_assignsubmission_file_/deep/er/{FOUR}.ipynb": NOTEBOOK,
    f"Ann Poe_4713_assignsubmission_file_{FOUR}.ipynb": NOTEBOOK,
    "Sue Loe_4714_assignsubmission_file_/all.zip": {f"{FOUR}.ipynb": "{}"},
}
MOODLE_FOUND = [
    ("Ann Poe", FOUR, "moodle 4713"),
    ("Jane Doe", FOUR, "moodle 4711"),
    ("John Roe", FOUR, "moodle 4712"),
    ("Sue Loe", FOUR, "moodle 4714"),
]


@pytest.mark.parametrize(
    ("files", "expected"), [(CANVAS, CANVAS_FOUND), (MOODLE, MOODLE_FOUND)], ids=["Canvas", "Moodle"]
)
@pytest.mark.parametrize("form", ["a zip file", "in a folder", "unpacked", "in a folder of the zip"])
def test_a_platforms_download_is_understood_however_it_lies(tmp_path, files, expected, form):
    into = tmp_path / "in"
    if form == "unpacked":
        for name, content in files.items():
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed(content) if isinstance(content, dict) else content.encode())
    elif form == "in a folder of the zip":
        zipped(into / "submissions.zip", {f"submissions/{name}": content for name, content in files.items()})
    else:
        zipped(into / "submissions.zip", files)
    assert who(into / "submissions.zip" if form == "a zip file" else into) == expected


def test_nbgraders_tree_in_a_zip_is_understood(tmp_path):
    files = {f"submitted/{name}/{FOUR}/{FOUR}.ipynb": "{}" for name in ("ada", "bo")}
    assert who(zipped(tmp_path / "in" / "class.zip", files)) == [("ada", FOUR, ""), ("bo", FOUR, "")]


def test_a_zip_for_each_student_bears_their_name(tmp_path):
    zipped(tmp_path / "in" / "ada.zip", {f"{FOUR}.ipynb": "{}", "__MACOSX/._x.ipynb": "x"})
    zipped(tmp_path / "in" / f"bo_{FOUR}.zip", {"notebook.ipynb": NOTEBOOK})
    zipped(tmp_path / "in" / "cleo" / "all.zip", {f"x/{FOUR}.ipynb": "{}", f"x/{ONE}.ipynb": "{}"})
    assert who(tmp_path / "in") == [("ada", FOUR, ""), ("bo", FOUR, ""), ("cleo", ONE, ""), ("cleo", FOUR, "")]


def test_two_people_of_one_name_stay_two(tmp_path):
    names = {f"doejane_{n}_99{n}_{FOUR}.ipynb": NOTEBOOK for n in (11, 12)}
    assert who(zipped(tmp_path / "in" / "s.zip", names)) == [
        ("doejane 11", FOUR, "canvas 11"),
        ("doejane 12", FOUR, "canvas 12"),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such names")
def test_two_names_that_are_not_safe_do_not_become_one(tmp_path):
    for name in ("a<b>", "a>b<", "ab"):
        path = tmp_path / "in" / name / f"{FOUR}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text("{}", encoding="utf-8")
    names = [s.student for s in found(tmp_path / "in")]
    assert len(set(names)) == 3
    assert not set("".join(names)) & set("<>")


def test_of_several_uploads_the_last_counts_also_after_the_ninth(tmp_path):
    for n in (2, 9, 10):
        path = tmp_path / "in" / f"ada_4711_99_{FOUR}-{n}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}", encoding="utf-8")
    (one,) = found(tmp_path / "in")
    assert one.path.name == f"ada_4711_99_{FOUR}-10.ipynb"


@pytest.mark.parametrize(
    "name",
    [
        f"{FOUR}.ipynb.txt",
        f"{FOUR}.ipynb.json",
        f"{FOUR}.IPYNB",
        "04 Losses (1).ipynb",
        "04-losses.ipynb",
        f"a/b/c/{FOUR}.ipynb",
        "submission.json",
        "Untitled3.ipynb",
    ],
)
def test_files_of_odd_names_and_places_are_known_all_the_same(tmp_path, name):
    path = tmp_path / "in" / "ada" / name
    path.parent.mkdir(parents=True)
    path.write_text(NOTEBOOK, encoding="utf-8")
    assert [(s.student, s.notebook) for s in found(tmp_path / "in")] == [("ada", FOUR)]


def test_who_handed_in_something_else_is_told_so(tmp_path):
    path = tmp_path / "in" / "ada" / "report.pdf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"%PDF")
    (one,) = found(tmp_path / "in")
    assert one.problem == "not graded: handed in report.pdf; no notebook"


def test_a_time_that_a_learner_packed_is_not_believed(tmp_path):
    zipped(
        tmp_path / "in" / "ada.zip", {f"{FOUR}/{FOUR}.ipynb": "{}", f"{FOUR}/timestamp.txt": "2001-01-01 00:00:00 UTC"}
    )
    tree = tmp_path / "in" / "bo" / FOUR
    tree.mkdir(parents=True)
    (tree / f"{FOUR}.ipynb").write_text("{}", encoding="utf-8")
    (tree / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC", encoding="utf-8")
    assert {s.student: s.stamp for s in found(tmp_path / "in")} == {"ada": "", "bo": "2026-01-01 00:00:00 UTC"}


# Archives that mean harm


def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, target


def harmful(path, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    good = f"{FOUR}.ipynb"
    if kind == "not a zip":
        path.write_bytes(b"PK\x03\x04 no")
        return
    if kind == "cut":
        path.write_bytes(packed({good: NOTEBOOK})[:-30])
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        if kind == "slip":
            box.writestr(f"../../{good}", NOTEBOOK)
        elif kind == "absolute":
            box.writestr(f"/tmp/{good}", NOTEBOOK)
        elif kind == "drive":
            box.writestr(f"C:\\x\\{good}", NOTEBOOK)
        elif kind == "link":
            box.writestr(*link(good, "/etc/passwd"))
        elif kind == "bomb":
            with box.open(good, "w") as file:
                for _ in range(40):
                    file.write(b" " * 2**20)
        elif kind == "many":
            for n in range(archives.MAX_MEMBERS + 1):
                box.writestr(f"{n}.ipynb", "")
        elif kind == "zip in zip in zip":
            box.writestr("a.zip", packed({"b.zip": packed({"c.zip": {good: NOTEBOOK}})}))
        elif kind == "empty":
            pass
    if kind == "lying":  # says that it unpacks to ten bytes
        data = bytearray(packed({good: " " * 30 * 2**20}))
        at = data.rindex(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<I", 10)
        path.write_bytes(bytes(data))
    if kind == "encrypted":
        data = bytearray(packed({good: NOTEBOOK}))
        data[6] |= 1
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(bytes(data))


KINDS = {
    "not a zip": "cannot be opened as a zip file",
    "cut": "cannot be opened as a zip file",
    "slip": "lies outside its archive",
    "absolute": "lies outside its archive",
    "drive": "lies outside its archive",
    "link": "is a link; refused",
    "bomb": "unpacks to more than 20 MB; refused",
    "many": "holds 5001 files; 5000 at most",
    "zip in zip in zip": "holds no notebook",
    "empty": "holds no notebook",
    "lying": "refused",
    "encrypted": "is encrypted; refused",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_harmful_archive_is_refused_with_the_reason_and_the_others_are_found(tmp_path, kind):
    harmful(tmp_path / "in" / f"eve_{FOUR}.zip", kind)
    zipped(tmp_path / "in" / f"ada_{FOUR}.zip", {f"{FOUR}.ipynb": NOTEBOOK})
    before = {p for p in tmp_path.rglob("*") if "out" not in p.relative_to(tmp_path).parts[:1]}
    by_student = {s.student: s for s in found(tmp_path / "in")}
    assert by_student["ada"].notebook == FOUR
    assert by_student["eve"].notebook is None
    assert KINDS[kind] in by_student["eve"].problem
    assert {p for p in tmp_path.rglob("*") if "out" not in p.relative_to(tmp_path).parts[:1]} == before


def test_what_is_refused_is_said_beside_what_can_be_graded(tmp_path):
    path = tmp_path / "in" / f"ada_{FOUR}.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as box:
        box.writestr(f"{FOUR}.ipynb", NOTEBOOK)
        box.writestr("../x.ipynb", NOTEBOOK)
    (one,) = found(tmp_path / "in")
    assert one.notebook == FOUR
    assert "lies outside its archive" in one.note


def test_a_class_with_a_bad_archive_is_graded_to_its_end(tmp_path):
    harmful(tmp_path / "in" / "eve.zip", "bomb")
    harmful(tmp_path / "in" / "mal.zip", "cut")
    source = build.find_source("01")
    zipped(tmp_path / "in" / "ada.zip", {f"{ONE}.ipynb": json.dumps(make.solved(source))})
    whole = batch.grade_folder(tmp_path / "in", tmp_path / "out", limits=Limits(5.0, 40.0), workers=1)
    assert {name: sum(r.points for r in results) for name, results in whole.by_student.items()} == {
        "ada": 8,
        "eve": 0,
        "mal": 0,
    }
    notes = {r.student: r.notes for r in whole.results if r.file}
    assert "unpacks to more than 20 MB" in notes["eve"][0]
    rows = (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
    assert "mal,,,,,not graded" in rows


def test_an_empty_zip_for_a_class_is_refused_in_words(tmp_path):
    with pytest.raises(NoSubmissions, match="is not a folder"):
        scan(tmp_path / "none.zip", KNOWN, tmp_path / "out")


@pytest.mark.parametrize("name", ["../x", "a/b", "<img src=x onerror=alert(1)>", "", "..", "nul\0", "a" * 300, "ünï 1"])
def test_a_safe_name_is_a_plain_one(name):
    plain = archives.safe(name)
    assert plain
    assert len(plain) <= 120
    assert not set(plain) & set("/\\<>\0\"'&:")
    assert plain.strip(". ") == plain
