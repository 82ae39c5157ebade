"""The Starlette app: the webhook endpoint and what an orchestrator asks."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from bellhop.connections import connect_async
from bellhop.errors import WrongVersion
from bellhop.ledger import AsyncLedger
from bellhop.queue import ShiftQueue
from bellhop.settings import Settings
from bellhop.signature import Verifier
from bellhop_receiver.answers import ONLY_GET, not_found, problem
from bellhop_receiver.api.routes import Api
from bellhop_receiver.intake import LONGEST_CALL, Intake
from bellhop_receiver.refusals import Refusals
from bellhop_receiver.webhook import WebhookEndpoint, has_signature

_NOT_READY = problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Redis cannot be reached, or takes no writes.",
    (b"retry-after", b"5"),
)


def create_app(
    settings: Settings,
    redis_url: str,
    refusals: Refusals,
    *others: Refusals,
    end: Callable[[WrongVersion], None] = lambda _: None,
) -> Starlette:
    """Return the receiver's app. Raises `InvalidSecret` if there is no signing secret.

    `refusals`: of webhooks; what was counted there, and by the `others`, is told at the end. `end`:
    is called if the ledger is of another version.
    """
    redis = connect_async(redis_url)
    ledger = AsyncLedger(redis, settings.retention, settings.durability, settings.vault)
    intake = Intake(ledger, ShiftQueue(redis), end)
    webhook = WebhookEndpoint(
        Verifier(settings.secrets),
        intake,
        refusals,
        path=settings.webhook_path,
        max_body=settings.max_body,
        on_invalid=settings.on_invalid,
    )

    api = Api(settings, redis_url)

    nowhere = not_found(settings.webhook_path)

    async def live(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse({"status": "live"})(scope, receive, send)

    async def ready(scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(LONGEST_CALL):
                await ledger.probe()
        except (RedisError, OSError):  # TimeoutError is an OSError
            await _NOT_READY(send)
        else:
            await JSONResponse({"status": "ready"})(scope, receive, send)

    async def elsewhere(_scope: Any, _receive: Any, send: Any) -> None:
        await nowhere(send)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await intake.close()
        for counted in (refusals, *others):
            counted.close()
        api.close()
        await redis.aclose()

    app = _App(
        webhook,
        settings.webhook_path,
        routes=[
            Route("/", _Probe(live)),
            Route("/health/live", _Probe(live)),
            Route("/health/ready", _Probe(ready)),
            *api.routes,
        ],
        lifespan=lifespan,
    )
    app.router.default = elsewhere
    app.router.redirect_slashes = False
    return app


class _App(Starlette):
    """Starlette, with a short way to the webhook endpoint, and to its strays.

    Its middleware catches errors, which `webhook` answers itself, and its router looks at all
    routes: both cost more than the HMAC.
    """

    def __init__(self, webhook: WebhookEndpoint, webhook_path: str, **options: Any) -> None:
        super().__init__(**options)
        self._webhook = webhook
        self._webhook_path = webhook_path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif scope["path"] == self._webhook_path or _plain(scope["path"]) == self._webhook_path:
            await self._webhook(scope, receive, send)
        elif scope["method"] == "POST" and has_signature(scope):
            await self._webhook.answer_stray(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _plain(path: str) -> str:
    """Return a path without the slashes that somebody typed, or a proxy added, for nothing."""
    return re.sub("/+", "/", path).rstrip("/")


class _Probe:
    """What is asked with GET or HEAD: a webhook that is posted here must not be answered 200."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        else:
            await ONLY_GET(send)
