"""Detector state as bytes: a tree of plain values whose numpy arrays travel as they lie in memory."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

MAGIC: Final = b"TS1\n"
_HEAD: Final = struct.Struct("<4sI")


class BrokenSnapshot(ValueError):
    """The bytes are no snapshot of this schema: start without, and let the log be read again."""


def pack(tree: Any) -> bytes:
    """The tree as bytes. Keys are strings; leaves are JSON values or arrays."""
    arrays: list[NDArray[Any]] = []

    def plain(node: Any) -> Any:
        if isinstance(node, np.ndarray):
            arrays.append(np.ascontiguousarray(node))
            return {"$": len(arrays) - 1}
        if isinstance(node, dict):
            return {key: plain(value) for key, value in node.items()}
        return [plain(value) for value in node] if isinstance(node, list | tuple) else node

    tree = plain(tree)
    head = orjson.dumps({"tree": tree, "arrays": [[a.dtype.str, list(a.shape)] for a in arrays]})
    return b"".join((_HEAD.pack(MAGIC, len(head)), head, *(a.tobytes() for a in arrays)))


def unpack(raw: bytes) -> Any:
    """The tree in `raw`, its arrays writable. Raises `BrokenSnapshot`."""
    try:
        magic, length = _HEAD.unpack_from(raw)
        if magic != MAGIC:
            raise BrokenSnapshot(f"not a snapshot: it starts with {raw[:4]!r}")
        head, at = orjson.loads(raw[_HEAD.size : _HEAD.size + length]), _HEAD.size + length
        arrays = []
        for kind, shape in head["arrays"]:
            n = int(np.prod(shape, dtype=np.int64))
            arrays.append(np.frombuffer(raw, kind, n, at).reshape(shape).copy())
            at += n * np.dtype(kind).itemsize
    except (struct.error, KeyError, TypeError, ValueError) as error:
        raise BrokenSnapshot(f"a broken snapshot of {len(raw)} bytes: {error}") from error

    def rich(node: Any) -> Any:
        if isinstance(node, dict):
            return arrays[node["$"]] if node.keys() == {"$"} else {key: rich(value) for key, value in node.items()}
        return [rich(value) for value in node] if isinstance(node, list) else node

    return rich(head["tree"])
