"""
What went wrong, in the engine's words: every httpx exception and every refusing status.

Nothing of httpx is chained or quoted: the text of its exceptions can hold header values and URLs.
So a fault is built inside the `except` and raised after it, where Python chains nothing.
What is said about a broken connection comes from the operating system's error number instead.
Of a refusing answer only the service's own general message is quoted, short and scrubbed.
"""

from __future__ import annotations

import os
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from socket import gaierror
from typing import TYPE_CHECKING

import httpcore
import httpx

from cdr_engine.api.chunked import BadFraming
from cdr_engine.api.wire import decode_error
from cdr_engine.errors import (
    AuthError,
    CdrError,
    ConfigError,
    IncompleteReport,
    ServiceRefused,
    ServiceUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BODY_FAULTS", "HTTPX_FAULTS", "refusal", "retry_after_s", "unreachable", "within_body"]

HTTPX_FAULTS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)
"""The three roots of everything httpx raises while it sends a request or reads an answer."""

BODY_FAULTS = (*HTTPX_FAULTS, httpcore.NetworkError, httpcore.TimeoutException, BadFraming)
"""What reading a body raises, by httpx or from its connection."""

MESSAGE_CHARACTERS = 200
"""Of the service's general message: its documented texts have 33 to 72."""

PHONE_NUMBER = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}")
TOKEN_LIKE = re.compile(r"[^\s\"'<>]{24,}")
EXPIRED = re.compile(rb"\bexpired\b", re.IGNORECASE)
"""Both spellings of the vendor's plain-text 401, as its SDKs look for it."""

HINTS = {
    403: "the token's user lacks READ on this account",
    404: "check --account and --base-url, which ends in /voice in production",
    429: "wait before the next request, or lower --rate-limit",
}


def unreachable(error: Exception, peer: str) -> CdrError:
    """Build the error for a request that got no answer from `host:port`."""
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ConfigError("base_url is not an address httpx can use: give https://HOST/voice")
    if isinstance(error, httpx.LocalProtocolError):
        return ConfigError("the request cannot be written as HTTP: check the token and --base-url")
    advice = "is the service up, and is --base-url right?"
    return ServiceUnreachable(f"{peer}: {reason(error)} before an answer came: {advice}")


def within_body(error: Exception, what: str, byte_count: int) -> CdrError:
    """Build the error for a body that broke after `byte_count` bytes as they were sent."""
    text = f"{what} broke off after {byte_count} bytes: {reason(error)}: ask for it again"
    return IncompleteReport(text)


def reason(error: BaseException) -> str:
    """Say why a connection failed, from the innermost error of the operating system or of TLS."""
    cause: BaseException | None = error
    found = ""
    while cause is not None:
        if isinstance(cause, gaierror):
            found = "the host name cannot be resolved"
        elif isinstance(cause, ssl.SSLCertVerificationError):
            found = f"its certificate is not trusted ({cause.verify_message})"
        elif isinstance(cause, ssl.SSLError):
            found = "TLS failed"
        elif isinstance(cause, OSError) and cause.errno:
            found = os.strerror(cause.errno).lower()
        cause = cause.__cause__ or cause.__context__
    if found:
        return found
    if isinstance(error, httpx.TimeoutException | httpcore.TimeoutException):
        return "nothing came within the time limit"
    if isinstance(error, BadFraming):
        return str(error)
    return "the connection ended or broke the HTTP protocol"


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    what: str,
    secrets: tuple[str, ...],
    advice: str,
) -> CdrError:
    """
    Build the error for a status that is not success.

    Parameters
    ----------
    status : int
        Of the answer.
    headers : mapping
        Of the answer, names case-insensitive.
    body : bytes
        Its first bytes; only the general message of a JSON error is quoted.
    what : str
        What was asked for, as the message names it.
    secrets : tuple of str
        Values that must not appear in the message even if the service echoes them.
    advice : str
        What to do if the request is not authorized.
    """
    if status == HTTPStatus.UNAUTHORIZED or (status in {400, 403} and EXPIRED.search(body)):
        return AuthError(f"{what}: token expired or not accepted: {advice}")
    words = [f"{what}: the service answered {status}"]
    if status // 100 == 3:
        words.append("a redirect, which is not followed: set --base-url to the address it leads to")
    words += filter(None, [scrubbed(decode_error(body), secrets), HINTS.get(status)])
    return ServiceRefused(": ".join(words), status=status, retry_after_s=retry_after_s(headers))


def scrubbed(text: str, secrets: tuple[str, ...]) -> str:
    """One short line of the text, without secrets, phone numbers and anything like a token."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = PHONE_NUMBER.sub("***", TOKEN_LIKE.sub("***", text))
    return text if len(text) <= MESSAGE_CHARACTERS else text[:MESSAGE_CHARACTERS] + "..."


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After` in either form (RFC 9110 section 10.2.3); None if there is none."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
