"""Runs one program and never lets it outlive the process that asked for it: `python leash.py SECONDS PROGRAM ARGUMENT...`.

The asking process holds our standard input. When that closes, however it died, the program is asked to end and,
three seconds later, killed. On Linux the program also dies with this process. Run as a file of its own: it imports
nothing of Tocsin.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes], patience: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()


def _watch(child: subprocess.Popen[bytes], patience: float) -> None:
    while os.read(0, 4096):
        pass
    _end(child, patience)


def main() -> int:
    """The program's own exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    patience = float(sys.argv[1])
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)  # noqa: PLW1509
    signal.signal(signal.SIGTERM, lambda *_: _end(child, patience))
    threading.Thread(target=_watch, args=(child, patience), daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
