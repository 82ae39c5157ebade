"""The endpoint of one call, and what all of them share.

Calls run one after the other in a thread of their own, with connections of their own, so that what
they cost is not paid by the webhooks: the loop goes on meanwhile. One that cannot be answered
in time, because Redis is away or too many wait, is told to come again.
"""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.logs import get_logger
from bellhop.outages import Outages
from bellhop_receiver.answers import Answer
from bellhop_receiver.api.answers import found, refused
from bellhop_receiver.api.bearer import ApiKey
from bellhop_receiver.api.parameters import Parameters
from bellhop_receiver.api.reading import read_body, read_query
from bellhop_receiver.api.refusal import Refusal
from bellhop_receiver.body import BodyReader, Disconnected, TooLarge, TooSlow
from bellhop_receiver.refusals import Refusals

P = TypeVar("P", bound=Parameters)

LONGEST_CALL = 6.0
"""Seam's SDKs wait 30 s, and come again."""

MOST_BODY = 128 * 1024

_log = get_logger("receiver")


class Desk:
    """Where calls are answered: who may call, who reads bodies, and the thread.

    `patience`: seconds for a call, with those that are before it.
    """

    def __init__(self, key: ApiKey, refusals: Refusals, patience: float = LONGEST_CALL) -> None:
        self.key = key
        self._patience = patience
        self.bodies = BodyReader(MOST_BODY)
        self.refusals = refusals
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="api")
        self._outages = Outages(_log, "Redis cannot be read; answering calls of the API with 503")

    async def run(self, call: Callable[[], bytes]) -> bytes:
        """Return what a call returns. Raises `Refusal` if that takes too long."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                answer = await loop.run_in_executor(self._thread, call)
        except TimeoutError:
            raise _unavailable() from None
        except RedisError as error:
            if not is_outage(error):
                raise
            self._outages.failed(error)
            raise _unavailable() from None
        self._outages.succeeded()
        return answer

    def close(self) -> None:
        """Answer nobody any more."""
        self.refusals.close()
        self._thread.shutdown(wait=False, cancel_futures=True)


class Endpoint(Generic[P]):
    """An ASGI app that answers one call. `call` blocks, and raises `Refusal`."""

    def __init__(self, desk: Desk, parameters: type[P], call: Callable[[P], bytes]) -> None:
        self._desk = desk
        self._parameters = parameters
        self._call = call

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        request_id = str(uuid.uuid4())
        try:
            answer = await self._answer(scope, receive, request_id)
        except Disconnected:
            return
        await answer(send)

    async def _answer(self, scope: Any, receive: Any, request_id: str) -> Answer:
        try:
            asked = await self._asked(scope, receive)
            return found(await self._desk.run(lambda: self._call(asked)), request_id)
        except Refusal as refusal:
            return refused(refusal, request_id)
        except Disconnected:
            raise
        except Exception:
            _log.exception("a call of the API failed", request_id=request_id)
            return refused(
                Refusal("internal_server_error", "Something went wrong here."), request_id
            )

    async def _asked(self, scope: Any, receive: Any) -> P:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            self._desk.key.check(headers.get("authorization", ""))
        except Refusal as refusal:
            self._desk.refusals.add(refusal.message)
            raise
        query = scope["query_string"]
        if scope["method"] == "GET":
            return read_query(self._parameters, query)
        if scope["method"] != "POST":
            raise Refusal("method_not_allowed", "only GET,POST accepted")
        try:
            body = await self._desk.bodies.read(headers.get("content-length", ""), receive)
        except TooLarge:
            raise Refusal("payload_too_large", f"The body is over {MOST_BODY} bytes") from None
        except TooSlow:
            raise Refusal("request_timeout", "The body did not arrive in time") from None
        return read_body(self._parameters, query, headers.get("content-type", ""), body)


def _unavailable() -> Refusal:
    return Refusal("service_unavailable", "The record cannot be read now. Try again.")
