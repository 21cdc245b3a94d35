"""Real servers as plain processes, started from the very files under deploy/.

Each has `start`, `stop`, `kill` (SIGKILL, dead when it returns), `pause` and `resume` (SIGSTOP, SIGCONT), `start_again` (same port, same
data), and settings that find it. They listen on free loopback ports, live in the folder they are given, are ended by their own pid and
die with the process that started them. `start` raises `ServerMissing` where a server cannot be had.
"""

from tests.live.influx import Influx
from tests.live.kafka import Kafka
from tests.live.mosquitto import Mosquitto
from tests.live.postgres import Postgres
from tests.live.process import ServerMissing

__all__ = ["Influx", "Kafka", "Mosquitto", "Postgres", "ServerMissing"]
