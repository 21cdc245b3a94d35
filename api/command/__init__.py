"""`tocsin`, the command: one module per verb. Progress goes to stderr, results to stdout; errors say what, why and what to do.

Exit codes: 0 done, 1 the answer is no (a check failed, a file has errors), 2 the call was wrong, 3 something outside is missing or away.
"""

from __future__ import annotations

import typer

from api.command import bench, check, demo, doctor, import_place, process, replay, simulate, up

app = typer.Typer(
    name="tocsin",
    no_args_is_help=True,
    add_completion=False,
    help="The alarm bell of a city governed by grids · 网格城市的警钟",
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("gateway")(process.gateway)
app.command("worker")(process.worker)
app.command("api")(process.api)
app.command("import")(import_place.import_place)
app.command("simulate")(simulate.simulate)
app.command("replay")(replay.replay)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)


def main() -> None:
    """The console script."""
    app()
