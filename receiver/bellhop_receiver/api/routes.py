"""The API's routes, for the receiver's app. Without an API key there are none."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.routing import Route

from bellhop.connections import connect
from bellhop.ledger import Attempts, Record
from bellhop.settings import Settings
from bellhop_receiver.api import calls
from bellhop_receiver.api.bearer import ApiKey
from bellhop_receiver.api.endpoint import Desk, Endpoint
from bellhop_receiver.api.openapi import PATH, document
from bellhop_receiver.api.parameters import (
    ActionAttemptsGet,
    ActionAttemptsList,
    EventsGet,
    EventsList,
)
from bellhop_receiver.refusals import Refusals


class Api:
    """The API, if it is on. Sends nothing to Redis until it is asked."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self.routes: Sequence[Route] = ()
        self._close: list[Callable[[], object]] = []
        if settings.api_key:
            self._open(settings.api_key.get_secret_value(), settings, redis_url)

    def _open(self, api_key: str, settings: Settings, redis_url: str) -> None:
        redis = connect(redis_url)
        desk = Desk(ApiKey(api_key), Refusals(of="call"))
        answers = calls.Calls(
            Record(redis, settings.vault), Attempts(redis, settings.vault), api_key
        )
        endpoints: dict[str, Any] = {
            calls.EVENTS_LIST: Endpoint(desk, EventsList, answers.events_list),
            calls.EVENTS_GET: Endpoint(desk, EventsGet, answers.events_get),
            calls.ACTION_ATTEMPTS_LIST: Endpoint(
                desk, ActionAttemptsList, answers.action_attempts_list
            ),
            calls.ACTION_ATTEMPTS_GET: Endpoint(
                desk, ActionAttemptsGet, answers.action_attempts_get
            ),
            PATH: document(),
        }
        self.routes = [Route(path, endpoint) for path, endpoint in endpoints.items()]
        self._close = [desk.close, redis.close]

    def close(self) -> None:
        """Answer nobody any more."""
        for close in self._close:
            close()
