"""The repository itself: formatted, typed, layered as designed, and free of what belongs to one machine."""

import ast
import graphlib
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minifit

ROOT = Path(__file__).parents[1]
TEXT = {".py", ".md", ".toml", ".ipynb", ".txt", ".csv", ".json", ".yml", ".yaml", ".cfg", ".html", ".css", ".sh", ""}
BUILT = {"build", "dist", "node_modules", "__pycache__"}


def files() -> list[Path]:
    """Every text file that is or could be committed; outside of a checkout, all that is not hidden or built."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        paths = [p for p in ROOT.rglob("*") if not any(part[0] == "." or part in BUILT for part in p.parts)]
    return [path for path in paths if path.is_file() and path.suffix in TEXT]


def occurrences(pattern: str, suffixes: set[str] | None = None) -> list[str]:
    found = []
    for path in files():
        if path != Path(__file__) and (suffixes is None or path.suffix in suffixes):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if match := re.search(pattern, line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    return found


# --- style -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "--output-format=concise", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["lint", "format", "types"],
)
def test_tool_finds_nothing(command: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert occurrences(r"(?<![\w.])/(root|home|work|Users|mnt)/\w+|\b[A-Z]:\\Users\\") == []


def test_links_lead_to_public_hosts() -> None:
    """No address of a private mirror: a bare machine name, a number or a port. This machine itself may be named."""
    assert occurrences(r"https?://(?!localhost|127\.0\.0\.1)([\d.]+\b|[\w-]+(?=[/:\s\"')])|[\w.-]+:\d+)|file://") == []


def test_nothing_is_left_to_be_done_in_the_code() -> None:
    assert occurrences(r"\b(TODO|FIXME|XXX)\b", {".py", ".toml"}) == []


def test_there_are_no_emoji() -> None:
    assert occurrences("[\U0001f000-\U0001faff\u2600-\u2712\u2728-\u27bf\u2b50\u2b55]") == []


# --- layers ----------------------------------------------------------------------------------------------------------


def imports_at_the_top(path: Path, package: str) -> set[str]:
    """The modules of ``package`` that a file imports when it is loaded, as dotted names below the package."""
    inside = path.relative_to(ROOT / package).with_suffix("").parts
    here = inside[:-1]
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            names = [alias.name for alias in node.names] if node.module is None else [node.module]
            found |= {".".join((*base, name)) for name in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            found.add((node.module or "").partition(".")[2])
    return found


@pytest.mark.parametrize("package", ["minifit", "autograder"])
def test_modules_can_be_read_in_an_order_without_circles(package: str) -> None:
    graph = {}
    for path in (ROOT / package).rglob("*.py"):
        name = ".".join(path.relative_to(ROOT / package).with_suffix("").parts)
        if not name.endswith("__init__"):
            graph[name] = imports_at_the_top(path, package) - {name}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # a circle raises, and names it
    assert set(graph) <= set(order)


def test_the_engine_imports_nothing_of_the_other_rooms() -> None:
    for path in (ROOT / "minifit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                assert name.partition(".")[0] not in ("autograder", "solutions", "course", "tests"), path


# --- documentation ---------------------------------------------------------------------------------------------------

PUBLIC = ["activations", "callbacks", "initializers", "layers", "losses", "metrics", "optimizers", "utils", "datasets"]


@pytest.mark.parametrize("module", PUBLIC)
def test_everything_public_says_what_it_is(module: str) -> None:
    namespace = importlib.import_module(f"minifit.{module}")
    silent = [
        name
        for name, value in vars(namespace).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith("minifit")
        and not (inspect.getdoc(value) or "").strip()
    ]
    assert silent == []


def test_every_public_name_is_there() -> None:
    assert [name for name in minifit.__all__ if not hasattr(minifit, name)] == []
    assert minifit.__version__ in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
