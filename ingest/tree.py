"""Checks the tree of grids that a file makes together with what is in force, and how their outlines fit, at each of its times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ingest.places import outline, overlapping
from ingest.registry import Grid, Registry
from ingest.sheets import Problem, Row

_MOSTLY: Final = 0.5  # of a grid inside its parent; simplified outlines rarely fall below it, another datum often does
_OVERLAP: Final = 0.1  # of a grid inside its neighbour; borders drawn by two hands overlap by less
_BEFORE: Final = timedelta(microseconds=1)


def tree_problems(found: Mapping[str, tuple[Grid, Row]], known: Registry, attempted: set[str]) -> list[Problem]:
    """What is wrong with the tree at each of its times; what is wrong at several is said once."""
    made = {id(grid): row for grid, row in found.values()}
    whole = Registry.of([*known.every_grid(), *(grid for grid, _ in found.values())], ())
    edges = whole.edges()
    times = [edges[0] - _BEFORE, *edges] if edges else [None]
    problems: list[Problem] = []
    for at in times:
        seen = whole if at is None else whole.at(at)
        new = {code: (grid, made[id(grid)]) for code, grid in seen.grids.items() if id(grid) in made}
        problems += _tree_problems(new, seen, attempted)
        rows = {code: row for code, (_, row) in new.items()}
        problems += _terrain_problems({code: grid for code, (grid, _) in new.items()}, rows, seen)
    return list(dict.fromkeys(problems))


def _tree_problems(found: Mapping[str, tuple[Grid, Row]], seen: Registry, attempted: set[str]) -> list[Problem]:
    whole = seen.grids
    problems: list[Problem] = []
    for code, (grid, row) in found.items():
        if grid.parent and grid.parent not in whole and grid.parent not in {*attempted, *seen.times}:
            # A parent whose own line is wrong is not missing, and one that begins later is only late.
            problems.append(row.error(f"grid {code!r}: its parent {grid.parent!r} is neither in the file nor known"))
        elif grid.parent and grid.parent not in whole and grid.parent in seen.times:
            what = f"grid {code!r} is in force while its parent {grid.parent!r} is not: then it has nobody above it"
            problems.append(row.warning(what))
        loop = _loop(code, whole)
        if loop and code == min(set(loop) & found.keys()):
            problems.append(row.error(f"grids {' → '.join([*loop, loop[0]])} stand above one another in a circle"))
    for grid in whole.values():
        above = whole.get(grid.parent)
        where = found.get(grid.code) or found.get(grid.parent)
        if (
            above is not None
            and where is not None
            and above.code != grid.code
            and above.level.height <= grid.level.height
        ):
            pair = f"grid {grid.code!r} ({grid.level}) stands under {above.code!r} ({above.level})"
            what = f"{pair}: a parent is of a higher level"
            problems.append(where[1].error(what))
    return problems


def _loop(code: str, grids: Mapping[str, Grid]) -> list[str]:
    """The circle that a grid is part of, itself first; empty when the climb from it ends, or ends in another circle."""
    line = [code]
    while (above := grids[line[-1]].parent) in grids and above not in line:
        line.append(above)
    return line if above == code and len(line) > 1 else []


def _terrain_problems(grids: Mapping[str, Grid], rows: Mapping[str, Row], seen: Registry) -> list[Problem]:
    """Warnings about outlines that do not fit together: the commonest sign of two files in two datums."""
    whole = seen.grids
    shapes = {code: shape for code, grid in whole.items() if not (shape := outline(grid.rings)).is_empty}
    problems = []
    for code in grids.keys() & shapes.keys():
        parent = grids[code].parent
        if parent in shapes and (inside := _share(shapes[code], shapes[parent])) < _MOSTLY:
            what = f"grid {code!r}: only {inside:.0%} of it lies inside its parent {parent!r}; is the datum right?"
            problems.append(rows[code].warning(what))
    for code, other in overlapping(shapes):
        same = whole[code].level is whole[other].level
        if same and (code in rows or other in rows) and (both := _share(shapes[code], shapes[other])) > _OVERLAP:
            row = rows.get(code) or rows[other]
            shared = f"{both:.0%} of grid {code!r} lies inside {other!r} of the same level"
            what = f"{shared}: the smaller one answers for what they share"
            problems.append(row.warning(what))
    return sorted(problems, key=lambda p: p.line)


def _share(part: Any, whole: Any) -> float:
    return float(part.intersection(whole).area / part.area)
