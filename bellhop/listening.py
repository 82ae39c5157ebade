"""The one listener of this process for each ledger, whoever asks for it."""

import os
import threading

from bellhop.embedded import embedded_url
from bellhop.environment import PLATFORMS, SEAMS_OWN
from bellhop.ledger import keys
from bellhop.listener import Listener, Wait
from bellhop.redis_url import parse_redis_url
from bellhop.sdk import require_sdk
from bellhop.settings import STATE, InvalidSettings, Settings, load_settings

_VARIABLES = (
    *(
        name + end
        for name in (
            "BELLHOP_REDIS_URL",
            "BELLHOP_KEY_PREFIX",
            "BELLHOP_ENCRYPTION_KEYS",
            *SEAMS_OWN,
        )
        for end in ("", "_FILE")
    ),
    *PLATFORMS["BELLHOP_REDIS_URL"],
)

_listeners: dict[tuple[str | None, ...], Listener] = {}
_lock = threading.Lock()


def listen(action_attempt_id: str, redis_url: str | None) -> Wait:
    """Begin to wait, with the settings of this process, which must `leave` in the end.

    Raises `InvalidSettings`, `InvalidRedisUrl` and `NoSdk`.
    """
    # To read the settings takes longer than all the rest, and thousands may wait.
    which = (redis_url, *map(os.environ.get, _VARIABLES))
    with _lock:
        wait = _listeners[which].add(action_attempt_id) if which in _listeners else None
        if wait is None:
            settings = load_settings()
            require_sdk(settings)
            keys.use(settings.key_prefix)
            listener = Listener(_url(redis_url, settings), settings)
            wait = listener.add(action_attempt_id)
            assert wait
            listener.start()
            _listeners[which] = listener
        return wait


def _url(given: str | None, settings: Settings) -> str:
    configured = settings.redis_url.get_secret_value() if settings.redis_url else None
    url = given or configured or embedded_url(STATE)
    if url is None:
        raise InvalidSettings(
            "no Redis: set BELLHOP_REDIS_URL to that of the receiver and the workers, or pass "
            "redis_url="
        )
    parse_redis_url(url)
    return url


def _forget() -> None:
    """Have a process that was forked begin again: the threads are its parent's."""
    global _lock  # somebody may have held it
    _lock = threading.Lock()
    _listeners.clear()


os.register_at_fork(after_in_child=_forget)
