"""The verbs of `tocsin`, in the order in which help shows them."""

from __future__ import annotations

import typer

from api.command import (
    bench,
    check,
    decode,
    demo,
    devices,
    doctor,
    import_place,
    instruct,
    migrate,
    orders,
    policy_test,
    process,
    rejects,
    replay,
    reports,
    roster,
    silences,
    simulate,
    up,
)

app = typer.Typer(
    name="tocsin",
    no_args_is_help=True,
    add_completion=False,
    help="The alarm bell of a city governed by grids · 网格城市的警钟",
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("migrate")(migrate.migrate)
app.command("gateway")(process.gateway)
app.command("worker")(process.worker)
app.command("sender")(process.sender)
app.command("api")(process.api)
app.command("import")(import_place.import_place)
app.add_typer(devices.app, name="devices")
app.add_typer(roster.app, name="roster")
app.command("simulate")(simulate.simulate)
app.command("replay")(replay.replay)
app.command("check")(check.check)
app.add_typer(policy_test.app, name="policy")
app.command("decode")(decode.decode)
app.add_typer(rejects.app, name="rejects")
app.add_typer(reports.app, name="reports")
app.add_typer(instruct.app, name="instruct")
app.add_typer(silences.app, name="silences")
app.add_typer(orders.app, name="orders")
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
