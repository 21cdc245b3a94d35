"""From the wire to a `Reading`, a `Sighting`, a `Call`, a `Presence` or a `Rejected`.

Bytes enter from MQTT and HTTP; frames and events leave on the log. Deciding code: `events`, `frames`, `topics`, `places`,
`coordinates`, `registry`, `dialects`, `gateway`. Code that touches the outside: `mqtt` (broker), `log` (Kafka), `doors` (the process).
"""
