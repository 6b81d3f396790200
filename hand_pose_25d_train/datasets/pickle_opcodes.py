"""What a pickle's opcodes ask for, counted before any of them is followed.

Nine bytes can ask the unpickler for 8 GB: an index of its memo, the length of a string or frame.
`pickletools` has the table of opcodes; this goes through them and makes nothing.
"""

from __future__ import annotations

import pickletools

LONGEST_NUMBERS = {
    "INT": 23,
    "LONG": 23,
    "LONG1": 10,
    "LONG4": 13,
    "FLOAT": 40,
    "PUT": 12,
    "GET": 12,
}
"""Bytes of an argument.  Larger numbers take long, alone or, by their hashes, as a dict's keys."""
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_REFUSED = {"NEXT_BUFFER", "READONLY_BUFFER", "EXT1", "EXT2", "EXT4", "PERSID",
            "BINPERSID"}  # fmt: skip
_MEMO = {"BINPUT": 1, "LONG_BINPUT": 4, "PUT": 0}
_OPCODES = {
    ord(op.code): (op.name, 0 if op.arg is None else op.arg.n) for op in pickletools.opcodes
}


def check_opcodes(data: bytes) -> None:
    """Raise ValueError where an opcode asks for more than the pickle (bytes) can mean."""
    at, count, end = 0, 0, len(data)
    while at < end:
        name, size = _OPCODES.get(data[at], ("", 0))
        if not name or name in _REFUSED:
            raise ValueError(f"byte {at}: the opcode {name or data[at]} is not allowed")
        at, count = at + 1, count + 1
        start = at
        if size >= 0:
            at += size
        elif size == pickletools.UP_TO_NEWLINE:
            lines = 2 if name in ("GLOBAL", "INST") else 1
            for _ in range(lines):
                at = data.find(b"\n", at) + 1
                if not at:
                    raise ValueError(f"byte {start}: {name} without an end")
        else:
            width = _LENGTH_BYTES[size]
            at += width + int.from_bytes(data[at : at + width], "little")
        if name == "FRAME":  # its length is the argument; what is in it are opcodes
            if start + 8 + int.from_bytes(data[start : start + 8], "little") > end:
                raise ValueError(f"byte {start}: a frame beyond the pickle's end")
        if at > end:
            raise ValueError(f"byte {start}: {name} breaks off")
        if at - start > LONGEST_NUMBERS.get(name, end):
            raise ValueError(f"byte {start}: a number of {at - start} bytes")
        if name in _MEMO:
            index = (
                int(data[start:at]) if name == "PUT" else int.from_bytes(data[start:at], "little")
            )
            if not 0 <= index <= count:
                raise ValueError(f"byte {start}: memo {index} of a pickle of {count} opcodes")
        if name == "STOP":
            return
    raise ValueError("it has no end")
