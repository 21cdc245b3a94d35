"""Which TCP ports a process listens on, from /proc."""

from __future__ import annotations

from pathlib import Path


def listening_ports(pid: int) -> set[int]:
    """Ports of a process's listening sockets; empty where there is no /proc."""
    folder = Path(f"/proc/{pid}/fd")
    if not folder.exists():
        return set()
    targets = [str(link.readlink()) for link in folder.iterdir()]
    sockets = {target[8:-1] for target in targets if target.startswith("socket:[")}
    ports = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports
