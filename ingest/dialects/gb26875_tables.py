"""Tables of GB/T 26875.3-2011: what the numbers of systems, parts, states, analog values and operations mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SYSTEMS: Final[dict[int, tuple[str, str]]] = {
    0: ("general", "通用"),
    1: ("fire_alarm", "火灾报警系统"),
    10: ("linkage_controller", "消防联动控制器"),
    11: ("hydrant", "消火栓系统"),
    12: ("sprinkler", "自动喷水灭火系统"),
    13: ("gas_extinguishing", "气体灭火系统"),
    14: ("water_spray_pump", "水喷雾灭火系统（泵启动方式）"),
    15: ("water_spray_vessel", "水喷雾灭火系统（压力容器启动方式）"),
    16: ("foam", "泡沫灭火系统"),
    17: ("dry_powder", "干粉灭火系统"),
    18: ("smoke_control", "防烟排烟系统"),
    19: ("fire_door_and_shutter", "防火门及卷帘系统"),
    20: ("fire_lift", "消防电梯"),
    21: ("emergency_broadcast", "消防应急广播"),
    22: ("emergency_lighting", "消防应急照明和疏散指示系统"),
    23: ("fire_power_supply", "消防电源"),
    24: ("fire_telephone", "消防电话"),
}

PARTS: Final[dict[int, tuple[str, str]]] = {
    0: ("general", "通用"),
    1: ("fire_alarm_controller", "火灾报警控制器"),
    10: ("gas_detector", "可燃气体探测器"),
    11: ("point_gas_detector", "点型可燃气体探测器"),
    12: ("standalone_gas_detector", "独立式可燃气体探测器"),
    13: ("line_gas_detector", "线型可燃气体探测器"),
    16: ("electrical_fire_monitor", "电气火灾监控报警器"),
    17: ("residual_current_detector", "剩余电流式电气火灾监控探测器"),
    18: ("electrical_temperature_detector", "测温式电气火灾监控探测器"),
    21: ("detection_loop", "探测回路"),
    22: ("fire_display_panel", "火灾显示盘"),
    23: ("manual_call_point", "手动火灾报警按钮"),
    24: ("hydrant_button", "消火栓按钮"),
    25: ("fire_detector", "火灾探测器"),
    30: ("heat_detector", "感温火灾探测器"),
    31: ("point_heat_detector", "点型感温火灾探测器"),
    32: ("point_heat_detector_s", "点型感温火灾探测器（S型）"),
    33: ("point_heat_detector_r", "点型感温火灾探测器（R型）"),
    34: ("line_heat_detector", "线型感温火灾探测器"),
    35: ("line_heat_detector_s", "线型感温火灾探测器（S型）"),
    36: ("line_heat_detector_r", "线型感温火灾探测器（R型）"),
    37: ("fibre_heat_detector", "光纤感温火灾探测器"),
    40: ("smoke_detector", "感烟火灾探测器"),
    41: ("ionisation_smoke_detector", "点型离子感烟火灾探测器"),
    42: ("photoelectric_smoke_detector", "点型光电感烟火灾探测器"),
    43: ("beam_smoke_detector", "线型光束感烟火灾探测器"),
    44: ("aspirating_smoke_detector", "吸气式感烟火灾探测器"),
    50: ("combined_detector", "复合式火灾探测器"),
    51: ("smoke_heat_detector", "复合式感烟感温火灾探测器"),
    52: ("light_heat_detector", "复合式感光感温火灾探测器"),
    53: ("light_smoke_detector", "复合式感光感烟火灾探测器"),
    61: ("ultraviolet_flame_detector", "紫外火焰探测器"),
    62: ("infrared_flame_detector", "红外火焰探测器"),
    69: ("light_detector", "感光火灾探测器"),
    74: ("gas_sensing_detector", "气体探测器"),
    78: ("image_fire_detector", "图像摄像方式火灾探测器"),
    79: ("sound_fire_detector", "感声火灾探测器"),
    81: ("gas_extinguishing_controller", "气体灭火控制器"),
    82: ("electrical_control_device", "消防电气控制装置"),
    83: ("graphic_display", "消防控制室图形显示装置"),
    84: ("module", "模块"),
    85: ("input_module", "输入模块"),
    86: ("output_module", "输出模块"),
    87: ("input_output_module", "输入/输出模块"),
    88: ("relay_module", "中继模块"),
    91: ("fire_pump", "消防水泵"),
    92: ("fire_water_tank", "消防水箱"),
    95: ("sprinkler_pump", "喷淋泵"),
    96: ("flow_indicator", "水流指示器"),
    97: ("signal_valve", "信号阀"),
    98: ("alarm_valve", "报警阀"),
    99: ("pressure_switch", "压力开关"),
    101: ("valve_driver", "阀驱动装置"),
    102: ("fire_door", "防火门"),
    103: ("fire_damper", "防火阀"),
    104: ("ventilation", "通风空调"),
    105: ("foam_pump", "泡沫液泵"),
    106: ("pipe_solenoid_valve", "管网电磁阀"),
    111: ("smoke_fan", "防烟排烟风机"),
    113: ("smoke_exhaust_damper", "排烟防火阀"),
    114: ("closed_air_inlet", "常闭送风口"),
    115: ("smoke_vent", "排烟口"),
    116: ("smoke_curtain", "电控挡烟垂壁"),
    117: ("shutter_controller", "防火卷帘控制器"),
    118: ("fire_door_monitor", "防火门监控器"),
    121: ("alarm_device", "警报装置"),
}


@dataclass(frozen=True, slots=True)
class Bits:
    """The bits of a state word from the lowest. Bit 0 is 1 in normal operation and 0 under test, in every table.

    `fire` and `faults` are masks. With bit 0 and no bit but those of `quiet`, nothing is the matter.
    """

    names: tuple[str, ...]
    fire: int
    faults: int
    quiet: int

    def set_in(self, word: int) -> str:
        """The names of the bits that are set, normal operation and what the standard reserves included."""
        named = [name for place, name in enumerate(self.names) if word >> place & 1]
        rest = word >> len(self.names) << len(self.names)
        return ",".join([*named, f"reserved_{rest:#06x}"] if rest else named)


_SHARED: Final = ("normal", "fire", "fault", "shielded", "supervised", "started", "feedback", "delayed")
PART_BITS: Final = Bits((*_SHARED, "power_fault"), fire=0x002, faults=0x104, quiet=0x001)
SYSTEM_BITS: Final = Bits(
    (*_SHARED, "main_power_fault", "backup_power_fault", "bus_fault", "manual_mode", "configuration_changed", "reset"),
    fire=0x0002,
    faults=0x0704,
    quiet=0x3801,  # manual or automatic, configured and reset are no trouble
)
DEVICE_BITS: Final = Bits(
    ("normal", "fire", "fault", "main_power_fault", "backup_power_fault", "link_fault", "line_fault"),
    fire=0x02,
    faults=0x7C,
    quiet=0x01,
)

# The lowest first. What bit 5 means depends on who was operated.
SYSTEM_OPERATIONS: Final = ("reset", "mute", "manual_alarm", "alarm_cleared", "self_check", "confirm", "test")
DEVICE_OPERATIONS: Final = ("reset", "mute", "manual_alarm", "alarm_cleared", "self_check", "duty_check_answer", "test")


@dataclass(frozen=True, slots=True)
class Analog:
    """An analog value: the number on the wire is `parts` to one unit, and means something from `low` to `high`."""

    metric: str
    unit: str
    parts: int
    low: float
    high: float


# A height is no `water_level`: that one is counted from the street, this one from the bottom of a tank.
ANALOGS: Final[dict[int, Analog]] = {
    1: Analog("event_count", "", 1, 0, 32000),
    2: Analog("height", "m", 100, 0, 320),
    3: Analog("temperature", "°C", 10, -273, 3200),
    4: Analog("pressure", "MPa", 10, 0, 3200),
    5: Analog("pressure", "kPa", 10, 0, 3200),
    6: Analog("gas", "%LEL", 10, 0, 100),
    7: Analog("time", "s", 1, 0, 32000),
    8: Analog("voltage", "V", 10, 0, 3200),
    9: Analog("current", "A", 10, 0, 3200),
    10: Analog("flow", "L/s", 10, 0, 3200),
    11: Analog("air_flow", "m³/min", 10, 0, 3200),
    12: Analog("wind_speed", "m/s", 1, 0, 20),
}

# What the centre asks or orders; it comes from a device only by mistake or when both directions are overheard.
DOWNWARD: Final[dict[int, str]] = {
    61: "read_system_state",
    62: "read_part_state",
    63: "read_part_analog",
    64: "read_operations",
    65: "read_version",
    66: "read_system_configuration",
    67: "read_part_configuration",
    68: "read_system_time",
    81: "read_device_state",
    84: "read_device_operations",
    85: "read_device_version",
    86: "read_device_configuration",
    88: "read_device_time",
    89: "initialise",
    90: "synchronise_clock",
    91: "duty_check",
}
