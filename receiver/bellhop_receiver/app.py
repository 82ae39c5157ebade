"""The Starlette app: the webhook endpoint and what an orchestrator asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bellhop.connections import connect_async
from bellhop.ledger import AsyncLedger
from bellhop.queue import ShiftBell
from bellhop.settings import Settings
from bellhop.signature import Verifier
from bellhop_receiver.answers import NOT_FOUND, problem
from bellhop_receiver.api.routes import Api
from bellhop_receiver.intake import LONGEST_CALL, Intake
from bellhop_receiver.refusals import Refusals
from bellhop_receiver.webhook import WebhookEndpoint

WEBHOOK_PATH = "/webhooks/seam"

_NOT_READY = problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Redis cannot be reached, or takes no writes.",
    (b"retry-after", b"5"),
)


def create_app(settings: Settings, redis_url: str, refusals: Refusals) -> Starlette:
    """Return the receiver's app. Raises `InvalidSecret` if there is no signing secret."""
    redis = connect_async(redis_url)
    ledger = AsyncLedger(redis, settings.retention, settings.durability, settings.vault)
    intake = Intake(ledger, ShiftBell(redis))
    webhook = WebhookEndpoint(
        Verifier(settings.secrets),
        intake,
        refusals,
        max_body=settings.max_body,
        on_invalid=settings.on_invalid,
    )

    api = Api(settings, redis_url)

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(LONGEST_CALL):
                await ledger.probe()
        except (RedisError, OSError):  # TimeoutError is an OSError
            await _NOT_READY(send)
        else:
            await JSONResponse({"status": "ready"})(scope, receive, send)

    async def not_found(_scope: Any, _receive: Any, send: Any) -> None:
        await NOT_FOUND(send)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await intake.close()
        refusals.close()
        api.close()
        await redis.aclose()

    app = _App(
        webhook,
        routes=[
            Route(WEBHOOK_PATH, webhook),
            Route("/health/live", live),
            Route("/health/ready", _Asgi(ready)),
            *api.routes,
        ],
        lifespan=lifespan,
    )
    app.router.default = not_found
    app.router.redirect_slashes = False
    return app


class _App(Starlette):
    """Starlette, with a short way to one of its routes.

    Its middleware catches errors, which `webhook` answers itself, and its router looks at all
    routes: both cost more than the HMAC.
    """

    def __init__(self, webhook: WebhookEndpoint, **options: Any) -> None:
        super().__init__(**options)
        self._webhook = webhook

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == WEBHOOK_PATH:
            await self._webhook(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _Asgi:
    """Tells Starlette that a route is an ASGI callable, not a function of a request."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)
