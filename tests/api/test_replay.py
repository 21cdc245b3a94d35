"""Replay: tables are read as they come, meanings are strict or honestly guessed, and rows go over the wire in their own time."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Notice, Reason
from api.command.replay import pace_of, prepare
from api.county.publisher import Publisher
from api.replay.account import alert_line
from api.replay.guess import guess
from api.replay.mapping import ORIGIN, BadMapping, Mapping, bind, load_mapping
from api.replay.place import place_of
from api.replay.player import beginning_at, play
from api.replay.reading import TOPIC, Recording, Survey, auto_speed
from api.replay.table import BadTable, open_table
from api.replay.times import Instants
from ingest.clock import Clock
from ingest.dialects.native import Native
from ingest.events import Place
from ingest.registry import Registry
from streams.signal import Level
from tests.api.test_simulator import Listener

T0 = datetime(2020, 1, 1, tzinfo=UTC)
FIRE = "TIME,TCA_1,TCFIRE,SMA_1,GASA_5,Ion3A,Load\n" + "".join(
    f"{2 * n},{20 + n},{20 + 9 * n},{n / 100},20.9,4400,7\n" for n in range(10)
)


def table(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return open_table(path)


def recording(tmp_path, text, mapping=None, limit=None):
    found = table(tmp_path, text)
    meaning = (
        Mapping.model_validate(mapping) if mapping else guess(found.header, list(found.rows()), found.name).mapping
    )
    return Recording(found, bind(meaning, found.header), limit)


# ---- tables


@pytest.mark.parametrize(
    ("sentence", "text", "encoding"),
    [
        ("commas", "t,a,b\n0,1,2\n1,3,4\n", "utf-8"),
        ("semicolons", "t;a;b\n0;1;2\n1;3;4\n", "utf-8"),
        ("tabs", "t\ta\tb\n0\t1\t2\n1\t3\t4\n", "utf-8"),
        ("a byte order mark and Windows line ends", "t,a,b\r\n0,1,2\r\n1,3,4\r\n", "utf-8-sig"),
        ("UTF-16 from a spreadsheet", "t,a,b\n0,1,2\n1,3,4\n", "utf-16"),
        ("blanks round the names and an empty line", " t , a , b \n0,1,2\n\n1,3,4\n", "utf-8"),
    ],
)
def test_a_table_is_read_as_it_comes(tmp_path, sentence, text, encoding):
    found = table(tmp_path, text, encoding=encoding)
    assert found.header == ("t", "a", "b"), sentence
    assert [[float(c) for c in row] for row in found.rows()] == [[0, 1, 2], [1, 3, 4]], sentence


def test_a_chinese_header_in_gb18030_is_read(tmp_path):
    assert table(tmp_path, "时间,温度\n0,20\n", encoding="gb18030").header == ("时间", "温度")


def test_a_decimal_comma_does_not_split_a_table_of_semicolons(tmp_path):
    found = table(tmp_path, "t;a\n0,5;1,25\n1,0;2,5\n")
    assert [
        c.metric
        for c in bind(
            Mapping.model_validate({"time": {"column": "t"}, "columns": [{"match": "a", "metric": "a"}]}), found.header
        ).columns
    ]
    assert next(found.rows()) == ("0,5", "1,25")


def test_a_compressed_table_and_a_parquet_one_say_the_same(tmp_path):
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"t,a\n0,1.5\n1,2.5\n"))
    pq.write_table(pa.table({"t": [0, 1], "a": [1.5, 2.5]}), tmp_path / "x.parquet")
    packed, columns = open_table(tmp_path / "x.csv.gz"), open_table(tmp_path / "x.parquet")
    assert packed.header == columns.header
    assert packed.name == columns.name == "x"
    assert [tuple(map(float, row)) for row in packed.rows()] == list(columns.rows())


def test_names_are_made_different_and_rows_as_wide_as_the_header(tmp_path):
    found = table(tmp_path, ",a,a\n0,1\n1,2,3,4\n")
    assert found.header == ("column 1", "a", "a #2")
    assert list(found.rows()) == [("0", "1", None), ("1", "2", "3")]


def test_a_table_without_a_header_keeps_its_first_row(tmp_path):
    assert len(list(table(tmp_path, "0,1\n1,2\n").rows())) == 2


@pytest.mark.parametrize(
    ("sentence", "raw", "said"),
    [
        ("an empty file", b"", "empty"),
        ("a picture", b"\x89PNG\x00\x00\x00", "no text table"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(tmp_path, sentence, raw, said):
    (tmp_path / "x.csv").write_bytes(raw)
    with pytest.raises(BadTable, match=said):
        open_table(tmp_path / "x.csv")
    with pytest.raises(BadTable, match="no such file"):
        open_table(tmp_path / "not there.csv")


# ---- times


@pytest.mark.parametrize(
    ("unit", "cell", "seconds"),
    [
        ("s", "2.50E+00", 2.5),
        ("ms", "1500", 1.5),
        ("min", 2.0, 120),
        ("h", "0,5", 1800),
        ("elapsed", "1:02:03.5", 3723.5),
        ("elapsed", "02:03", 123),
        ("iso", "2020-01-01 00:01:00", 60),
        ("iso", "2020-01-01T08:01:00+08:00", 60),
        ("epoch_ms", 1577836860000.0, 60),
        ("%d.%m.%Y %H:%M", "01.01.2020 00:01", 60),
    ],
)
def test_a_time_is_read_as_it_is_written(unit, cell, seconds):
    assert Instants(unit, T0, UTC).read(cell) == T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize("cell", ["", None, "NaN", "soon", "1e400", "s"])
@pytest.mark.parametrize("unit", ["s", "iso", "elapsed", "epoch_ms", "%Y"])
def test_what_is_no_time_is_none(unit, cell):
    assert Instants(unit, T0, UTC).read(cell) is None


def test_a_time_without_offset_is_in_the_zone_of_the_mapping():
    zone = timezone(timedelta(hours=8))
    assert Instants("iso", T0, zone).read("2020-01-01 08:00:00") == T0


# ---- mappings


def test_a_mapping_file_says_which_column_is_what(tmp_path):
    (tmp_path / "map.toml").write_text(
        'grid = "440100"\nskip = ["TCC_9"]\n[time]\ncolumn = "TIME"\nunit = "s"\norigin = 2024-05-01T10:00:00+08:00\n'
        '[[columns]]\nmatch = "TC?_*"\nmetric = "temperature"\nkind = "heat"\n'
        '[[columns]]\nmatch = "P[bar]"\ndevice = "pump"\nmetric = "pressure"\nscale = 100.0\ngrid = "440101"\n',
        encoding="utf-8",
    )
    binding = bind(load_mapping(tmp_path / "map.toml"), ("TIME", "TCA_1", "TCC_9", "P[bar]", "Note"))
    assert [(b.device, b.metric, b.kind, b.grid, b.scale) for b in binding.columns] == [
        ("TCA_1", "temperature", "heat", "440100", 1.0),
        ("pump", "pressure", "", "440101", 100.0),
    ]
    assert binding.skipped == ("TCC_9", "Note")
    assert binding.time.origin == datetime(2024, 5, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sentence", "text", "said"),
    [
        ("an unknown key", '[[columns]]\nmatch = "a"\nmetric = "x"\ncolour = 1', "columns.0.colour: no such key"),
        (
            "an unknown unit of time",
            '[time]\nunit = "fortnights"\n[[columns]]\nmatch = "a"\nmetric = "x"',
            "time.unit.*fortnights",
        ),
        (
            "an origin without offset",
            '[time]\norigin = 2020-01-01T00:00:00\n[[columns]]\nmatch = "a"\nmetric = "x"',
            "time.origin.*offset",
        ),
        ("a zone that is none", '[time]\nzone = "Mars"\n[[columns]]\nmatch = "a"\nmetric = "x"', "time.zone.*Mars"),
        ("no columns", "", "columns"),
        ("a scale of nothing", '[[columns]]\nmatch = "a"\nmetric = "x"\nscale = 0', "scale must not be 0"),
        ("no TOML", "[[", "not TOML"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_with_file_and_key(tmp_path, sentence, text, said):
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadMapping, match=f"map.toml.*{said}"):
        load_mapping(tmp_path / "map.toml")


@pytest.mark.parametrize(
    ("sentence", "mapping", "said"),
    [
        (
            "a time column that is not there",
            {"time": {"column": "when"}, "columns": [{"match": "a", "metric": "x"}]},
            "no column 'when'",
        ),
        (
            "a pattern that nothing matches",
            {"columns": [{"match": "z*", "metric": "x"}]},
            "no column of the table matches 'z\\*'",
        ),
        (
            "two columns of one device and metric",
            {"columns": [{"match": "?", "device": "d", "metric": "x"}]},
            "both x of device d",
        ),
        (
            "a device in two grids",
            {
                "columns": [
                    {"match": "a", "device": "d", "metric": "x"},
                    {"match": "b", "device": "d", "metric": "y", "grid": "g"},
                ]
            },
            "two grids",
        ),
        ("everything skipped", {"skip": ["a"], "columns": [{"match": "a", "metric": "x"}]}, "nothing is left"),
    ],
)
def test_a_mapping_that_does_not_fit_the_table_is_refused(sentence, mapping, said):
    with pytest.raises(BadMapping, match=said):
        bind(Mapping.model_validate(mapping), ("a", "b"))


# ---- guesses


def guessed(header, *rows):
    found = guess(header.split(","), [tuple(r.split(",")) for r in rows], "table")
    rules = {r.match: (r.device, r.metric, r.kind) for r in found.mapping.columns}
    return found.mapping.time, rules, " | ".join(found.said)


def test_a_fire_test_is_one_device_per_instrument_and_its_alarms_are_left_out():
    time_rule, rules, said = guessed(
        "TIME,1TC12,TCB_3,TCFIRE,SMA_1,GASA_5,Ion3A,Load", *(f"{n},20.5,21,22,0.002,20.9,4400,7" for n in range(5))
    )
    assert (time_rule.column, time_rule.unit) == ("TIME", "s")
    assert rules == {
        "1TC12": ("1TC12", "temperature", "heat"),
        "TCB_3": ("TCB_3", "temperature", "heat"),
        "SMA_1": ("SMA_1", "smoke", "smoke"),
        "GASA_5": ("GASA_5", "oxygen", "gas"),
    }
    assert "skipped Ion3A: the output of an installed alarm" in said
    assert "skipped TCFIRE" in said
    assert "skipped Load" in said


def test_a_room_station_is_one_device_and_its_label_is_left_out():
    time_rule, rules, said = guessed(
        "UTC,Temperature[F],Humidity[%],eCO2[ppm],Raw H2,Fire Alarm",
        *(f"{1654733331 + n},68,50,400,12000,0" for n in range(5)),
    )
    assert time_rule.unit == "epoch_s"
    assert rules == {
        c: ("table", m, "station")
        for c, m in (("Temperature[F]", "temperature"), ("Humidity[%]", "humidity"), ("eCO2[ppm]", "eco2"))
    }
    assert "skipped Fire Alarm" in said
    assert "skipped Raw H2: its name says nothing known" in said


@pytest.mark.parametrize(
    ("column", "cell", "metric"),
    [
        ("Ceiling TC 4", "21.5", "temperature"),
        ("RoomTemp", "21.5", "temperature"),
        ("T", "21.5", "temperature"),
        ("tcp_connections", "21.5", "tcp_connections"),
        ("attempts", "21.5", "attempts"),
        ("boiler temperature", "81.5", "machine_temperature"),
        ("Smoke Obscuration (%/m)", "0.5", "smoke"),
        ("smoke", "900", "smoke_level"),
        ("CO [ppm]", "3", "co"),
        ("CO2", "400", "co2"),
        ("PM2.5", "12", "pm2_5"),
        ("室内温度", "21.5", "temperature"),
    ],
)
def test_a_column_is_known_by_its_name_and_doubted_for_its_range(column, cell, metric):
    (rule,) = guess(("time", column), [(str(n), cell) for n in range(5)], "x").mapping.columns
    assert rule.metric == metric


def test_fahrenheit_becomes_celsius():
    found = guess(("t", "Temp (°F)"), [(str(n), "212") for n in range(4)], "x").mapping
    (bound,) = bind(found, ("t", "Temp (°F)")).columns
    assert 212 * bound.scale + bound.offset == pytest.approx(100)


def test_a_pump_is_a_machine_and_its_heat_is_no_room_on_fire():
    _, rules, said = guessed(
        "datetime,Accelerometer1RMS,Current,Temperature,Volume Flow RateRMS,anomaly",
        *(f"2020-03-01 10:00:0{n},0.08,1.2,88.5,30.1,0.0" for n in range(5)),
    )
    assert rules["Temperature"] == ("table", "machine_temperature", "station")
    assert {m for _, m, _ in rules.values()} == {"vibration", "current", "machine_temperature", "flow"}
    assert "skipped anomaly" in said


def test_drinking_water_is_water():
    _, rules, _ = guessed(
        "Time,Tp,pH,Cl,Redox,Trueb,EVENT", *(f"2016-02-15 11:5{n}:00,6.5,8.4,0.16,755,0.01,False" for n in range(5))
    )
    assert {c: m for c, (_, m, _) in rules.items()} == {
        "Tp": "water_temperature",
        "pH": "ph",
        "Cl": "chlorine",
        "Redox": "redox",
        "Trueb": "turbidity",
    }


def test_bare_numbers_that_begin_alike_are_an_array_of_thermometers():
    _, rules, _ = guessed("Time,1,2,3,4,5,6", *(f"{n},19.2,19.3,18.8,17.9,18.4,20.1" for n in range(5)))
    assert set(rules.values()) == {(str(n), "temperature", "heat") for n in range(1, 7)}


def test_a_lone_column_is_played_under_its_own_name():
    _, rules, _ = guessed("timestamp,Sales", *(f"2015-02-26 21:4{n}:53,{n * 7 % 5}" for n in range(5)))
    assert rules == {"Sales": ("table", "sales", "station")}


@pytest.mark.parametrize(
    ("sentence", "header", "row"),
    [
        ("only labels", "t,label", "{n},0"),
        ("only words", "t,name", "{n},tree"),
        ("alarm outputs", "Time,Act1,Act2", "{n},0,1"),
    ],
)
def test_a_table_without_measurements_is_refused(sentence, header, row):
    with pytest.raises(BadMapping, match="nothing in it looks like a measurement"):
        guessed(header, *(row.format(n=n) for n in range(5)))


@pytest.mark.parametrize(
    ("sentence", "header", "cells", "column", "unit"),
    [
        ("milliseconds by their name", "time_ms,temp", ("0", "40", "80"), "time_ms", "ms"),
        ("minutes in brackets", "Time (min),temp", ("0", "0.5", "1"), "Time (min)", "min"),
        (
            "epoch milliseconds by their size",
            "ts,temp",
            ("1654733331000", "1654733332000", "1654733333000"),
            "ts",
            "epoch_ms",
        ),
        (
            "dates of day first",
            "Datum,temp",
            ("30.01.2020 10:00", "31.01.2020 10:00", "01.02.2020 10:00"),
            "Datum",
            "%d.%m.%Y %H:%M",
        ),
        (
            "dates of month first",
            "Date,temp",
            ("01/30/2020 10:00", "01/31/2020 10:00", "02/01/2020 10:00"),
            "Date",
            "%m/%d/%Y %H:%M",
        ),
        (
            "days, not months, that follow each other",
            "Date,temp",
            ("03/04/2020 10:00", "04/04/2020 10:00", "05/04/2020 10:00"),
            "Date",
            "%d/%m/%Y %H:%M",
        ),
        ("elapsed time", "Time,temp", ("0:00:00", "0:00:01", "0:00:02"), "Time", "elapsed"),
        (
            "dates under an untelling name",
            "x,temp",
            ("2020-01-01T00:00:00Z", "2020-01-01T00:00:01Z", "2020-01-01T00:00:02Z"),
            "x",
            "iso",
        ),
        ("an index that counts up", "idx,temp", ("1", "2", "3"), "idx", "s"),
        ("nothing at all", "temp,hum", ("20", "20", "20"), "", "s"),
    ],
)
def test_the_time_column_is_found(sentence, header, cells, column, unit):
    rule = guess(header.split(","), [(c, f"2{n}") for n, c in enumerate(cells)], "x").mapping.time
    assert (rule.column, rule.unit) == (column, unit), sentence


def test_a_date_beside_a_time_of_day_is_one_time(tmp_path):
    found = recording(tmp_path, "Date,Time,temp\n" + "".join(f"2020-01-01,10:00:0{n},20\n" for n in range(4)))
    assert [m.at for m in found.moments()] == [datetime(2020, 1, 1, 10, 0, n, tzinfo=UTC) for n in range(4)]


@given(
    st.lists(st.lists(st.text(max_size=8), min_size=3, max_size=3), min_size=3, max_size=6),
    st.lists(st.text(max_size=12), min_size=3, max_size=3),
)
def test_a_guess_about_anything_is_a_mapping_that_fits_or_a_refusal(rows, header):
    names = [f"{h}#{i}" for i, h in enumerate(header)]
    try:
        found = guess(names, [tuple(r) for r in rows], "x")
    except BadMapping:
        return
    bind(found.mapping, names)


# ---- moments


def test_rows_become_moments_in_the_recordings_own_time(tmp_path):
    found = recording(tmp_path, FIRE)
    moments = list(found.moments())
    assert [m.at for m in moments] == [ORIGIN + timedelta(seconds=2 * n) for n in range(10)]
    assert moments[3].devices == {"TCA_1": {"temperature": 23.0}, "SMA_1": {"smoke": 0.03}, "GASA_5": {"oxygen": 20.9}}
    assert found.zero == ORIGIN


def test_cells_without_a_number_and_rows_without_a_time_are_left_out_and_counted(tmp_path):
    found = recording(
        tmp_path, "t,a,b\ns,C,C\n0,1,2\n1,NaN,3\n2,,\nbad,1,1\n3,4,inf\n",
        {"time": {"column": "t"}, "columns": [{"match": "?", "metric": "x"}], "skip": ["t"]},
    )  # fmt: skip
    survey = found.survey()
    assert (survey.moments, survey.rows_without_time, survey.empty_cells, survey.messages) == (4, 2, 4, 4)
    assert (survey.length, survey.step) == (3.0, 1.0)


def test_words_are_worth_what_the_mapping_says(tmp_path):
    mapping = {
        "time": {"column": "t"},
        "columns": [{"match": "a", "metric": "x", "values": {"ON": 1, "OFF": 0}, "scale": 2.0, "offset": 1.0}],
    }
    found = recording(tmp_path, "t,a\n0,ON\n1,OFF\n2,true\n3,5\n4,what\n", mapping)
    assert [m.devices.get("a", {}).get("x") for m in found.moments()] == [3.0, 1.0, 3.0, 11.0, None]


def test_a_limit_ends_the_recording_in_its_own_time(tmp_path):
    assert recording(tmp_path, FIRE, limit=6).survey().moments == 4


def test_a_table_without_times_counts_its_rows(tmp_path):
    found = recording(
        tmp_path,
        "a,b\n1,2\n1,2\n1,2\n",
        {"time": {"unit": "min", "step": 5}, "columns": [{"match": "a", "metric": "x"}]},
    )
    assert [m.at - ORIGIN for m in found.moments()] == [timedelta(minutes=5 * n) for n in range(3)]


def test_the_gateway_reads_a_row_back_exactly(tmp_path):
    for moment in recording(tmp_path, FIRE).moments():
        (payload,) = moment.payloads(moment.at)
        claims = Native().read(TOPIC, payload)
        assert {c.device: dict(c.values) for c in claims} == moment.devices
        assert {c.at for c in claims} == {moment.at} or {c.at.at for c in claims} == {moment.at}


def test_a_wide_row_is_cut_into_messages_a_gateway_takes(tmp_path):
    header = ",".join(f"TC{n}_1" for n in range(1000))
    (moment,) = list(
        recording(
            tmp_path,
            f"t,{header}\n0" + ",21.5" * 1000,
            {"time": {"column": "t"}, "columns": [{"match": "TC*", "metric": "x"}]},
        ).moments()
    )
    payloads = list(moment.payloads(moment.at))
    assert max(map(len, payloads)) < 65536
    assert sum(len(json.loads(p)) for p in payloads) == 1000


# ---- speed, place, account


def survey_of(length, step=1.0):
    return Survey(T0, T0 + timedelta(seconds=length), step, 10, 10, 0, 0)


@pytest.mark.parametrize(
    ("sentence", "length", "step", "speed"),
    [
        ("a short one runs as it was", 30, 1, 1),
        ("a fire of 200 s takes 40 s", 200, 2, 5),
        ("an hour takes 40 s", 3600, 1, 90),
        ("a day is not squeezed", 86400, 1, 600),
        ("two weeks of a row every five minutes go at 50 rows a second", 14 * 86400, 300, 15000),
    ],
)
def test_the_automatic_speed(sentence, length, step, speed):
    assert auto_speed(survey_of(length, step)) == speed, sentence


def test_without_the_stack_a_recording_plays_as_it_was():
    assert pace_of("auto", survey_of(4000), headless=False) == 1.0
    assert pace_of("2.5", survey_of(4000), headless=True) == 2.5
    for wrong in ("0", "-1", "fast", "nan", "1e9"):
        with pytest.raises(ValueError, match="no speed"):
            pace_of(wrong, survey_of(40), headless=True)


def test_every_device_of_a_replay_has_somebody_who_answers_for_it(tmp_path):
    binding = recording(tmp_path, FIRE).binding
    grids, devices, people = place_of(binding)
    registry = Registry.of(grids, devices)
    assert {d.id for d in devices} == {"TCA_1", "SMA_1", "GASA_5"}
    for device in devices:
        assert [g.level.value for g in registry.ancestors(device.grid)] == ["grid", "village", "township", "county"]
        assert [p.role for p in people if p.grid == device.grid] == ["grid_leader", "grid_worker"]
        assert device.interval is None


def test_an_alert_is_told_in_the_recordings_own_time():
    alert = Alert(
        "a1", "fire|x", "fire", Level.RED, Place("g1", "t1"), subjects=("TCA_1", "SMA_1"), rules=("heat",), value=58.5,
        stages={"event_at": T0 + timedelta(seconds=50), "raised_at": T0 + timedelta(seconds=52)},
    )  # fmt: skip
    late = Notice(
        "k2",
        "a1",
        "p2",
        "乙",
        "village_head",
        "v",
        "log",
        Reason.ESCALATE,
        Level.RED,
        "",
        T0 + timedelta(seconds=90),
        T0,
    )
    first = Notice(
        "k1", "a1", "p1", "甲", "grid_leader", "g1", "log", Reason.FIRST, Level.RED, "", T0 + timedelta(seconds=52), T0,
        sent_at=T0 + timedelta(seconds=53),
    )  # fmt: skip
    line = alert_line(alert, [late, first], T0)
    assert {k: line[k] for k in ("kind", "level", "device", "grid", "rule", "value", "event_s", "raised_s")} == {
        "kind": "fire", "level": "red", "device": "TCA_1", "grid": "g1", "rule": "heat", "value": 58.5, "event_s": 50.0, "raised_s": 52.0,
    }  # fmt: skip
    assert line["event_at"] == "2020-01-01T00:00:50.000+00:00"
    assert [(n["person"], n["role"], n["channel"], n["reason"], n["at_s"], n["state"]) for n in line["notices"]] == [
        ("p1", "grid_leader", "log", "first", 53.0, "queued"),
        ("p2", "village_head", "log", "escalate", 90.0, "queued"),
    ]
    assert "event_s" not in alert_line(alert, [], None)
    json.dumps(line)


def test_preparing_a_file_says_what_was_guessed_and_what_was_left_out(tmp_path):
    (tmp_path / "fire.csv").write_text(FIRE + "99,,1,1,1,1,1\n", encoding="utf-8")
    said = []
    found, survey = prepare(tmp_path / "fire.csv", None, "G-7", None, said.append)
    assert survey.moments == 11
    assert {b.grid for b in found.binding.columns} == {"G-7"}
    assert any("skipped Ion3A" in s for s in said)
    assert any("1 cells without a number" in s for s in said)


# ---- over the wire


def test_a_recording_is_played_in_order_and_at_its_pace(tmp_path, mqtt_broker, mqtt_settings):
    found = recording(tmp_path, FIRE)
    clock = Clock(origin=ORIGIN, speed=20)
    with (
        Listener(mqtt_broker.port, TOPIC) as listener,
        Publisher(mqtt_settings, f"replay-{time.time_ns()}") as publisher,
    ):
        played = play(found, publisher, clock, threading.Event())
        assert clock.now() >= ORIGIN + timedelta(seconds=18)
        assert publisher.flush(20)
        assert listener.wait_for(10)
    assert (played.moments, played.published) == (10, 10)
    temperatures = [
        entry["values"]["temperature"]
        for _, p in listener.heard
        for entry in json.loads(p)
        if entry["device"] == "TCA_1"
    ]
    assert temperatures == [20.0 + n for n in range(10)]
    times = [datetime.fromisoformat(json.loads(p)[0]["at"]) for _, p in listener.heard]
    assert times == [ORIGIN + timedelta(seconds=2 * n) for n in range(10)]


def test_a_stop_ends_a_recording_at_once(tmp_path, mqtt_settings):
    stop = threading.Event()
    stop.set()
    with Publisher(mqtt_settings, f"stopped-{time.time_ns()}") as publisher:
        assert play(recording(tmp_path, FIRE), publisher, Clock(origin=ORIGIN), stop).moments == 0


def test_a_recording_can_begin_now_at_another_speed():
    now = datetime(2026, 5, 1, tzinfo=UTC)
    when = beginning_at(T0, now, 10)
    assert when(T0 + timedelta(seconds=50)) == now + timedelta(seconds=5)


# ---- documentation


def documented():
    """Each worked example of docs/replay.md: a table beside the mapping that follows it."""
    text = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    return [
        re.search(r"```\n(.*?)```.*?```toml\n(.*?)```", part, re.DOTALL).groups() for part in text.split("## ")[3:5]
    ]


@pytest.mark.parametrize(
    ("sentence", "example", "devices"),
    [
        (
            "the fire test keeps only what hangs under the ceiling",
            0,
            {"TCA_1": {"temperature": 21.4}, "SMA_1": {"smoke": 0.001}},
        ),
        (
            "the pump is one device in our units",
            1,
            {"pump-7": {"pressure": 250.0, "machine_temperature": 20.0, "running": 1.0}},
        ),
    ],
)
def test_the_examples_in_the_documentation_work_as_they_stand(tmp_path, sentence, example, devices):
    text, toml = documented()[example]
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    (tmp_path / "map.toml").write_text(toml, encoding="utf-8")
    found, survey = prepare(tmp_path / "table.csv", tmp_path / "map.toml", "", None, lambda _: None)
    first = next(found.moments())
    assert {
        d: {m: pytest.approx(v, abs=1e-4) for m, v in values.items()} for d, values in devices.items()
    } == first.devices, sentence
    assert survey.moments == 2
