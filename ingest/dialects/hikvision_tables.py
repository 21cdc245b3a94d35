"""What Hikvision's event types and words are to us."""

from __future__ import annotations

from typing import Final

from ingest.dialects.observation import Kind

# What an event is, by its lower-case type: kind while active, kind when over, metric. Types that are not here are kept as a state.
ALARM: Final = (Kind.ALARM, Kind.CLEAR)
FAULT: Final = (Kind.FAULT, Kind.FAULT)
STATE: Final = (Kind.STATE, Kind.STATE)
EVENTS: Final[dict[str, tuple[tuple[Kind, Kind], str]]] = {
    **dict.fromkeys(("firedetection", "smokedetection", "smokeandfiredetection", "firesmokedetection"), (ALARM, "fire_alarm")),
    **dict.fromkeys(("tma", "tmpa", "thermometry", "temperaturealarm"), (ALARM, "heat_alarm")),
    **dict.fromkeys(
        ("linedetection", "fielddetection", "regionentrance", "regionexiting", "loitering", "pir", "attendedbaggage", "unattendedbaggage"),
        (ALARM, "intrusion_alarm"),
    ),
    **dict.fromkeys(("tamperdetection", "shelteralarm", "scenechangedetection", "tamper"), (ALARM, "tamper_alarm")),
    **dict.fromkeys(("io", "alarminput"), (ALARM, "io_alarm")),
    "videoloss": (FAULT, "video_loss"),
    "badvideo": (FAULT, "bad_video"),
    "defocusdetection": (FAULT, "defocus"),
    "diskfull": (FAULT, "disk_full"),
    "diskerror": (FAULT, "disk_error"),
    "nicbroken": (FAULT, "network_broken"),
    "ipconflict": (FAULT, "ip_conflict"),
    "heartbeat": ((Kind.HEARTBEAT, Kind.HEARTBEAT), "heartbeat"),
    "vmd": (STATE, "motion"),
    "motiondetection": (STATE, "motion"),
}  # fmt: skip
PERSONAL: Final = frozenset(
    {"anpr", "vehicledetection", "facedetection", "facesnap", "facecapture", "facerecognition", "alarmresult", "facesnapmodeling"}
)  # fmt: skip
# Names of the device whose words go to the attributes, and what they are called there.
NUMBERS: Final = {
    "inputioportid": "input_port",
    "targetdistance": "target_distance",
    "curtemperature": "temperature",
    "currtemperature": "temperature",
    "ruletemperature": "rule_temperature",
    "majoreventtype": "major_event_type",
    "subeventtype": "sub_event_type",
    "detectionpicturesnumber": "pictures_announced",
}
WORDS: Final = {
    "eventdescription": "event_description",
    "channelname": "channel_name",
    "detectiontarget": "detection_target",
    "temperatureunit": "temperature_unit",
    "ipaddress": "ip_address",
}
