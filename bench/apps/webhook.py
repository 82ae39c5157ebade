"""The endpoint that a Python user would write: FastAPI, svix, a queue's own call in a thread."""

import os
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, ValidationError
from svix.webhooks import Webhook, WebhookVerificationError


class Event(BaseModel):
    """What every event has; the rest is kept."""

    model_config = ConfigDict(extra="allow")

    event_id: str
    event_type: str


def create_app(enqueue: Callable[[dict[str, Any]], object]) -> FastAPI:
    """Return an app that verifies, validates and enqueues."""
    webhook = Webhook(os.environ["BENCH_SECRET"])
    app = FastAPI()

    @app.post("/webhooks/seam")
    async def receive(request: Request) -> Response:
        body = await request.body()
        try:
            webhook.verify(body, dict(request.headers))
            event = Event.model_validate_json(body)
        except (WebhookVerificationError, ValidationError):
            return Response(status_code=400)
        await run_in_threadpool(enqueue, event.model_dump())
        return Response(status_code=202)

    return app
