"""Writes what a session printed, out of rows and of sealed blocks: docs/block-format.md says how they look."""

import argparse
import json
import sqlite3
import struct
import zlib
from datetime import datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Iterator, Optional, Tuple

import zstandard

Chunk = Tuple[int, Optional[bytes], Optional[bytes], bytes, Optional[bytes]]
NAMES = ("cursor", "timestamp", "type", "data", "createdAt")
MOST_COLUMNS = 4 << 20
BLOCKS = """SELECT id, last, outputs, bytes, CAST(block AS BLOB) FROM gsd_session_blocks
    WHERE session_id = ? AND id <= ? ORDER BY id"""
ROWS = """SELECT id, CAST(timestamp AS BLOB), CAST(type AS BLOB), CAST(data AS BLOB), CAST(created_at AS BLOB)
    FROM session_outputs WHERE session_id = ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id"""


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def take(columns: Iterator[int], length: int) -> bytes:
    taken = bytes(islice(columns, min(length, MOST_COLUMNS)))
    must(len(taken) == length, "its columns end too early")
    return taken


def number(columns: Iterator[int]) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = take(columns, 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value < 1 << 64:
            return value
    raise ValueError("a number of its columns has more than 64 bits")


def moments(columns: Iterator[int], count: int, step: int) -> Iterator[Optional[bytes]]:
    """Moments as they are stored: any texts, or numbers in steps of so many milliseconds."""
    form, millis = take(columns, 1)[0], 0
    must(form <= 1, "its moments have an unknown form")
    for value in (number(columns) for _ in range(count)):
        if form == 1:
            yield take(columns, value - 1) if value else None
            continue
        millis += ((value >> 1) ^ -(value & 1)) * step
        must(-62_167_219_200_000 <= millis <= 253_402_300_799_999, "a moment is not in the years 0 to 9999")
        years = 400 if millis < 0 else 0  # datetime has no year 0; the calendar repeats after 400 years
        moment = datetime(1970 + years, 1, 1) + timedelta(milliseconds=millis)
        text = moment.isoformat("T", "milliseconds") + "Z" if step == 1 else moment.isoformat(" ", "seconds")
        yield f"{moment.year - years:04}{text[4:]}".encode()


def unpack(frame: bytes, length: int) -> bytes:
    """A part of a block. What its frame says of its length is compared before memory is taken."""
    must(zstandard.frame_content_size(frame) == length, "a frame has another length than the header says")
    return zstandard.ZstdDecompressor().decompress(frame, max_output_size=length, allow_extra_data=False)


def read_block(row: Tuple[int, ...], block: bytes) -> Iterator[Chunk]:
    """The chunks of a block. All of it is checked before the first one is given."""
    must(block[:5] == b"GSDB\1" and len(block) >= 48, "it is no block of version 1")
    count, first, last, of_columns, packed_columns, of_text, packed_text = struct.unpack_from("<IqqIIII", block, 8)
    middle, end = 44 + packed_columns, len(block) - 4
    must(end == middle + packed_text, "its length is not what it says")
    must(zlib.crc32(block[:end]) == int.from_bytes(block[end:], "little"), "its checksum is wrong")
    must(row == (first, last, count, of_text), "its row says something else of it")
    must(0 < count <= 16384 and 5 * count < of_columns <= MOST_COLUMNS, "its columns are too short or too long")
    must(of_text <= (1 << 16 if count > 1 else 10**9), "its text is too long")
    columns, text = iter(unpack(block[44:middle], of_columns)), unpack(block[middle:end], of_text)
    ids = list(accumulate((number(columns) + 1 for _ in range(1, count)), initial=first))
    streams, lengths = take(columns, count), [number(columns) for _ in range(count)]
    timestamps, created = list(moments(columns, count, 1)), list(moments(columns, count, 1000))
    fit = ids[-1] == last and max(streams) <= 3 and sum(lengths) == of_text and None not in timestamps
    must(fit and next(columns, None) is None, "its columns do not fit together")
    start = 0
    for cursor, stream, length, timestamp, created_at in zip(ids, streams, lengths, timestamps, created):
        yield cursor, timestamp, b"stderr" if stream & 1 else b"stdout", text[start : start + length], created_at
        start += length


def read(file: str, session_id: str) -> Iterator[Chunk]:
    """The chunks of a session by their cursors, as the file is at one moment."""
    sqlite = sqlite3.connect(f"{Path(file).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    sqlite.execute("BEGIN")
    version, through = sqlite.execute("PRAGMA user_version").fetchone()[0], None
    must(version <= 3, f"the file has the version {version}, and this program reads 3")
    if sqlite.execute("SELECT 1 FROM sqlite_master WHERE name = 'gsd_session_seals'").fetchone():
        (through,) = sqlite.execute("SELECT max(through) FROM gsd_session_seals WHERE session_id = ?", (session_id,)).fetchone()
        for *row, block in sqlite.execute(BLOCKS, (session_id, through)):
            try:
                yield from read_block(tuple(row), block)
            except (ValueError, zstandard.ZstdError) as error:
                raise ValueError(f"block {row[0]}: {error}") from None
    yield from sqlite.execute(ROWS, (session_id, through))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file")
    arguments.add_argument("session_id")
    arguments.add_argument("--chunks", action="store_true", help="write a line of JSON for each chunk")
    given = arguments.parse_args()
    try:
        with open(1, "wb", closefd=False) as out:
            for chunk in read(given.file, given.session_id):
                line = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in chunk]
                out.write(json.dumps(dict(zip(NAMES, line))).encode() + b"\n" if given.chunks else chunk[3] or b"")
    except (ValueError, zstandard.ZstdError, sqlite3.Error, OSError, MemoryError) as error:
        raise SystemExit(f"read_blocks.py: {error or 'there is no memory'}")


if __name__ == "__main__":
    main()
