"""`tocsin decode`, as a person and a program use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.command.decode import reply_text
from api.command.verbs import app
from ingest.dialects.catalogue import entries

RUN = CliRunner()


def lines(*arguments: str | Path, code: int = 0) -> list[dict[str, Any]]:
    done = RUN.invoke(app, ["decode", "--json", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def file(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_an_object_a_file_with_all_that_is_promised(tmp_path: Path) -> None:
    body = file(tmp_path, "a.json", '{"smoke": true, "battery": 80}')
    (line,) = lines("--topic", "zigbee2mqtt/kitchen", "--received-at", "2026-03-01T16:00:00+08:00", body)
    assert set(line) == {"file", "dialect", "verdict", "reason", "observations", "reply"}
    assert (line["file"], line["dialect"], line["verdict"], line["reason"], line["reply"]) == (
        str(body),
        "zigbee2mqtt",
        "accepted",
        None,
        None,
    )
    alarm = next(o for o in line["observations"] if o["kind"] == "alarm")
    wanted = {
        "kind",
        "source",
        "gateway",
        "device",
        "metric",
        "value",
        "unit",
        "observed_at",
        "time_from",
        "quality",
        "key",
        "warnings",
        "attributes",
    }
    assert wanted <= set(alarm)
    assert (alarm["device"], alarm["metric"], alarm["value"], alarm["time_from"]) == (
        "kitchen",
        "fire_alarm",
        True,
        "received",
    )
    assert alarm["observed_at"] == "2026-03-01T16:00:00+08:00"


def test_files_are_one_stream_with_its_state(tmp_path: Path) -> None:
    config = file(
        tmp_path, "1.json", '{"stat_t": "~/s", "~": "cell/1", "dev_cla": "gas", "uniq_id": "u", "name": "Gas"}'
    )
    alone = lines("--topic", "cell/1/s", file(tmp_path, "2.txt", "ON"))
    assert alone[0]["verdict"] == "rejected"
    first = lines("--dialect", "ha-discovery", config)
    assert first[0]["verdict"] == "accepted"


def test_a_device_that_only_the_topic_names_is_called_after_its_file(tmp_path: Path) -> None:
    body = file(
        tmp_path,
        "kitchen.json",
        '{"smoke": true, "tamper": false, "battery_low": false, "linkquality": 70, "battery": 90, "voltage": 3000}',
    )
    (line,) = lines("--dialect", "zigbee2mqtt", body)
    assert {o["device"] for o in line["observations"]} == {"kitchen"}


@pytest.mark.parametrize(
    ("why", "text", "verdict"),
    [
        ("hex with comments and blanks", "# a deny\n40 40 05 00 01 01 00 00 10 01 03 1a # head\n", "rejected"),
        ("hex with 0x and commas", "0x40,0x40", "rejected"),
    ],
)
def test_hex_files(why: str, text: str, verdict: str, tmp_path: Path) -> None:
    (line,) = lines("--dialect", "gb26875", file(tmp_path, "a.hex", text))
    assert line["verdict"] == verdict, why


@pytest.mark.parametrize(
    ("why", "arguments", "said"),
    [
        ("a dialect that does not exist", ["--dialect", "morse", "FILE"], "there is no dialect morse"),
        ("no file at all", [], "name at least one file"),
        ("a time without its offset", ["--received-at", "2026-03-01T16:00:00", "FILE"], "offset"),
        ("a time that is none", ["--received-at", "soon", "FILE"], "ISO 8601"),
        ("a hex file that is none", ["HEX"], "hex digits"),
    ],
)
def test_a_wrong_call_says_what_to_do(why: str, arguments: list[str], said: str, tmp_path: Path) -> None:
    paths = {"FILE": file(tmp_path, "a.txt", "x"), "HEX": file(tmp_path, "b.hex", "zz")}
    done = RUN.invoke(app, ["decode", *(str(paths.get(a, a)) for a in arguments)])
    assert done.exit_code == 2, why
    assert said in " ".join(done.output.split()), why


def test_people_get_a_table_and_the_list_names_everything(tmp_path: Path) -> None:
    shown = RUN.invoke(
        app, ["decode", "--topic", "tocsin/gw/d1/telemetry", str(file(tmp_path, "a.json", '{"smoke": 0.2}'))]
    )
    assert shown.exit_code == 0
    assert "smoke" in shown.stdout
    assert "accepted" in shown.stdout
    listed = [
        json.loads(line)["dialect"] for line in RUN.invoke(app, ["decode", "--list", "--json"]).stdout.splitlines()
    ]
    assert listed == [entry.name for entry in entries()]
    assert RUN.invoke(app, ["decode", "--list"]).exit_code == 0


def test_replies_are_text_where_they_are_text() -> None:
    assert reply_text(b"##0012ok\r\n") == "##0012ok\r\n"
    assert reply_text("<a>好</a>".encode()) == "<a>好</a>"
    assert reply_text(b"@@\x05\x00") == "40400500"
