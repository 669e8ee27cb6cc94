"""
Make the file that the loading benchmarks read: a month of calls with realistic distinct counts.

    python benchmarks/calls_csv.py 2000000 calls.csv

uii, ani and recording_url are unique to nearly every row; there are 60 profiles, 200 destinations
and 400 dialled numbers, half of them of an advertisement; nine of ten calls are connected. About
260 bytes a call.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "US/Arizona"
START = np.datetime64("2026-03-01T00:00:00", "s")
DAYS = 31
BATCH = 100_000
PROFILES, DESTINATIONS, NUMBERS = 60, 200, 400
EASTERN_AHEAD_S = 3 * 3600


def text(values: np.ndarray) -> pa.Array:
    """Numbers as text."""
    return pa.array(values).cast(pa.string())


def joined(*parts: object) -> pa.Array:
    """Text put together row by row."""
    return pc.binary_join_element_wise(*parts, "")


def blank_unless(mask: np.ndarray, values: pa.Array) -> pa.Array:
    """The values where the mask is set, nothing elsewhere."""
    return pc.if_else(pa.array(mask), values, "")


def clock(seconds: np.ndarray) -> pa.Array:
    """Times as the report prints them: M/D/YY h:mm AM."""
    minutes, back = np.unique(seconds // 60, return_inverse=True)
    moments = (START + minutes * 60).astype("datetime64[s]").tolist()
    words = [f"{t.month}/{t.day}/{t:%y} {t.hour % 12 or 12}:{t.minute:02d} {t:%p}" for t in moments]
    return pa.array(words).take(pa.array(back))


def batch(rng: np.random.Generator, seconds: np.ndarray, first: int) -> dict[str, pa.Array]:
    """The 34 columns of some calls, as text."""
    count = seconds.size
    profile = rng.integers(0, PROFILES, count)
    number = rng.integers(0, NUMBERS, count)
    one, two = (rng.integers(0, DESTINATIONS, count) for _ in range(2))
    waited = rng.exponential(18, count).astype(np.int64)
    talked = rng.lognormal(5, 1, count).astype(np.int64)
    is_connected = rng.random(count) < 0.9
    is_second = is_connected & (rng.random(count) < 0.2)
    final = np.where(is_second, two, one)
    eastern = (START + seconds + EASTERN_AHEAD_S).astype("datetime64[s]")
    stamp = pc.strftime(pa.array(eastern), format="%Y%m%d%H%M%S")
    uii = joined(stamp, pc.utf8_lpad(text(np.arange(first, first + count)), 16, "0"))
    name = [pa.array([f"{word} {n}" for n in range(DESTINATIONS)]) for word in ("Campaign", "Site")]
    ring = text(np.minimum(waited, 20))
    tried_two = is_second | ~is_connected
    answered = joined("ANSWER(", ring, ")")
    failed = pc.if_else(pa.array(one % 3 == 0), joined("BUSY(", ring, ")"), "NOANSWER(20)")
    is_spot = number < NUMBERS // 2
    length = pa.array(["15", "30", "60", "120"]).take(pa.array(number % 4))
    return {
        "cloud_profile_id": text(1000 + profile),
        "profile_name": name[0].take(pa.array(profile)),
        "uii": joined("'", uii),
        "ani": text(rng.integers(2_000_000_000, 9_999_999_999, count)),
        "dnis": text(8_889_910_000 + number),
        "outbound_externid": pa.repeat("", count),
        "media_isci": blank_unless(is_spot, joined("ABCD", pc.utf8_lpad(text(number), 4, "0"))),
        "media_network": blank_unless(is_spot, joined("NET", text(number % 23))),
        "media_market": blank_unless(is_spot, joined("Market ", text(number % 37))),
        "media_code": blank_unless(is_spot, joined("C", text(number))),
        "media_format": blank_unless(
            is_spot, pa.array(["TV", "RADIO", "WEB"]).take(pa.array(number % 3))
        ),
        "media_version": blank_unless(is_spot, joined("v", text(number % 5))),
        "media_length": pc.if_else(pa.array(is_spot), length, "0"),
        "enqueue_time": clock(seconds),
        "dequeue_time": clock(seconds + waited),
        "queue_time": text(waited),
        "call_state": pa.repeat("COMPLETE".ljust(20), count),
        "is_cellular": pa.array(["No", "Yes"]).take(pa.array(rng.integers(0, 2, count))),
        "dequeue_attempts": text(1 + tried_two),
        "call_result": pc.if_else(pa.array(is_connected), "CONNECTED", "ABANDON"),
        "inbound_duration": text(waited + np.where(is_connected, talked, 0)),
        "recording_url": blank_unless(is_connected, joined("https://rec.example/", uii)),
        "connected_id": blank_unless(is_connected, text(4000 + final)),
        "connected_name": blank_unless(is_connected, name[1].take(pa.array(final))),
        "connected_route": blank_unless(is_connected, text(5_854_987_000 + final)),
        "connected_duration": text(np.where(is_connected, talked, 0)),
        "attempt_1_id": text(4000 + one),
        "attempt_1_name": name[1].take(pa.array(one)),
        "attempt_1_route": text(5_854_987_200 + one),
        "attempt_1_disp": pc.if_else(pa.array(is_connected & ~is_second), answered, failed),
        "attempt_2_id": blank_unless(tried_two, text(4000 + two)),
        "attempt_2_name": blank_unless(tried_two, name[1].take(pa.array(two))),
        "attempt_2_route": blank_unless(tried_two, text(5_854_987_200 + two)),
        "attempt_2_disp": blank_unless(
            tried_two, pc.if_else(pa.array(is_connected), answered, "NOANSWER(20)")
        ),
    }


def pieces(rows: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield a report of so many calls, in the order in which they came."""
    rng = np.random.default_rng(seed)
    edges = np.linspace(0, DAYS * 86_400, rows // BATCH + 2).astype(np.int64)
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    done = 0
    for start, end in itertools.pairwise(edges):
        count = min(BATCH, rows - done)
        if count <= 0:
            return
        seconds = np.sort(rng.integers(start, end, count))
        table = pa.table(batch(rng, seconds, done))
        if not done:
            yield (",".join(table.column_names) + "\n").encode()
        out = pa.BufferOutputStream()
        pa.csv.write_csv(table, out, options)
        yield out.getvalue().to_pybytes()
        done += count


def write(path: Path, rows: int, *, seed: int = 1) -> None:
    """Write a report of so many calls."""
    with path.open("wb") as out:
        out.writelines(pieces(rows, seed=seed))


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
