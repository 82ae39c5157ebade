"""Requests that no sender means well with, as the bytes that go over the wire.

For each the status of the answer, or 0 where there is none. `Delivery` signs now, so they are made
when they are needed.
"""

import itertools
from collections.abc import Iterable

from bellhop_receiver.door import MOST_HEAD
from tests.receiver.conftest import Delivery

Hostile = tuple[int, bytes]

POST = b"POST /webhooks/seam HTTP/1.1\r\nhost: x\r\n"
TLS_HELLO = bytes.fromhex("16030102000100") + b"\x01\xfc\x03\x03" + b"r" * 508


def chunked(*pieces: bytes) -> bytes:
    """Return pieces as a body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def signed(*lines: bytes, body: bytes | None = None, rest: bytes = b"") -> bytes:
    """Return a signed request with `lines` among its headers, `body` as it is sent, and `rest`."""
    delivery = Delivery()
    sent = delivery.body if body is None else body
    head = delivery.head()[: -len(b"\r\n")] + b"".join(line + b"\r\n" for line in lines)
    return head + b"\r\n" + sent + rest


def length(size: int) -> bytes:
    """Return the header."""
    return b"content-length: %d" % size


def _lengths() -> Iterable[tuple[str, Hostile]]:
    body = Delivery().body
    size = len(body)
    yield "a length that is too small", (400, signed(length(10), body=body))
    yield "a length that is too large", (408, signed(length(size + 1), body=body))
    yield "a length of zero", (400, signed(length(0), body=b""))
    yield "a length beyond all bounds", (413, signed(length(2**64 - 1)))
    yield "a length that overflows", (400, signed(length(2**64)))
    yield "a length of 5,000 digits", (400, signed(b"content-length: " + b"9" * 5000))
    yield "the same length twice", (400, signed(length(size), length(size), body=body))
    yield "two lengths", (400, signed(length(size), length(1), body=body))
    for what in (b"-1", b"+5", b"0x10", b"1e3", b"5.0", b"5, 5", b"", b"five", b"5 5", b"\xb2"):
        yield f"a length of {what!r}", (400, signed(b"content-length: " + what, body=b"12345"))
    yield "a body that nothing announces", (400, signed(body=body))


def _transfers() -> Iterable[tuple[str, Hostile]]:
    body = Delivery().body
    te = b"transfer-encoding: chunked"
    whole = chunked(body)
    yield "chunked, and a length", (400, signed(te, length(5), body=whole))
    yield "a length, and chunked", (400, signed(length(5), te, body=whole))
    yield "chunked twice", (400, signed(te, te, body=whole))
    for what in (
        *(b"identity", b"gzip", b"chunked, gzip", b"xchunked", b"\x0bchunked", b"chunked;", b""),
        *(b"gzip, chunked", b"identity, chunked", b"chunked, chunked", b",chunked", b"chunked,"),
        *(b"chunked\x00", b'"chunked"', b"chunked x", b"chunked\r\n ", b"\r\n chunked"),
    ):
        yield f"an encoding {what!r}", (400, signed(b"transfer-encoding: " + what, body=whole))
    several = (b"transfer-encoding: gzip", te)
    yield "two encodings", (400, signed(*several, body=whole))
    yield "a tab before a colon", (400, signed(b"transfer-encoding\t: chunked", body=whole))
    yield "chunks in HTTP/1.0", (400, signed(te, body=whole).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    for size in (
        b"5;\n",
        b"5\n",
        b"5 ",
        b" 5",
        b"0x5",
        b"+5",
        b"5_0",
        b"5,",
        b"5;a\rb",
        b'5;a="\n"',
    ):
        yield f"a chunk of size {size!r}", (400, signed(te, body=size + b"\r\nhello\r\n0\r\n\r\n"))
    yield "a chunk that ends with bare LF", (400, signed(te, body=b"5\r\nhello\n0\r\n\r\n"))
    yield "a space before a colon", (400, signed(b"transfer-encoding : chunked", body=whole))
    yield "a chunk of no number", (400, signed(te, body=b"zz\r\n"))
    yield "a chunk of negative size", (400, signed(te, body=b"-5\r\nhello\r\n"))
    yield "a chunk that overflows", (400, signed(te, body=b"f" * 17 + b"\r\n"))
    yield "a chunk beyond all bounds", (408, signed(te, body=b"f" * 16 + b"\r\nabc"))
    yield "a chunk longer than it says", (400, signed(te, body=b"2\r\nabcdef\r\n0\r\n\r\n"))
    yield "chunks with bare LF", (400, signed(te, body=whole.replace(b"\r\n", b"\n")))
    endless = 3 * MOST_HEAD
    yield "a chunk whose size is all zeros", (431, signed(te, body=b"0" * endless))
    yield "a chunk with an endless extension", (431, signed(te, body=b"5;" + b"x" * endless))
    yield "no last chunk", (408, signed(te, body=whole[: -len(b"0\r\n\r\n")]))
    yield "endless trailers", (431, signed(te, body=b"0\r\n" + b"a: b\r\n" * (endless // 6)))
    yield "an endless trailer", (431, signed(te, body=b"0\r\na: " + b"b" * endless))
    yield "a chunk for every byte", (400, signed(te, body=chunked(*[b" "] * 5000)))


def _heads() -> Iterable[tuple[str, Hostile]]:
    large = b"x" * MOST_HEAD
    yield "one large header", (431, POST + b"a: " + large + b"\r\n\r\n")
    yield "one large name", (431, POST + large + b": a\r\n\r\n")
    yield "thousands of headers", (431, POST + b"a: b\r\n" * 20_000 + b"\r\n")
    yield "thousands of empty headers", (431, POST + b"a:\r\n" * 20_000 + b"\r\n")
    yield "a large path", (431, b"GET /" + large + b" HTTP/1.1\r\n\r\n")
    yield "a large query", (431, b"GET /?" + large + b" HTTP/1.1\r\n\r\n")
    yield "blank lines and nothing else", (431, b"\r\n" * MOST_HEAD)
    yield "a few blank lines", (408, b"\r\n" * 3)
    yield "half a request line", (408, b"POST /webh")
    yield "a request line and no more", (408, b"POST /webhooks/seam HTTP/1.1\r\n")
    yield "half a head", (408, POST + b"content-length: 5")
    yield "a head without its end", (408, POST + b"content-length: 5\r\n")
    yield "a header without a name", (400, POST + b": x\r\n\r\n")
    yield "a header without a colon", (400, POST + b"header\r\n\r\n")
    for second in (b"host: y", b"host: x", b"HOST:", b"a: b\r\nhost: x"):
        for version in (b"1.0", b"1.1"):
            get = b"GET /health/live HTTP/%s\r\nhost: x\r\n%s\r\n\r\n" % (version, second)
            yield f"a host, and {second!r}, in HTTP/{version.decode()}", (400, get)
    yield "a folded header", (400, POST + b"a: b\r\n c\r\n\r\n")
    for byte in (b"\x00", b"\r", b"\x01", b"\x7f"):
        yield f"{byte!r} in a header", (400, POST + b"a: b" + byte + b"c\r\n\r\n")
        yield f"{byte!r} in a name", (400, POST + b"a" + byte + b"b: c\r\n\r\n")
    yield "bare LF", (400, POST.replace(b"\r\n", b"\n") + b"\n")
    yield "an upgrade to h2c", (400, POST + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n")
    upgrade = (b"connection: upgrade", b"upgrade: websocket")
    yield "an upgrade of a signed request", (400, signed(*upgrade, length(5), body=b"12345"))
    for version in (b"0.9", b"2.0"):
        head = POST.replace(b"1.1", version) + b"\r\n".join((*upgrade, length(0), b"", b""))
        yield f"an upgrade of HTTP/{version.decode()}", (400, head)
    head = POST.replace(b"1.1", b"1.0")
    te = b"transfer-encoding: chunked"
    yield "an upgrade of HTTP/1.0 in chunks", (400, head + b"\r\n".join((*upgrade, te, b"", b"")))
    yield "an expectation that nobody knows", (400, POST + b"expect: 200-ok\r\n\r\n")
    yield "a compressed body", (415, signed(b"content-encoding: gzip", body=b""))


def _lines() -> Iterable[tuple[str, Hostile]]:
    for line in (
        b"POST",
        b"POST /webhooks/seam",
        b"post /webhooks/seam HTTP/1.1",
        b"POST /webhooks/seam HTTP/2.0",
        b"POST /webhooks/seam HTTP/9.9",
        b"POST /webhooks/seam HTTP/1.1.1",
        b"POST /webhooks/seam HTTPS/1.1",
        b"POST  /webhooks/seam HTTP/1.1",
        b"POST /webhooks/seam\tHTTP/1.1",
        b"POST /webhooks\x00/seam HTTP/1.1",
        b"POST /webhooks/s\xe9am HTTP/1.1",
        b"POST webhooks/seam HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"GET http://[::1 HTTP/1.1",
        b"GET http://a:99999999/ HTTP/1.1",
        b"POST /webhooks/seam HTTP/0.9",
        b"CONNECT example.com:443 HTTP/1.1",
        b"CONNECT /webhooks/seam HTTP/1.1",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"M" * 5000 + b" / HTTP/1.1",
    ):
        yield f"the line {line[:40]!r}", (400, line + b"\r\n\r\n")
    for line in (
        b"GET /../../etc/passwd HTTP/1.1",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
        b"GET /%00 HTTP/1.1",
        b"GET /%ff%fe HTTP/1.1",
        b"GET /% HTTP/1.1",
        b"GET //health/live HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"PURGE /nowhere HTTP/1.1",
        b"GET /" + b"a/" * 20_000 + b" HTTP/1.1",
    ):
        yield f"the line {line[:40]!r}", (404, line + b"\r\n\r\n")
    yield "the first line of HTTP/0.9", (408, b"GET /\r\n")
    yield "a TLS handshake", (400, TLS_HELLO)
    yield "NULs", (400, b"\x00" * 1000)
    yield "noise", (400, bytes(range(256)) * 10)
    yield "SSH", (400, b"SSH-2.0-OpenSSH_9.9\r\n")
    yield "a Redis command", (400, b"*1\r\n$8\r\nFLUSHALL\r\n")
    yield "mail", (400, b"EHLO example.com\r\n")


SECOND = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
"""A request that is hidden in others: that it is answered shows that it was found."""

OFFERS = {
    "websocket": b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
    "h2c": b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
    "TLS": b"upgrade: TLS/1.2\r\nconnection: upgrade\r\n",
    "nothing": b"connection: upgrade\r\nupgrade:\r\n",
    "several": b"connection: keep-alive\r\nconnection: upgrade\r\nupgrade: a, b\r\nupgrade: c\r\n",
}


def requests_that_hide_another() -> dict[str, bytes]:
    """Return requests that somebody on the way may take for one, and somebody else for two."""
    length, te = b"content-length: %d\r\n" % len(SECOND), b"transfer-encoding: chunked\r\n"
    framed = {"a length": length + b"\r\n" + SECOND, "chunks": te + b"\r\n" + chunked(SECOND)}
    starts = [
        f"{method} {path} HTTP/1.{minor}\r\nhost: x\r\n".encode()
        for method in ("GET", "HEAD", "POST", "PUT")
        for path in ("/webhooks/seam", "/nowhere", "/health/live?")
        for minor in (0, 1)
        if (method, path) != ("GET", "/health/live?")  # that alone is answered so
    ]
    hidden = {
        f"{start[:-11].decode()} with an offer of {name} and {how}": start + offer + rest
        for start, (name, offer), (how, rest) in itertools.product(
            starts, OFFERS.items(), framed.items()
        )
    }
    last = b"0\r\n\r\n"
    for start, (name, more) in itertools.product(
        starts,
        {
            "an expectation": b"expect: 100-continue\r\n" + length + b"\r\n",
            "a length, and chunks": length + te + b"\r\n" + last,
            "chunks, and a length": te + length + b"\r\n" + last,
            "two lengths": length + b"content-length: 0\r\n\r\n",
            "another encoding": b"transfer-encoding: xchunked\r\n" + length + b"\r\n",
            "two encodings": b"transfer-encoding: identity, chunked\r\n\r\n" + last,
            "a length before a colon": b"content-length : 0\r\n\r\n",
            "a folded length": b"content-length:\r\n 0\r\n\r\n",
            "a chunk's extension": te + b"\r\n2;\n\r\nxx\r\n" + last,
            "two hosts": b"host: x\r\n\r\n",
            "NUL": b"a: b\x00\r\n\r\n",
            "bare LF": b"a: b\n\n",
            "bare CR": b"a: b\r\r\n\r\n",
        }.items(),
    ):
        hidden[f"{start[:-11].decode()} with {name}"] = start + more + SECOND
    for line in (b"CONNECT x:1 HTTP/1.1", b"CONNECT /webhooks/seam HTTP/1.1", b"PRI * HTTP/2.0"):
        hidden[line.decode()] = line + b"\r\nhost: x\r\n\r\n" + SECOND
    return hidden


def hostile_requests() -> dict[str, Hostile]:
    """Return all by name."""
    named = [*_lengths(), *_transfers(), *_heads(), *_lines()]
    requests = dict(named)
    assert len(requests) == len(named), "two have one name"
    return requests
