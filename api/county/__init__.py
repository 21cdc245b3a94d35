"""The simulated county: an invented place (`county`), what happens in it (`story`) and who tells it (`simulator`).

`county` and `story` are pure; `publisher` and `simulator` touch the outside (an MQTT broker and the clock).
"""
