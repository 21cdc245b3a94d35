"""The simulated county: an invented place (`county`), what happens in it (`story`) and who tells it (`simulator`).

`county` and `story` are pure; only `simulator` touches the outside (an MQTT broker).
"""
