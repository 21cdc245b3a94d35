"""What a message costs in every dialect: one plain message each, composed here, decoded again and again by a decoder with its state.

The mapping profile of plain JSON is held against `orjson.loads` of the same bytes, which nobody who reads JSON can do without.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from typing import Any, Final

import orjson
from crccheck.crc import CrcModbus

from api.bench import Row
from ingest.dialects import gb26875_frames as panels
from ingest.dialects import hj212_frames as stations
from ingest.dialects.catalogue import SHIPPED
from ingest.dialects.mapped import Mapped, Profile
from ingest.dialects.observation import Message, decode_safely
from ingest.dialects.plain import Plain
from ingest.dialects.sparkplug_wire import Payload

NOW: Final = datetime(2026, 3, 1, 8, tzinfo=UTC)
_MS: Final = 1_772_352_000_000
_ROUND: Final = (
    0.05  # seconds of one measurement; the best of several counts, for other programs only ever make it slower
)
_ROUNDS: Final = 5
_Z2M: Final = "zigbee2mqtt/kitchen"
_PLAIN: Final = {
    "battery": 97, "humidity": 41.2, "last_seen": "2026-03-01T16:00:00+08:00", "linkquality": 66, "smoke": False, "tamper": False,
    "temperature": 21.5, "voltage": 3015,
}  # fmt: skip
_PROFILE: Final = {
    "name": "zigbee2mqtt", "topic": "zigbee2mqtt/{device}", "time": {"pointer": "/last_seen", "forms": ["iso", "epoch_ms"]},
    "metrics": [
        {"pointer": "/smoke", "metric": "alarm"}, {"pointer": "/tamper", "metric": "tamper"},
        {"pointer": "/temperature", "metric": "temperature", "unit": "°C"}, {"pointer": "/humidity", "metric": "humidity", "unit": "%"},
        {"pointer": "/battery", "metric": "battery", "unit": "%"},
        {"pointer": "/voltage", "metric": "voltage", "unit": "V", "scale": 0.001},
        {"pointer": "/linkquality", "metric": "linkquality"},
    ],
}  # fmt: skip
_ONE: Final = {
    "name": "one",
    "topic": "one/{device}",
    "metrics": [{"pointer": "/temperature", "metric": "temperature"}],
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a decoder is told `before`, once, and then `again` and again, in turn."""

    again: tuple[Message, ...]
    before: tuple[Message, ...] = ()


def run() -> list[Row]:
    """A row for each dialect, and the rows of `profiles`."""
    known = {entry.name: entry for entry in SHIPPED}
    rows = []
    for name, sample in samples().items():
        entry, turns = known[name], cycle(sample.again)
        decoder = entry.open()
        for message in sample.before:
            decode_safely(decoder, message, entry.largest)
        cost = best(lambda: decode_safely(decoder, next(turns), entry.largest))  # noqa: B023  # called before the next turn
        size = len(sample.again[0].payload)
        rows.append(Row(f"dialect {name}", cost * 1e6, "µs/message", "", None, f"{size} bytes"))
    return [*rows, *profiles()]


def profiles() -> list[Row]:
    """Mapping profiles, as in `docs/profiles.example.toml`: as the gateway reads them, and as observations."""
    many, one = Mapped(Profile.model_validate(_PROFILE)), Mapped(Profile.model_validate(_ONE))
    raw, small = orjson.dumps(_PLAIN), orjson.dumps({"temperature": 21.5})
    plain, message = Plain(many), Message(_Z2M, raw, NOW)
    return [
        _beside("dialect profile", lambda: many.read(_Z2M, raw), raw, "7 metrics and a time; at most 3 is the goal"),
        _beside("dialect profile, one", lambda: one.read("one/hall", small), small, "1 metric and no time"),
        _beside("dialect profile, observed", lambda: decode_safely(plain, message), raw, "the 7 as observations"),
    ]


def _beside(name: str, work: Callable[[], object], raw: bytes, what: str) -> Row:
    """The work and `orjson.loads` of the same bytes, in turns."""
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        ours.append(best(work, rounds=1))
        theirs.append(best(lambda: orjson.loads(raw), rounds=1))
    cost, base = min(ours), min(theirs)
    note = f"{len(raw)} bytes, {cost / base:.1f} times orjson.loads; {what}"
    return Row(name, cost * 1e6, "µs/message", f"orjson.loads {base * 1e6:.2f} µs", base / cost, note)


def best(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """Seconds of the processor that one call takes, in the best of several rounds: on a busy machine, only its own time counts."""
    found, clock = [], time.thread_time
    for _ in range(rounds):
        calls, begun = 0, clock()
        while (spent := clock() - begun) < _ROUND:
            for _ in range(50):
                work()
            calls += 50
        found.append(spent / calls)
    return min(found)


def samples() -> dict[str, Sample]:
    """One plain message of every dialect that ships."""
    return {**_devices(), **_platforms(), **_cameras(), **_words()}


def _one(topic: str, body: Any, *before: Message, content_type: str = "", peer: str = "") -> Sample:
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else orjson.dumps(body)
    return Sample((Message(topic, raw, NOW, content_type=content_type, peer=peer),), before)


def _sparkplug() -> Sample:
    """A birth, and then data whose sequence goes round."""
    metric = {"name": "smoke", "alias": 1, "datatype": 9, "float_value": 0.1}

    def message(verb: str, seq: int, *metrics: dict[str, Any]) -> Message:
        made = Payload(timestamp=_MS, seq=seq)
        for one in metrics:
            made.metrics.add(**one)
        return Message(f"spBv1.0/city/{verb}/edge1", made.SerializeToString(), NOW)

    birth = message("NBIRTH", 0, {"name": "bdSeq", "datatype": 8, "long_value": 0}, metric)
    data = {"alias": 1, "datatype": 9, "float_value": 0.2}
    return Sample(tuple(message("NDATA", n % 256, data) for n in range(1, 257)), (birth,))


def _fire() -> bytes:
    head = panels.Head(5, (1, 1), panels.stamp(NOW), "0000000000a1", "000000000000", panels.Command.SEND)
    place = bytes([1, 0, 40]) + (1).to_bytes(2, "little") + (7).to_bytes(2, "little")
    described = "走廊".encode("gb18030").ljust(31, b"\0")
    return panels.encode(head, bytes([2, 1]) + place + (0b11).to_bytes(2, "little") + described + panels.stamp(NOW))


def _pressure() -> bytes:
    rest = b"BENCH0000001" + bytes((0x34, 0xC8)) + (60).to_bytes(2) + (2).to_bytes(2) + bytes((1, 0))
    rest += b"\x00\x64\x01\xf4\x02\x1a" + (_MS // 1000).to_bytes(4) + (537).to_bytes(2) + (541).to_bytes(2)
    body = b"\xa5\x5a\x00" + (len(rest) + 9).to_bytes(2) + rest
    return body + int(CrcModbus.calc(body)).to_bytes(2) + b"\x55\xaa"


def _devices() -> dict[str, Sample]:
    smoke = {
        "name": "Fire",
        "state_topic": "stat/panel/FIRE",
        "device_class": "smoke",
        "unique_id": "x",
        "device": {"identifiers": ["panel"]},
    }
    config = _one("homeassistant/binary_sensor/panel_fire/config", smoke).again
    station = "QN=20260301160000000;ST=22;CN=2011;PW=1;MN=M1;Flag=5;CP=&&DataTime=20260301160000;a34004-Rtd=35,a34004-Flag=N&&"
    frame = {
        "DataSetWriterId": 1, "DataSetWriterName": "hall", "SequenceNumber": 7, "MessageType": "ua-deltaframe",
        "Timestamp": "2026-03-01T08:00:00Z", "Payload": {"Level": {"Value": 2.5, "SourceTimestamp": "2026-03-01T07:59:58Z"}},
    }  # fmt: skip
    network = {"MessageId": "m1", "MessageType": "ua-data", "PublisherId": "plc9", "Messages": [frame]}
    event = {
        "specversion": "1.0", "id": "e-1", "source": "/plant/1", "type": "org.example.level", "time": "2026-03-01T08:00:00Z",
        "datacontenttype": "application/json", "data": {"level": 2.5},
    }  # fmt: skip
    status = {
        "src": "shellyplus1-a8032ab1",
        "dst": "x",
        "method": "NotifyStatus",
        "params": {"ts": _MS / 1000, "temperature:0": {"id": 0, "tC": 21.5}},
    }
    return {
        "sparkplug": _sparkplug(),
        "gb26875": _one("", _fire()),
        "hj212": _one("", stations.encode(station)),
        "meokon": _one("", _pressure()),
        "zigbee2mqtt": _one(_Z2M, _PLAIN),
        "tasmota": _one("tele/hall/SENSOR", {"Time": "2026-03-01T16:00:00", "TempUnit": "C", "AM2301": {"Temperature": 21.5}}),
        "shelly": _one("shellyplus1-a8032ab1/events/rpc", status),
        "esphome": _one("hall/sensor/temperature/state", "21.5"),
        "ha-discovery": _one("stat/panel/FIRE", "OFF", *config),
        "opcua": _one("opcua/json/data/plc9", network),
        "cloudevents": _one("events", event),
        "senml": _one("any/topic", [{"bn": "urn:dev:ow:10e2073a0108006:", "bt": _MS // 1000, "n": "temperature", "u": "Cel", "v": 21.5}]),
    }  # fmt: skip


def _platforms() -> dict[str, Sample]:
    info = {
        "applicationId": "a1",
        "applicationName": "wells",
        "deviceProfileName": "EM300-TH",
        "deviceName": "cellar",
        "devEui": "24e124136b00000a",
    }
    up = {
        "deduplicationId": "7c0f1f50-1111-4222-8333-444455556666", "time": "2026-03-01T07:59:58Z", "deviceInfo": info,
        "devAddr": "00189440", "fPort": 85, "fCnt": 7, "data": "AQ==",
        "rxInfo": [{"gatewayId": "0016c001f1000001", "rssi": -110, "snr": -3.5}],
        "object": {"temperature": 21.5, "battery": 90},
    }  # fmt: skip
    things = {
        "end_device_ids": {"device_id": "well-7", "application_ids": {"application_id": "a1"}, "dev_eui": "24E124136B00000A"},
        "correlation_ids": ["gs:uplink:03"], "received_at": "2026-03-01T07:59:59Z",
        "uplink_message": {
            "f_cnt": 4, "f_port": 1, "received_at": "2026-03-01T07:59:58Z", "decoded_payload": {"temperature": 21.5},
            "rx_metadata": [{"gateway_ids": {"gateway_id": "near"}, "rssi": -60, "snr": 8.2}],
        },
    }  # fmt: skip
    ctwing = {
        "upPacketSN": -1, "upDataSN": -1, "topic": "v1/up/ad19prof", "timestamp": _MS, "tenantId": "1", "serviceId": "",
        "protocol": "lwm2m", "productId": "1501", "payload": {"serviceId": "notification", "serviceData": {"Alarm_Status": 7, "TData": 21}},
        "messageType": "dataReport", "deviceType": "", "deviceId": "d-1", "IMSI": "undefined", "IMEI": "860374000000001",
    }  # fmt: skip
    point = {"at": _MS, "imei": "861931000000001", "type": 1, "ds_id": "3303_0_5700", "value": 21.5, "dev_id": 523444}
    service = {"service_id": "S", "properties": {"temperature": 21.5}, "event_time": "20260301T075957Z"}
    notify = {
        "header": {"app_id": "a", "device_id": "p_node", "node_id": "node", "product_id": "p", "gateway_id": "gw"},
        "body": {"services": [service]},
    }  # fmt: skip
    alink = {"id": "77", "version": "1.0", "method": "thing.event.property.post", "params": {"temperature": 21.5}}
    return {
        "chirpstack": _one("application/a1/device/24e124136b00000a/event/up", up),
        "things_stack": _one("v3/a1@t/devices/well-7/up", things),
        "milesight": _one("milesight/em300-th", bytes.fromhex("0175630367f6ff04685b")),
        "ctwing": _one("", ctwing),
        "onenet": _one("", {"msg": point, "msg_signature": "x", "nonce": "C1z3?giR"}),
        "iotda": _one("", {"resource": "device.property", "event": "report", "event_time": "20260301T075958Z", "notify_data": notify}),
        "alink": _one("/sys/prod1/dev1/thing/event/property/post", alink),
        "thingsboard": _one("v1/gateway/telemetry", {"d1": [{"ts": _MS, "values": {"temperature": 21.5}}]}),
    }  # fmt: skip


def _cameras() -> dict[str, Sample]:
    seen = {
        "id": "1772351997.5-abc", "camera": "yard", "label": "fire", "score": 0.7, "top_score": 0.8, "frame_time": 1_772_351_999.5,
        "false_positive": False, "start_time": 1_772_351_997.5, "end_time": None, "current_zones": [], "entered_zones": [],
    }  # fmt: skip
    notify = (
        '<?xml version="1.0" encoding="GB2312"?><Notify><CmdType>Alarm</CmdType><SN>17</SN><DeviceID>34020000001320000001</DeviceID>'
        "<AlarmPriority>1</AlarmPriority><AlarmMethod>5</AlarmMethod><AlarmTime>2026-03-01T16:00:00</AlarmTime>"
        "<AlarmDescription>烟火</AlarmDescription></Notify>"
    )
    alert = (
        '<?xml version="1.0" encoding="UTF-8"?><EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">'
        "<macAddress>00:00:5e:00:53:01</macAddress><channelID>1</channelID><dateTime>2026-03-01T16:00:00+08:00</dateTime>"
        "<activePostCount>1</activePostCount><eventType>fireDetection</eventType><eventState>active</eventState></EventNotificationAlert>"
    )
    onvif = {"UtcTime": "2026-03-01T08:00:00Z", "Source": {"VideoSourceToken": "vs1"}, "Data": {"State": True}}
    said = f'Code=FireWarning;action=Start;index=0;data={{"UTC": {_MS // 1000}}}'
    part = f"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:{len(said)}\r\n\r\n{said}\r\n\r\n"
    sequence = {
        "id": 9, "camera_id": 4, "is_wildfire": None, "is_validated": True, "max_conf": 0.8, "started_at": "2026-03-01T07:40:00",
        "last_seen_at": "2026-03-01T07:59:30",
    }  # fmt: skip
    fire = {
        "id": 5, "organization_id": 2, "lat": 48.38, "lon": 2.73, "started_at": "2026-03-01T07:40:00",
        "last_seen_at": "2026-03-01T07:59:30", "sequences": [sequence],
    }  # fmt: skip
    return {
        "frigate": _one("frigate/events", {"type": "update", "before": seen, "after": seen}),
        "hikvision": _one("", alert, content_type="application/xml"),
        "gb28181": _one("", notify.encode("gb18030")),
        "onvif": _one("cam-7/onvif-ej/VideoAnalytics/tnsvendor:FireAlarm", onvif),
        "dahua": _one("", part, peer="192.0.2.5"),
        "pyronear": _one("", fire),
    }  # fmt: skip


def _words() -> dict[str, Sample]:
    rule = {
        "status": "firing", "labels": {"alertname": "SmokeHigh", "severity": "critical"}, "annotations": {"summary": "smoke"},
        "startsAt": "2026-03-01T07:50:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "c4a0b1f2e3d4a5b6",
    }  # fmt: skip
    hook = {
        "version": "4",
        "groupKey": "{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "g",
        "externalURL": "http://am:9093",
        "alerts": [rule],
    }
    warning = (
        '<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>x-1</identifier>'
        "<sender>a@b.c</sender>"
        "<sent>2026-03-01T15:50:00+08:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info><category>Met</category>"
        "<event>Flood</event><urgency>Expected</urgency><severity>Severe</severity><certainty>Likely</certainty></info></alert>"
    )
    request = {
        "service_request_id": "638344", "status": "open", "service_code": "006", "requested_datetime": "2026-03-01T06:00:00+08:00",
        "lat": 30.5, "long": 112.4,
    }  # fmt: skip
    order = {
        "orderNum": "250912101108115409",
        "orderState": "待签收",
        "callTime": "2026-03-01 10:11:08",
        "majorContent": "路灯不亮",
    }
    rows = (
        "SR_NUMBER,SR_TYPE,SR_SHORT_CODE,OWNER_DEPARTMENT,STATUS,CREATED_DATE,LAST_MODIFIED_DATE,CLOSED_DATE,STREET_ADDRESS,LATITUDE,LONGITUDE",
        "SR26-1,Street Light Out,SFD,CDOT,Open,03/01/2026 08:00:00 AM,03/01/2026 08:00:00 AM,,1 N STATE ST,41.88,-87.62",
    )
    return {
        "alertmanager": _one("", hook),
        "cap": _one("", warning),
        "open311": _one("/requests.json", [request]),
        "city311": _one("311/chicago", "\r\n".join(rows)),
        "hotline": _one("hotline/city/orders", order),
    }  # fmt: skip
