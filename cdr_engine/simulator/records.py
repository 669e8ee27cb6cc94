"""The truth about calls, as plain Python values: an oracle for whoever reads the CSV."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from cdr_engine.simulator.centre import ROUTES_EACH, Account
from cdr_engine.simulator.outcomes import CALL, RESULTS, RING_LIMIT_S, STATES, WORDS, Calls
from cdr_engine.simulator.zones import EASTERN, instant

__all__ = ["recording_url", "truth_records"]

RECORDING_HOST = "https://recordings.example"


def recording_url(account_id: str, uii: str) -> str:
    """Return where the recording of a call would be kept."""
    folder = f"{account_id}/{uii[:6]}/{uii[6:8]}"
    query = f"v=1&accountId={account_id}&bucket=c02-recordings&region=us-east-1&compliance=false"
    return f"{RECORDING_HOST}/api/v1/calls/recordings/?{query}&file={folder}/{uii}-1.WAV"


def truth_records(account: Account, calls: Calls) -> list[dict[str, Any]]:
    """Return one dict a call, in the order of the report's columns; see `History.calls`."""
    return [
        _truth(account, dict(zip(CALL.names or (), call, strict=True))) for call in calls.tolist()
    ]


def _truth(account: Account, call: dict[str, Any]) -> dict[str, Any]:
    number = account.numbers[call["number"]]
    profile = account.profiles[number.profile]
    start = instant(call["start"])
    uii = f"{start.astimezone(EASTERN):%Y%m%d%H%M%S}01{call['serial'] + 32 * 10**12:014d}"
    enqueue_s = call["start"] + call["greeting"]
    talk = None if call["talk"] < 0 else call["talk"]
    external = call["external"]
    return {
        "account_id": account.account_id,
        "start": start,
        "cloud_profile_id": profile.profile_id,
        "profile_name": profile.name,
        "uii": uii,
        "ani": {0: None, -1: "anonymous"}.get(call["ani"], str(call["ani"])),
        "dnis": number.dnis,
        "outbound_externid": None if external < 0 else f"CRM{external}",
        "media_isci": number.media and number.media.isci,
        "media_network": number.media and number.media.network,
        "media_market": number.media and number.media.market,
        "media_code": number.media and number.media.code,
        "media_format": number.media and number.media.format,
        "media_version": number.media and number.media.version,
        "media_length": number.media.length if number.media else "0",
        "enqueue_time": _minute(enqueue_s),
        "dequeue_time": _minute(enqueue_s + call["queue"]),
        "queue_time": call["queue"],
        "call_state": STATES[call["result"]],
        "is_cellular": call["cellular"],
        "dequeue_attempts": call["attempts"],
        "call_result": RESULTS[call["result"]],
        "inbound_duration": call["queue"] + (talk or 0),
        "recording_url": recording_url(account.account_id, uii) if call["recorded"] else None,
        **_destination(account, "connected", call["connected"] * ROUTES_EACH),
        "connected_duration": talk,
        **_destination(account, "attempt_1", call["line_1"]),
        "attempt_1_disp": _disposition(call["disp_1"]),
        **_destination(account, "attempt_2", call["line_2"]),
        "attempt_2_disp": _disposition(call["disp_2"]),
    }


def _minute(epoch_s: int) -> datetime:
    return _instant_of_minute(epoch_s // 60)


@lru_cache(maxsize=8192)
def _instant_of_minute(minute: int) -> datetime:
    return instant(minute * 60)


def _destination(account: Account, prefix: str, line: int) -> dict[str, Any]:
    if line < 0:
        return dict.fromkeys((f"{prefix}_id", f"{prefix}_name", f"{prefix}_route"))
    destination = account.destinations[line // ROUTES_EACH]
    return {
        f"{prefix}_id": destination.destination_id,
        f"{prefix}_name": destination.name,
        f"{prefix}_route": destination.routes[line % ROUTES_EACH],
    }


def _disposition(disp: int) -> str | None:
    return None if disp < 0 else f"{WORDS[disp // RING_LIMIT_S]}({disp % RING_LIMIT_S})"
