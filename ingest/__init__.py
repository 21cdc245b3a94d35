"""From the wire to a `Reading`, a `Sighting`, a `Call`, a `Presence` or a `Rejected`.

Bytes enter from MQTT and HTTP; frames and events leave on the log. Deciding code: `events`, `frames`, `topics`, `places`,
`coordinates`, `registry`, `dialects`, `gateway`, `sequence` and `accounts` (which numbers were kept), `turns` (who serves). Code that
touches the outside: `mqtt` and `lookout` (broker), `log` and `journal` (Kafka), `receipts` and `doors` (the process).
"""
