"""The HTTP door: uvicorn's protocol, with limits to what a stranger may hold open.

uvicorn 0.54 has a timeout for idle connections that had an answer, and none for those that send
nothing, half a head, or half a body; no limit to the size of a head, nor to what follows the last
chunk of a body, nor to the requests that are sent ahead; and it keeps a connection whose client
never reads. So there is a time here for all that a client owes: its request, and that it reads the
answer. What is parsed and answered is uvicorn's work.

A body is read by its framing, or the connection is closed: nothing that belongs to one request is
ever read as the next one, which may be somebody else's behind a proxy (RFC 9112, 11.2).
"""

import asyncio
import logging
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bellhop_receiver.answers import ANSWERS, AT_ONCE, HEAD_TOO_LARGE, NO_HTTP, Answer, Verdict
from bellhop_receiver.refusals import Refusals

PATIENCE = 15.0
"""Seconds from a request's first byte to its last: Svix waits no longer for its answer."""

MOST_HEAD = 64 * 1024
"""Bytes of a head, or of whatever else nobody needs: sizes of chunks, trailers, what is left of a
body when the answer has been given."""

MOST_AHEAD = 16
"""Requests that a client may send before it has the answer to the first."""

_errors = logging.getLogger("uvicorn.error.door")
_errors.setLevel(logging.ERROR)  # its warnings are of strangers' requests: they are counted instead


class TooManyAhead(Exception):
    """The client asks on and on, and does not wait for answers."""


class UnknownFraming(Exception):
    """A proxy before us may see the end of this request elsewhere than we do."""


class Door(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, refusals: Refusals, patience: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _errors
        self._refusals = refusals
        self._patience = patience
        self._asking: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._left = MOST_HEAD
        self._silent = True
        self._owed = False
        self._in_body = False
        self._is_chunked = False
        self._refused = False

    # What the transport tells

    def connection_made(self, transport: Any) -> None:
        """Expect a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # to be told when a client does not read
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless it is too much."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._silent = False
        self._owed = True
        while data and not self._refused:
            piece, data = data[: self._left], data[self._left :]
            self._left -= len(piece)
            self._parse(piece)  # puts _left back when it gets on
            if self._left == 0:
                self._refuse(HEAD_TOO_LARGE, f"over {MOST_HEAD} bytes are headers, or too late")
        if self._owed:  # most requests come in one piece, and need no clock
            self._expect_request()

    def pause_writing(self) -> None:
        """Expect that the client reads its answer."""
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(self._patience, self._abort)

    def resume_writing(self) -> None:
        """Cancel the read timer."""
        super().resume_writing()
        self._have_read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._have_request()
        self._have_read()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """Leave, even if there is an answer that the client does not read."""
        self._abort()

    # What the parser tells

    def on_message_begin(self) -> None:
        """Expect the rest of it."""
        super().on_message_begin()
        self._owed = True
        self._is_chunked = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer. Raises `UnknownFraming`.

        The parser also takes `gzip, chunked`, of which proxies think differently.
        """
        name = name.lower()
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"transfer-encoding" and not self._in_body:
            if self._is_chunked or value.strip().lower() != b"chunked":
                raise UnknownFraming
            self._is_chunked = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Expect its body. Raises `TooManyAhead` and `UnknownFraming`."""
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise UnknownFraming
            return  # the parser stops here, and _parse goes on
        if len(self.pipeline) >= MOST_AHEAD:
            raise TooManyAhead  # to the parser, which stops: send_400_response is next
        self._check_version()
        super().on_headers_complete()
        if self.expect_100_continue:
            # After an answer without 100 Continue, the client may send the body or the next
            # request (RFC 9110, 10.1.1): there is no telling which.
            self.cycle.keep_alive = False
        # Weakly, since the cycle has the scope: only the garbage collector would free them.
        answer = partial(_answer_at_once, ref(self.cycle))
        self.scope["extensions"] = {AT_ONCE: {"answer": answer}}
        self.headers = []  # for trailers, which are no headers, and must not replace any
        self._in_body = True
        self._left = MOST_HEAD

    def on_body(self, body: bytes) -> None:
        """Take a piece, if anybody still waits for it."""
        super().on_body(body)
        if not self.cycle.response_complete:
            self._left = MOST_HEAD

    def on_message_complete(self) -> None:
        """Expect nothing: it is our turn."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._in_body = False
        self._left = MOST_HEAD
        self._owed = False
        self._have_request()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser does not take."""
        self._refuse(NO_HTTP, msg)

    # What is done about it

    def _parse(self, data: bytes) -> None:
        while data and not self._refused:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                self._ignore_offer()
            except HttpParserError:
                self.send_400_response("it is not HTTP/1.1, or its end cannot be known for sure")
            else:
                return

    def _ignore_offer(self) -> None:
        """Read a head again, without its offer to speak another protocol.

        A server may ignore such an offer, and the request is then like any other (RFC 9110, 7.8).
        The parser insists that the body is no longer HTTP.
        """
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self._version())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _version(self) -> bytes:
        return self.parser.get_http_version().encode()

    def _check_version(self) -> None:
        """Raise `UnknownFraming` for a version whose framing is not that of HTTP/1.1."""
        version = self.parser.get_http_version()
        if version == "1.0":
            self.expect_100_continue = False  # it came with 1.1, as chunks did
        if version not in ("1.0", "1.1") or (version == "1.0" and self._is_chunked):
            raise UnknownFraming

    def _expect_request(self) -> None:
        if self._asking is None:
            self._asking = self.loop.call_later(self._patience, self._give_up)

    def _have_request(self) -> None:
        if self._asking:
            self._asking.cancel()
            self._asking = None

    def _have_read(self) -> None:
        if self._reading:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        self._asking = None
        if self._silent:
            self._abort()
        elif self._owes_answer():
            self._expect_request()  # meanwhile nothing may have been read
        else:
            self._refuse(ANSWERS[Verdict.TOO_SLOW], f"it took more than {self._patience:g} s")

    def _refuse(self, answer: Answer, reason: str) -> None:
        """Count it, answer, and close.

        A complete request before it gets its own answer instead; several, or one that is followed
        by half of another, are dropped, and have to come again (RFC 9112, 9.3.2).
        """
        if self._refused:
            return
        self._refused = True
        self._refusals.add(reason)
        if not self._owes_answer():
            if not (self._in_body and self.cycle.response_started):
                self.transport.write(answer.raw(self.server_state.default_headers))
            self.transport.close()
        elif self._in_body:
            self._abort()
        else:
            self.cycle.keep_alive = False  # so that uvicorn closes when it has answered

    def _owes_answer(self) -> bool:
        """Return whether a complete request waits for its answer."""
        if self._in_body:
            return bool(self.pipeline)
        return self.cycle is not None and not self.cycle.response_complete

    def _abort(self) -> None:
        self.transport.abort()


async def _answer_at_once(request: ReferenceType[RequestResponseCycle], answer: Answer) -> None:
    """Send an answer with one call of the system; uvicorn makes two, and reads its headers.

    It does what has to be told to the client beside it, or waited for.
    """
    cycle = request()
    assert cycle
    if (
        cycle.disconnected
        or not cycle.keep_alive
        or answer.closes
        or cycle.waiting_for_100_continue
        or cycle.flow.write_paused
        or cycle.scope["method"] == "HEAD"
    ):
        await answer(cycle.send)
        return
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    cycle.transport.write(answer.raw(cycle.default_headers))
    cycle.on_response()
