"""The endpoint that Seam posts to.

A plain ASGI callable, a route of the Starlette app, which goes straight to it: Starlette's Request
and Response, and its router, cost more than the signature. What costs least comes first: headers,
then size, then HMAC, then the schema. Redis is asked only about deliveries that are signed.

Who sends is known by the signature and by nothing else: the client's address is not looked at, so
that `X-Forwarded-For` and its like, which anybody can write, change nothing.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from bellhop.events import NotASeamEvent, parse
from bellhop.ledger import Arrival, Quarantined
from bellhop.logs import get_logger
from bellhop.notices import Notice, read_notice
from bellhop.signature import Delivery, InvalidSignature, Verifier
from bellhop_receiver.answers import ANSWERS, AT_ONCE, Verdict, not_found
from bellhop_receiver.body import BodyReader, Disconnected, TooLarge, TooSlow
from bellhop_receiver.intake import Intake, Unavailable
from bellhop_receiver.refusals import Refusals

_log = get_logger("receiver")

_KEPT = (
    *(f"{sender}-{part}" for sender in ("svix", "webhook") for part in ("id", "timestamp")),
    "content-type",
    "user-agent",
)
"""Headers that are kept with a body in quarantine."""


_SIGNATURES = ("svix-signature", "webhook-signature")

_READ = {
    name.encode(): name
    for name in (
        *_KEPT,
        *_SIGNATURES,
        "content-length",
        "content-encoding",
    )
}
"""Headers that are looked at. Whatever else a request has is not even decoded."""


_SIGNED = frozenset(name.encode() for name in _SIGNATURES)

_NONE: Mapping[str, Any] = {}


class WebhookEndpoint:
    """Verifies, parses and accepts deliveries.

    `path`: where it is. max_body: bytes. `on_invalid`: what becomes of a signed body that is no
    Seam event. `now` returns an aware datetime.
    """

    def __init__(
        self,
        verifier: Verifier,
        intake: Intake,
        refusals: Refusals,
        *,
        path: str,
        max_body: int,
        on_invalid: Literal["quarantine", "reject"],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._verifier = verifier
        self._intake = intake
        self._refusals = refusals
        self._path = path
        self._not_found = not_found(path)
        self._max_body = max_body
        self._bodies = BodyReader(max_body)
        self._rejects = on_invalid == "reject"
        self._now = now

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        try:
            verdict = await self._handle(scope, receive)
        except Disconnected:
            return
        except Exception:
            _log.exception("a request failed")
            verdict = Verdict.FAILED
        at_once = scope.get("extensions", _NONE).get(AT_ONCE)
        await (at_once["answer"](ANSWERS[verdict]) if at_once else ANSWERS[verdict](send))

    async def answer_stray(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request to another path. If it is signed, somebody has to correct a URL."""
        headers = _headers(scope)
        try:
            await self._verified(headers, receive)
        except Disconnected:
            return
        except (InvalidSignature, TooLarge, TooSlow):
            pass  # a stranger's, as are all the others that are not counted
        else:
            self._refusals.add(
                f"it is signed, but came to {scope['path'][:200]!r}, and webhooks go to "
                f"{self._path}: correct the endpoint's URL in Seam's console, or the proxy before "
                "this receiver, or set BELLHOP_WEBHOOK_PATH"
            )
        await self._not_found(send)

    async def _handle(self, scope: Any, receive: Any) -> Verdict:
        if scope["method"] != "POST":
            return Verdict.METHOD
        headers = _headers(scope)
        encoding = headers.get("content-encoding", "").strip()
        if encoding and encoding.lower() != "identity":
            return self._refuse(Verdict.ENCODED, "its body is compressed")
        try:
            delivery = await self._verified(headers, receive)
        except InvalidSignature as error:
            return self._refuse(Verdict.BAD_SIGNATURE, str(error))
        except TooLarge:
            return self._refuse(Verdict.TOO_LARGE, f"its body is over {self._max_body} bytes")
        except TooSlow:
            return self._refuse(Verdict.TOO_SLOW, "its body was too slow to be held any longer")
        return await self._accept(delivery, headers)

    async def _verified(self, headers: Mapping[str, str], receive: Any) -> Delivery:
        claim = self._verifier.read_headers(headers, self._now())
        body = await self._bodies.read(headers.get("content-length", ""), receive)
        return self._verifier.verify(claim, body)

    async def _note(self, delivery: Delivery, notice: Notice) -> Verdict:
        """Keep what Svix has to say for the doctor, and log it. What is not kept comes again."""
        try:
            await self._intake.note(notice, delivery.sent_at)
        except Unavailable:
            return Verdict.UNAVAILABLE
        getattr(_log, notice.urgency.value)(
            notice.says,
            **{"advice": notice.advice} if notice.advice else {},
            type=notice.type,
            **notice.about,
        )
        return Verdict.NOTED

    def _refuse(self, verdict: Verdict, reason: str) -> Verdict:
        self._refusals.add(reason)
        return verdict

    async def _accept(self, delivery: Delivery, headers: Mapping[str, str]) -> Verdict:
        try:
            arrival = Arrival.of(
                delivery.delivery_id, parse(delivery.body), sent_at=delivery.sent_at
            )
        except NotASeamEvent as error:
            if notice := read_notice(delivery.body):
                return await self._note(delivery, notice)
            return await self._take_no_event(delivery, headers, error.problems)
        try:
            new = await self._intake.accept(arrival)
        except Unavailable:
            return Verdict.UNAVAILABLE
        _log.debug(
            "accepted" if new else "duplicate",
            event_id=arrival.event_id,
            event_type=arrival.event_type,
            mailbox=arrival.mailbox,
        )
        return Verdict.ACCEPTED if new else Verdict.DUPLICATE

    async def _take_no_event(
        self, delivery: Delivery, headers: Mapping[str, str], problems: tuple[str, ...]
    ) -> Verdict:
        """Reject it, or keep it in quarantine; log it then. What is not kept comes again."""
        verdict = Verdict.NOT_AN_EVENT
        if not self._rejects:
            kept = {name: headers[name][:200] for name in _KEPT if name in headers}
            try:
                new = await self._intake.accept(
                    Quarantined(delivery.delivery_id, delivery.body, problems, kept)
                )
            except Unavailable:
                return Verdict.UNAVAILABLE
            if not new:
                return Verdict.DUPLICATE
            verdict = Verdict.QUARANTINED
        _log.warning(
            "a signed body is no Seam event",
            delivery_id=delivery.delivery_id,
            problems=problems,
            kept=not self._rejects,
        )
        return verdict


def has_signature(scope: Any) -> bool:
    """Return whether a request may be a delivery."""
    return any(name in _SIGNED for name, _ in scope["headers"])


def _headers(scope: Any) -> dict[str, str]:
    return {
        _READ[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _READ
    }
