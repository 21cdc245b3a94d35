"""What the documents claim about the code is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.controls import CONTROLS
from tests.chaos.faults import FAULTS

ROOT = Path(__file__).parents[1]
LAWS = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
SEMANTICS = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED = sorted(set(_TEST.findall(LAWS + RELIABILITY + SEMANTICS)))


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_a_promise_names_exists(file: str, name: str) -> None:
    assert name in named_in(file)


def test_every_behaviour_of_others_names_a_test() -> None:
    rows = [line for line in SEMANTICS.splitlines() if re.match(r"\| (?!behaviour|trap|---)\w", line)]
    assert len(rows) > 40
    assert [row for row in rows if not _TEST.search(row)] == []


def test_every_law_names_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.*$", LAWS, re.MULTILINE)
    assert [int(n) for n in rows] == list(range(1, 15))
    assert len(NAMED) >= len(rows)


def test_every_fault_and_every_control_has_its_row_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", RELIABILITY, re.MULTILINE)
    assert sorted(rows) == sorted([*FAULTS, *CONTROLS])


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))])
def test_every_file_a_document_points_to_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    pointed = set(re.findall(r"`((?:docs|tests|ingest|streams|alerts|api|deploy)/[\w./-]+\.\w+)`", text))
    assert not [p for p in pointed if not (ROOT / p).exists()]


def test_every_make_target_the_readme_names_exists() -> None:
    targets = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= rules
