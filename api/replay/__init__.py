"""Replay: any recorded table becomes input. A file (`table`) and what its columns mean (`mapping`, or a `guess`) give rows in the
recording's own time (`reading`), which the `player` publishes over real MQTT; `account` tells what became of them.

`mapping`, `times`, `names`, `guess`, `reading`, `place` and `account` are pure; `table` reads files and `player` touches the broker.
"""
