"""How programs write a text, and what is read from what they wrote.

In code, JSON, a URL or HTML; in escapes, percent-encoding, hex, base64 and UTF-16; with the colours
of a terminal.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote

_LONGEST_NUMBER: Final = 16
"""Digits of hex that are read as a number."""

_ESCAPE: Final = re.compile(r"\\+(?:x|u00)(00|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])", re.ASCII)
_PERCENT: Final = re.compile(r"[\w.~+-]*%[0-9A-Fa-f]{2}(?:[\w.~+-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_CONTROL: Final = re.compile(
    r"(?:\x1b|\\+(?:x1b|u001b|033))\[[0-9;]*[A-Za-z]|\\+[abfnrtv]", re.ASCII | re.IGNORECASE
)
"""A colour of a terminal, or the letter of an escape, which is no part of the word behind it."""
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?([0-9A-Fa-f]{3,})(?![0-9A-Za-z])", re.ASCII)
_BASE64: Final = (
    re.compile(r"[A-Za-z0-9]{4,}={0,2}", re.ASCII),
    re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}", re.ASCII),
)


def written_forms(secret: str) -> set[str]:
    """Return how a text stands in code, JSON, a URL or HTML."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode(errors="replace"))[2:-1],
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
        html.escape(secret),
    }


def readings(text: str) -> Iterator[str]:
    """Yield a text, and the same with spaces for what is not shown of it, if there is any."""
    yield text
    if "\x1b" in text or "\\" in text:
        yield _CONTROL.sub(lambda match: " " * len(match[0]), text)


def lowered(text: str) -> str:
    """Return a text of the same length in lower case."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(char if len(char.lower()) > 1 else char.lower() for char in text)


def decoded(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where something may be written in another way: its start, its end, and what it says."""
    if "%" in text:
        for match in _PERCENT.finditer(text):
            yield *match.span(), unquote(match[0])
    for match in _HEX.finditer(text):
        digits = match[1]
        if match[0] != digits and len(digits) <= _LONGEST_NUMBER:
            yield *match.span(), str(int(digits, 16))
        elif len(digits) % 2 == 0 and (said := _as_text(bytes.fromhex(digits))):
            yield *match.span(), said
    seen = set()
    for pattern in _BASE64:
        for match in pattern.finditer(text):
            span = match.span()
            if span in seen or match[0].islower() or match[0].isdecimal():
                continue
            seen.add(span)
            if said := _as_text(_from_base64(match[0])):
                yield *span, said


def unescaped(text: str) -> str:
    r"""Return a text in which `\x34` is a 4, and without the zeros of UTF-16."""
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if "&#" in text:
        text = html.unescape(text)
    return text.replace("\0", "")


def _from_base64(text: str) -> bytes:
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def _as_text(data: bytes) -> str | None:
    """Return bytes as text, if they are any (UTF-8, or ASCII in UTF-16)."""
    try:
        text = data.removeprefix(b"\xff\xfe").replace(b"\0", b"").decode()
    except UnicodeDecodeError:
        return None
    return text if text.replace("\n", "").replace("\t", "").isprintable() else None
