"""What the channels of Milesight devices mean, as the vendor's decoders and user guides define them: tables only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingest.dialects.named_values import Said
from ingest.dialects.observation import Kind


@dataclass(frozen=True, slots=True)
class Scale:
    """A little-endian number: `raw / by`. Numbers of 16 bits have values that mean that the sensor failed."""

    metric: str
    unit: str
    size: int
    by: int = 1
    signed: bool = False
    raw: str = ""  # an attribute that keeps the vendor's own number


@dataclass(frozen=True, slots=True)
class Bit:
    """A 0 or 1: an alarm of a class, or a state under a name."""

    metric: str
    alarm: bool = False
    size: int = 1


@dataclass(frozen=True, slots=True)
class Skip:
    """Bytes that say nothing."""

    size: int


Part = Scale | Bit | Skip

TEMPERATURE: Final = Scale("temperature", "°C", 2, 10, signed=True)
HUMIDITY: Final = Scale("humidity", "%", 1, 2)
DISTANCE: Final = Scale("distance", "mm", 2)
DEPTH: Final = Scale(
    "water_level", "m", 2, 100, raw="depth_cm"
)  # what a submerged probe measures is the water above it
PRESSURE: Final = Scale("pressure", "kPa", 2)
LIGHT: Final = Scale("illuminance", "lx", 4)
CO2: Final = Scale("co2", "ppm", 2)
AIR: Final = Scale("pressure", "hPa", 2, 10)
LEAK: Final = Bit("water_alarm", alarm=True)
TILT: Final = Bit("tilt_alarm", alarm=True)
OPEN: Final = Bit("open")

# By type alone.
SCALES: Final[Mapping[int, Scale]] = {
    0x67: TEMPERATURE,
    0x68: HUMIDITY,
    0x73: AIR,
    0x75: Scale("battery", "%", 1),
    0x77: DEPTH,
    0x7B: PRESSURE,
    0x7F: Scale("conductivity", "µS/cm", 2),
    0x82: DISTANCE,
    0x90: Scale("life_remain", "s", 4),
    0x94: LIGHT,
    0x97: Scale("total_current", "Ah", 4, 100),
    0x98: Scale("current", "A", 2, 100),
    0x99: Scale("current", "A", 2, 10),
    0xCA: Scale("moisture", "%", 2, 100),
}
# Type 7D is a concentration; of what and in which steps is the model's own.
GASES: Final[Mapping[tuple[int, str], Scale]] = {
    (0x04, "gs301"): Scale("nh3", "ppm", 2, 100),
    (0x05, "gs301"): Scale("h2s", "ppm", 2, 100),
    (0x06, "gs301"): Scale("h2s", "ppm", 2, 1000),
    (0x05, "em500-co2"): CO2,
    (0x07, "am"): CO2,
    (0x08, "am"): Scale("tvoc", "", 2),
    (0x0B, "am"): Scale("pm2_5", "µg/m³", 2),
    (0x0C, "am"): Scale("pm10", "µg/m³", 2),
}
# Type 00 is a 0 or 1; of what is the model's own.
BITS: Final[Mapping[tuple[int, str], Bit]] = {
    **dict.fromkeys(
        ((0x05, "em300"), (0x05, "em300-sld"), (0x05, "em300-mld"), (0x06, "em300-mld"), (0x03, "ws303")), LEAK
    ),
    **dict.fromkeys(((0x06, "em300"), (0x06, "em300-mcs"), (0x03, "ws301")), OPEN),
    **dict.fromkeys(((0x04, "em310-udl"), (0x05, "em400"), (0x05, "em410")), TILT),
    **dict.fromkeys(((0x05, "am"), (0x03, "ws202")), Bit("occupancy")),
    (0x04, "ws301"): Bit("tamper"),
    (0x04, "ws202"): Bit("light"),
}
SWITCHES: Final[Mapping[int, str]] = {0x06: "valve", 0x07: "relay"}  # type 01 of a GS101
# Channels that give a model away when all of them stand in a frame, surest first.
TRACES: Final[tuple[tuple[frozenset[tuple[int, int]], str], ...]] = (
    (frozenset({(0x94, 0x82)}), "em410"),
    (frozenset({(0xB4, 0x82)}), "em410"),
    (frozenset({(0x04, 0x82)}), "em400"),
    (frozenset({(0x84, 0x82)}), "em400"),
    (frozenset({(0x03, 0x82), (0x04, 0x00)}), "em310-udl"),
    (frozenset({(0x06, 0xCB)}), "am"),
    (frozenset({(0x07, 0x7D)}), "am"),
    (frozenset({(0x05, 0x6A)}), "am"),
    (frozenset({(0x02, 0x67)}), "gs301"),
    (frozenset({(0x03, 0x68)}), "gs301"),
    (frozenset({(0x04, 0x7D)}), "gs301"),
    (frozenset({(0x05, 0x7D), (0x06, 0x73)}), "em500-co2"),
    (frozenset({(0x04, 0x68), (0x05, 0x7D)}), "em500-co2"),
    (frozenset({(0x04, 0x68), (0x05, 0x00)}), "em300-sld"),
    (frozenset({(0x04, 0x68), (0x06, 0x00)}), "em300-mcs"),
)
# Parts of a device profile's name, and the model; the first that fits. EM300-ZLD speaks as EM300-SLD, EM320-TH as EM300-TH, EM400-TLD
# and -UDL as EM400-MUD.
MODELS: Final[tuple[tuple[str, str], ...]] = (
    ("em300sld", "em300-sld"), ("em300zld", "em300-sld"), ("em300mld", "em300-mld"), ("em300mcs", "em300-mcs"), ("em300th", "em300-th"),
    ("em320th", "em300-th"), ("em310udl", "em310-udl"), ("em310tilt", "tilt"), ("em320tilt", "tilt"), ("em300", "em300"),
    ("em400", "em400"), ("em410", "em410"), ("em500udl", "em500-udl"), ("em500swl", "em500-swl"), ("em500pp", "em500-pp"),
    ("em500lgt", "em500-lgt"), ("em500pt100", "em500-pt100"), ("em500co2", "em500-co2"), ("em500", "em500"), ("gs301", "gs301"),
    ("gs101", "gs101"), ("gs524", "gs524n"), ("ct10", "ct10x"), ("am10", "am"), ("am30", "am"), ("am31", "am"), ("ws101sos", "ws101-sos"),
    ("ws101", "ws101"), ("ws202", "ws202"), ("ws301", "ws301"), ("ws303", "ws303"),
)  # fmt: skip
# What stands behind the time in a history record. A record has no length of its own.
RECORDS: Final[Mapping[str, tuple[Part, ...]]] = {
    "em300-sld": (TEMPERATURE, HUMIDITY, LEAK),
    "em300-mcs": (TEMPERATURE, HUMIDITY, OPEN),
    "em300-th": (TEMPERATURE, HUMIDITY, Skip(1)),
    "em300-mld": (Skip(3), LEAK),
    "em300": (TEMPERATURE, HUMIDITY, Bit("status")),
    "em500-udl": (DISTANCE,),
    "em500-swl": (DEPTH,),
    "em500-pp": (PRESSURE,),
    "em500-lgt": (LIGHT,),
    "em500-pt100": (TEMPERATURE,),
    "em500-co2": (CO2, AIR, TEMPERATURE, HUMIDITY),
}
# Alarms repeat the value, then what they compare it with, then the status: the value's scale and the whole length.
ALARMS: Final[Mapping[int, tuple[Scale, int]]] = {
    0x67: (TEMPERATURE, 3),
    0x82: (DISTANCE, 3),
    0x98: (Scale("current", "A", 2, 100), 7),
    0xD7: (TEMPERATURE, 5),
    0xE9: (Scale("distance", "mm", 2, 10), 5),
}
# Lengths on the channels FE and FF: what a device says of itself, and its answers to commands.
OWN: Final[Mapping[int, int]] = {
    0x01: 1, 0x02: 2, 0x03: 2, 0x06: 9, 0x08: 6, 0x09: 2, 0x0A: 2, 0x0B: 1, 0x0F: 1, 0x10: 1, 0x11: 4, 0x13: 1, 0x16: 8, 0x17: 2, 0x1C: 2,
    0x27: 1, 0x28: 1, 0x2E: 1, 0x2F: 1, 0x35: 8, 0x3B: 1, 0x3E: 1, 0x3F: 1, 0x4A: 1, 0x56: 1, 0x62: 1, 0x63: 8, 0x68: 1, 0x69: 1, 0x6A: 3,
    0x6D: 1, 0x70: 2, 0x71: 1, 0x74: 1, 0x77: 2, 0x79: 6, 0x84: 1, 0x8E: 3, 0x96: 8, 0xEA: 3, 0xF1: 4, 0xF2: 2, 0xF5: 1, 0xFE: 1, 0xFF: 2,
}  # fmt: skip
OTHERS: Final[Mapping[int, int]] = {
    0x00: 1, 0x01: 1, 0x65: 6, 0x6A: 2, 0x7D: 2, 0x88: 9, 0x8E: 1, 0xCB: 1, 0xCF: 7, 0xD4: 6, 0xEA: 5,
}  # fmt: skip
PRESSES: Final[Mapping[int, str]] = {1: "short", 2: "long", 3: "double"}
GAS_REPORTS: Final[Mapping[int, Said]] = {
    0: Said(Kind.FAULT, "power_lost", value=True),
    1: Said(Kind.CLEAR, "power_lost", value=False),
    2: Said(Kind.FAULT, "sensor_fault", value=True),
    3: Said(Kind.CLEAR, "sensor_fault", value=False),
    4: Said(Kind.FAULT, "sensor_expiring", value=True),
    5: Said(Kind.FAULT, "device_invalid", value=True),
}
FAILED: Final[Mapping[int, str]] = {0xFFFF: "read_failed", 0xFFFE: "polarizing", 0xFFFD: "over_range"}
MOTIONS: Final = ("unknown", "start_moving", "moving", "stop_moving")
