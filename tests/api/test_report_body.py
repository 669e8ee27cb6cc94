"""The body of a report over a real socket: whole, cut, stalled, coded, unproven."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from cdr_engine.api.body import JOINED_BYTES
from cdr_engine.errors import EmptyReport, IncompleteReport, NotAReport, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Http, RawServer

    from cdr_engine.api import ReportRequest, ReportService

    Connect = Callable[..., ReportService]

CSV = b"cloud_profile_id,profile_name,uii\n" + b"1111,DTE,'202004250912250132110000003150\n" * 50
COLUMN_NAMES, ROWS = CSV[:34], CSV[34:]
TEXT = "Content-Type: text/csv;charset=UTF-8"
CHUNKED = "Transfer-Encoding: chunked"


def read(service: ReportService, request: ReportRequest) -> bytes:
    """Read one report to its end."""
    with service.report(request) as body:
        received = b"".join(body)
    assert body.bytes_received == len(received)
    assert body.sha256 == hashlib.sha256(received).hexdigest()
    return received


@pytest.mark.parametrize("size", [1, 7, 1000, 65536])
def test_chunked_in_pieces(
    connect: Connect, http: type[Http], request_: ReportRequest, size: int
) -> None:
    """However the answer is cut into chunks, the body is the same."""
    parts = [CSV[i : i + size] for i in range(0, len(CSV), size)]
    service = connect(http.chunked(*parts))

    with service.report(request_) as body:
        assert b"".join(body) == CSV
        assert body.proof == "chunked"
        assert body.sha256 == hashlib.sha256(CSV).hexdigest()


@pytest.mark.parametrize("size", [1000, 8192, 70_000, 300_000])
def test_small_pieces_are_joined(
    connect: Connect, http: type[Http], request_: ReportRequest, size: int
) -> None:
    """However small the pieces that the service sends, all chunks but the last are large."""
    sent = CSV * 600
    service = connect(http.chunked(*(sent[i : i + size] for i in range(0, len(sent), size))))

    with service.report(request_) as body:
        chunks = list(body)
    assert sent == b"".join(chunks)
    assert all(JOINED_BYTES <= len(chunk) < JOINED_BYTES + 300_000 for chunk in chunks[:-1])
    assert len(chunks) > 2


def test_pieces_are_not_held_for_long(
    connect: Connect, http: type[Http], request_: ReportRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a body that comes slowly, what came is handed on before there is much of it."""
    monkeypatch.setattr("cdr_engine.api.body.HELD_S", 0.1)
    drip = [step for i in range(10) for step in (http.chunks(CSV[i : i + 1], end=b""), 0.04)]
    service = connect([http.head(200, TEXT, CHUNKED), *drip, http.chunks()])

    with service.report(request_) as body:
        chunks = list(body)
    assert CSV[:10] == b"".join(chunks)
    assert 2 < len(chunks) < 8


def test_what_came_before_a_break(
    connect: Connect, http: type[Http], request_: ReportRequest
) -> None:
    """Pieces that came before a body broke off are handed on before the error is raised."""
    service = connect([http.head(200, TEXT, CHUNKED), http.chunks(CSV, CSV, end=b"")])
    received = []
    with service.report(request_) as body, pytest.raises(IncompleteReport):
        received.extend(body)

    assert CSV + CSV == b"".join(received)


def test_content_length_byte_by_byte(
    connect: Connect, http: type[Http], request_: ReportRequest
) -> None:
    """An answer sent byte by byte is as good as one sent at once."""
    answer = http.sized(200, CSV[:200], TEXT)
    service = connect([answer[i : i + 1] for i in range(len(answer))])

    with service.report(request_) as body:
        assert b"".join(body) == CSV[:200]
        assert body.proof == "content-length"


def test_request_on_the_wire(
    connect: Connect, servers: list[RawServer], http: type[Http], request_: ReportRequest
) -> None:
    """The request has the page's method, path and header fields, and asks for no coding."""
    read(connect(http.chunked(CSV)), request_)

    head, _, body = servers[0].requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /api/v1/admin/accounts/13670001/reportsStreaming HTTP/1.1"
    assert f"Authorization: Bearer {http.token}".encode() in lines
    assert b"Content-Type: application/json;charset=UTF-8" in lines
    assert b"Accept-Encoding: identity" in lines
    assert body == request_.to_json()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([CHUNKED, b""], id="before the first chunk"),
        pytest.param([CHUNKED, b"22"], id="in a chunk-size line"),
        pytest.param([CHUNKED, b"22\r\n" + COLUMN_NAMES[:10]], id="in a chunk"),
        pytest.param([CHUNKED, b"22\r\n" + COLUMN_NAMES], id="before a chunk's line end"),
        pytest.param([CHUNKED, b"22\r\n" + COLUMN_NAMES + b"\r\n"], id="between chunks"),
        pytest.param([CHUNKED, b"22\r\n" + COLUMN_NAMES + b"\r\n0\r\n"], id="in the last chunk"),
        pytest.param([CHUNKED, b"nonsense\r\n"], id="a size that is no number"),
        pytest.param([CHUNKED, b"3\r\nabcdef\r\n0\r\n\r\n"], id="a size that is too small"),
        pytest.param(["Content-Length: 100", b""], id="before a sized body"),
        pytest.param(["Content-Length: 100", COLUMN_NAMES], id="in a sized body"),
        pytest.param(["Content-Length: 35", COLUMN_NAMES], id="one byte short"),
    ],
)
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_cut(
    connect: Connect, http: type[Http], request_: ReportRequest, steps: list[object], how: str
) -> None:
    """A body cut anywhere, by a close or by a reset, is incomplete, and says how far it came."""
    field, sent = steps
    script = [http.head(200, TEXT, str(field)), sent]
    service = connect([*script, http.reset] if how == "reset" else script)

    with service.report(request_) as body, pytest.raises(IncompleteReport) as caught:
        list(body)

    assert f"after {body.bytes_received} bytes" in str(caught.value)
    with pytest.raises(UsageError):
        _ = body.sha256


def test_reset_is_named(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """The message of a broken body says what the operating system said."""
    service = connect([http.head(200, TEXT, CHUNKED), http.chunks(CSV, end=b""), http.reset])

    with service.report(request_) as body, pytest.raises(IncompleteReport, match="reset by peer"):
        list(body)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param({"version": "1.1", "fields": []}, id="no framing"),
        pytest.param({"version": "1.0", "fields": []}, id="HTTP/1.0"),
        pytest.param({"version": "1.0", "fields": [CHUNKED]}, id="HTTP/1.0 with chunks"),
    ],
)
def test_unproven_end(
    connect: Connect, http: type[Http], request_: ReportRequest, head: dict[str, object]
) -> None:
    """A body whose end nothing proves is refused before it yields, unless accepted by name."""
    version, fields = head["version"], head["fields"]
    start = http.head(200, TEXT, *fields, version=version)
    answer = start + (http.chunks(CSV) if fields else CSV)
    with (
        pytest.raises(IncompleteReport, match="accept_unproven_end"),
        connect(answer).report(request_),
    ):
        pytest.fail("entered")

    with connect(answer, accept_unproven_end=True).report(request_) as body:
        assert b"".join(body) == CSV
        assert body.proof == "unproven"


def test_http_1_0_with_length(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """A length proves the end in HTTP/1.0 too."""
    start = http.head(200, TEXT, f"Content-Length: {len(CSV)}", version="1.0")

    assert read(connect(start + CSV), request_) == CSV


def test_stall(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """A body that stalls ends after the read timeout, not after the longer answer timeout."""
    script = [http.head(200, TEXT, CHUNKED), http.chunks(CSV, end=b""), http.stall]
    service = connect(script, read_timeout_s=0.2, answer_timeout_s=30)

    started = time.monotonic()
    with (
        service.report(request_) as body,
        pytest.raises(IncompleteReport, match=f"after {len(CSV)} bytes: nothing came"),
    ):
        list(body)
    assert time.monotonic() - started < 2


def test_slow_answer(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """The wait for the status line may be longer than the wait between two chunks."""
    service = connect([0.4, http.chunked(CSV)], read_timeout_s=0.2, answer_timeout_s=5)

    assert read(service, request_) == CSV


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deadline_s": 0.3}, "longer than the deadline of 0.3 s"),
        ({"min_bytes_per_s": 5000, "rate_window_s": 0.3}, "less than 5000 bytes a second"),
    ],
)
def test_slow_drip(
    connect: Connect,
    http: type[Http],
    request_: ReportRequest,
    options: dict[str, float],
    message: str,
) -> None:
    """A body that drips, each byte in time, ends at the deadline or below the minimum rate."""
    drip = [step for _ in range(60) for step in (http.chunks(b"x", end=b""), 0.02)]
    service = connect([http.head(200, TEXT, CHUNKED), *drip], **options)

    started = time.monotonic()
    with service.report(request_) as body, pytest.raises(IncompleteReport, match=message):
        list(body)
    assert time.monotonic() - started < 1


def test_slow_reader(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """A reader that takes its time does not make the service slow."""
    parts = [CSV[i : i + 100] for i in range(0, len(CSV), 100)]
    service = connect(http.chunked(*parts), min_bytes_per_s=1e6, rate_window_s=0.05)

    with service.report(request_) as body:
        for _ in body:
            time.sleep(0.01)
    assert body.bytes_received == len(CSV)


@pytest.mark.parametrize("form", ["chunked", "sized", "gzip", "204"])
def test_empty(connect: Connect, http: type[Http], request_: ReportRequest, form: str) -> None:
    """No bytes at all is an empty report, in whatever framing."""
    answers = {
        "chunked": http.chunked(),
        "sized": http.sized(200, b"", TEXT),
        "gzip": http.sized(200, gzip.compress(b""), TEXT, "Content-Encoding: gzip"),
        "204": http.head(204),
    }
    with pytest.raises(EmptyReport), connect(answers[form]).report(request_) as body:
        list(body)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("fields", [[], ["Content-Type: TEXT/CSV"], ["Content-Type: text/plain"]])
def test_media_types_taken(
    connect: Connect, http: type[Http], request_: ReportRequest, status: int, fields: list[str]
) -> None:
    """Both documented successes are taken, and a media type that says nothing against CSV."""
    assert read(connect(http.sized(status, b"\xef\xbb\xbf" + CSV, *fields)), request_)


@pytest.mark.parametrize(
    ("media_type", "sent", "message"),
    [
        ("text/html", b"<!doctype html>", "/voice"),
        ("text/html;charset=UTF-8", CSV, "/voice"),
        ("text/csv", b"\n <html>", "/voice"),
        (None, b"<html>", "/voice"),
        ("application/json", b"{}", "not text/csv"),
        ("application/problem+json", b"{}", "not text/csv"),
        ("text/csv", b'{"generalMessage":"x"}', "JSON"),
        (None, b"\xef\xbb\xbf[]", "JSON"),
    ],
)
def test_not_a_report(
    connect: Connect,
    http: type[Http],
    request_: ReportRequest,
    media_type: str | None,
    sent: bytes,
    message: str,
) -> None:
    """A successful answer with a web page or JSON is no report, whatever it calls itself."""
    fields = [f"Content-Type: {media_type}"] if media_type else []
    service = connect(http.sized(200, sent, *fields))

    with pytest.raises(NotAReport, match=message), service.report(request_) as body:
        list(body)


@pytest.mark.parametrize(
    "error",
    [
        b'{"errorCode":"x","generalMessage":"y","timestamp":1}',
        b'\n{\n  "cause": null,\n  "generalMessage": "y {}"\n}\n\n',
        b"1111,DTE,'2020" + b'{"errors":[{"errorCode":"CMN-301"}]}',
        b"<html>\n</HTML>\n",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_error_after_rows(
    connect: Connect, http: type[Http], request_: ReportRequest, error: bytes, size: int
) -> None:
    """A whole body that ends in an error of the service is a report with rows missing."""
    sent = CSV + error
    service = connect(http.chunked(*(sent[i : i + size] for i in range(0, len(sent), size))))

    with (
        service.report(request_) as body,
        pytest.raises(IncompleteReport, match="ends in an error"),
    ):
        list(body)


@pytest.mark.parametrize("row", [b"1,a,b{x}\n", b'1,"{""errorCode"":1}",x\n', b"1,<html>,x\n"])
def test_odd_last_row(
    connect: Connect, http: type[Http], request_: ReportRequest, row: bytes
) -> None:
    """A row is not taken for an error because of a brace, a key or a tag in it."""
    assert read(connect(http.chunked(CSV, row)), request_) == CSV + row


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", gzip.compress(CSV, mtime=0)),
        ("X-GZIP", gzip.compress(CSV, mtime=0)),
        ("gzip", gzip.compress(CSV[:99], mtime=0) + gzip.compress(CSV[99:], mtime=0)),
        ("deflate", zlib.compress(CSV)),
        ("identity", CSV),
    ],
    ids=["gzip", "x-gzip", "two members", "deflate", "identity"],
)
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_coded(
    connect: Connect,
    http: type[Http],
    request_: ReportRequest,
    coding: str,
    sent: bytes,
    size: int,
) -> None:
    """A coding nobody asked for is undone, all gzip members of it, however it is chunked."""
    parts = [sent[i : i + size] for i in range(0, len(sent), size)]
    service = connect(http.chunked(*parts, fields=[TEXT, f"Content-Encoding: {coding}"]))

    assert read(service, request_) == CSV


GZIP = gzip.compress(CSV, mtime=0)


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        pytest.param("gzip", GZIP[:5], id="cut in the gzip header"),
        pytest.param("gzip", GZIP[:60], id="cut in the gzip body"),
        pytest.param("gzip", GZIP[:-8], id="without checksum and length"),
        pytest.param("gzip", GZIP[:-1], id="cut in the length"),
        pytest.param("gzip", GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:], id="bad CRC"),
        pytest.param("gzip", GZIP[:-4] + b"\0\0\0\0", id="bad length"),
        pytest.param("gzip", GZIP + b"junk", id="trailing junk"),
        pytest.param("gzip", GZIP + GZIP[:30], id="second member cut"),
        pytest.param("gzip", GZIP + b"\x1f", id="second member of one byte"),
        pytest.param("gzip", CSV, id="not gzip"),
        pytest.param("deflate", zlib.compress(CSV)[:-1], id="deflate cut"),
        pytest.param("deflate", zlib.compress(CSV) * 2, id="deflate twice"),
        pytest.param("deflate", zlib.compress(CSV, wbits=-15), id="deflate without checksum"),
    ],
)
def test_damaged_coding(
    connect: Connect, http: type[Http], request_: ReportRequest, coding: str, sent: bytes
) -> None:
    """A coded stream that is cut, damaged or goes on is incomplete, although its framing ends."""
    service = connect(http.sized(200, sent, TEXT, f"Content-Encoding: {coding}"))

    with service.report(request_) as body, pytest.raises(IncompleteReport, match=r"stream|coding"):
        list(body)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "compress"])
def test_coding_that_is_not_undone(
    connect: Connect, http: type[Http], request_: ReportRequest, coding: str
) -> None:
    """More than one coding, or one that is not known, is refused."""
    service = connect(http.sized(200, GZIP, TEXT, f"Content-Encoding: {coding}"))

    with service.report(request_) as body, pytest.raises(NotAReport, match="only gzip"):
        list(body)


def test_bomb(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """A stream that unpacks a thousandfold is refused early, in pieces of bounded size."""
    bomb = gzip.compress(b"a" * (1 << 26))
    service = connect(http.sized(200, bomb, TEXT, "Content-Encoding: gzip"))

    sizes: list[int] = []
    with service.report(request_) as body, pytest.raises(NotAReport, match="times its size"):
        sizes.extend(len(chunk) for chunk in body)
    assert max(sizes) <= 1 << 18
    assert body.bytes_received < 1 << 25


@pytest.mark.parametrize("framing", ["chunked", "sized"])
def test_constant_memory(
    connect: Connect, http: type[Http], request_: ReportRequest, framing: str
) -> None:
    """Reading 64 MiB takes no more memory than reading a few chunks."""
    block = os.urandom(1 << 16).replace(b"<", b"c").replace(b"{", b"c").replace(b"[", b"c")
    count = 1 << 10
    part = http.chunks(block, end=b"") if framing == "chunked" else block
    field = CHUNKED if framing == "chunked" else f"Content-Length: {count << 16}"
    end = http.chunks() if framing == "chunked" else b""
    service = connect([http.head(200, TEXT, field), *[part] * count, end])

    tracemalloc.start()
    with service.report(request_) as body:
        for _ in body:
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert body.bytes_received == count << 16
    assert peak < 3 << 20


def test_leaving_early(
    connect: Connect, servers: list[RawServer], http: type[Http], request_: ReportRequest
) -> None:
    """Leaving a body before its end closes the connection."""
    much = CSV * (JOINED_BYTES // len(CSV) + 1)
    service = connect([http.head(200, TEXT, CHUNKED), http.chunks(much, end=b""), http.stall])

    with service.report(request_) as body:
        assert next(iter(body)).startswith(CSV)

    assert servers[0].client_left.wait(2)


def test_body_is_read_once(connect: Connect, http: type[Http], request_: ReportRequest) -> None:
    """A body is entered once and iterated once, inside its `with`."""
    body = connect(http.chunked(CSV)).report(request_)
    with pytest.raises(UsageError):
        next(iter(body))
    with body:
        list(body)
        with pytest.raises(UsageError):
            list(body)
    with pytest.raises(UsageError):
        body.__enter__()


def test_nothing_is_sent_before_entering(
    connect: Connect, servers: list[RawServer], http: type[Http], request_: ReportRequest
) -> None:
    """Making a body sends nothing."""
    connect(http.chunked(CSV)).report(request_)

    assert servers[0].requests == []
