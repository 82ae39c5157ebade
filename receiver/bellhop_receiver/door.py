"""The HTTP door: uvicorn's protocol, with limits to what a stranger may hold open.

uvicorn 0.54 has a timeout for idle connections that had an answer, and none for those that send
nothing, half a head, or half a body; no limit to the size of a head, nor to what follows the last
chunk of a body, nor to the requests that are sent ahead; and it keeps a connection whose client
never reads. So there is a time here for all that a client owes: its request, and that it reads the
answer. What is parsed and answered is uvicorn's work.
"""

import asyncio
import logging
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bellhop_receiver.answers import ANSWERS, AT_ONCE, HEAD_TOO_LARGE, NO_HTTP, Answer, Verdict
from bellhop_receiver.capacity import Capacity, Worth
from bellhop_receiver.framing import Framing
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


class Door(Framing):
    """One connection."""

    def __init__(
        self,
        *args: Any,
        refusals: Refusals,
        capacity: Capacity,
        webhook_path: str,
        patience: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _errors
        self._refusals = refusals
        self._capacity = capacity
        self._webhook_path = webhook_path
        self._patience = patience
        self._asking: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._left = MOST_HEAD
        self._silent = True
        self._owed = False
        self._in_body = False
        self._refused = False

    # What the transport tells

    def connection_made(self, transport: Any) -> None:
        """Expect a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # to be told when a client does not read
        self._expect_request()
        others: Any = self.connections  # all of them are doors
        self._capacity.admit(self, others)

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
            self.parse(piece)  # puts _left back when it gets on
            if self._left == 0:
                self._refuse(HEAD_TOO_LARGE, f"over {MOST_HEAD} bytes are headers, or too late")
        if self._owed:  # most requests come in one piece, and need no clock
            self._expect_request()

    def pause_writing(self) -> None:
        """Expect that the client reads its answer."""
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(self._patience, self.abort)

    def resume_writing(self) -> None:
        """Cancel the read timer."""
        super().resume_writing()
        self._have_read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._have_request()
        self._have_read()
        self._capacity.left(self)
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """Leave, even if there is an answer that the client does not read."""
        self.abort()

    # What the parser tells

    def on_message_begin(self) -> None:
        """Expect the rest of it."""
        super().on_message_begin()
        self._owed = True

    def on_headers_complete(self) -> None:
        """Expect its body. Raises `TooManyAhead`, and `UnknownFraming`."""
        if len(self.pipeline) >= MOST_AHEAD:
            raise TooManyAhead  # to the parser, which stops: send_400_response is next
        super().on_headers_complete()
        if self.ignores_offer:
            return
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
        super().on_message_complete()
        if self.ignores_offer:
            return
        self._in_body = False
        self._left = MOST_HEAD
        self._owed = False
        self._have_request()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser does not take."""
        self._refuse(NO_HTTP, msg)

    # What is done about it

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
            self.abort()
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
            self.abort()
        else:
            self.cycle.keep_alive = False  # so that uvicorn closes when it has answered

    def _owes_answer(self) -> bool:
        """Return whether a complete request waits for its answer."""
        if self._in_body:
            return bool(self.pipeline)
        return self.cycle is not None and not self.cycle.response_complete

    # What it is worth, when there are too many

    @property
    def worth(self) -> Worth:
        """What goes on here."""
        if self._silent or not (self._owed or self._owes_answer()):
            return Worth.IDLE
        if not self._owes_answer():
            return Worth.HALF_SENT
        if self.pipeline or self.scope["path"].rstrip("/").endswith(self._webhook_path):
            return Worth.WEBHOOK
        return Worth.ANSWERED_SOON

    @property
    def since(self) -> float:
        """Since when, in seconds of the event loop; 0 if that is not known."""
        if self._asking:
            return self._asking.when() - self._patience
        if self.timeout_keep_alive_task:
            return self.timeout_keep_alive_task.when() - self.timeout_keep_alive
        return 0.0

    @property
    def file(self) -> int:
        """The number of its file, or -1 if it has none any more."""
        socket = self.transport.get_extra_info("socket")
        return int(socket.fileno()) if socket else -1

    def abort(self) -> None:
        """Close it now, whatever is under way."""
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
