"""Seam's API, through Seam's own SDK: what it says of an action attempt.

The SDK is an extra (`seam-bellhop[seam]`), and takes long to import: nothing here does so before it
is used.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from json import dumps
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bellhop.attempts import ActionAttempt
from bellhop.errors import BellhopError
from bellhop.settings import Settings

if TYPE_CHECKING:
    pass

_TIMEOUT = 10.0
"""Seconds that Seam has to answer."""

_PATH = "/action_attempts/get"
_TRY_LATER = (408, 425, 429)


class NoSdk(BellhopError):
    """There is an API key, but the package that uses it is not installed."""


class ApiRefuses(BellhopError):
    """Seam's API says no, and would say so again: `401 unauthorized: Unauthorized`."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.status = status


class ApiAway(BellhopError):
    """Seam's API cannot be reached, or does not answer as it should, but may do so later."""


def require_sdk(settings: Settings) -> None:
    """Return if what `SEAM_API_KEY` needs is installed, or if it is not set. Raises `NoSdk`."""
    if settings.seam_api_key and find_spec("seam") is None:
        raise NoSdk("SEAM_API_KEY needs Seam's SDK: pip install seam")


class SeamApi:
    """Asks Seam's API. Raises `NoSdk`; its methods `ApiRefuses` and `ApiAway`."""

    def __init__(self, settings: Settings) -> None:
        require_sdk(settings)
        import seam

        self._client = seam.Seam(**_options(settings)).client

    def action_attempt(self, action_attempt_id: str) -> tuple[ActionAttempt, bytes]:
        """Return what is said of an attempt, read and as JSON."""
        with _told_apart():
            return _read(self._client.get(_PATH, params={"action_attempt_id": action_attempt_id}))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


class AsyncSeamApi:
    """Does the same on an event loop."""

    def __init__(self, settings: Settings) -> None:
        require_sdk(settings)
        import seam

        self._client = seam.AsyncSeam(**_options(settings)).client

    async def action_attempt(self, action_attempt_id: str) -> ActionAttempt:
        """Return what is said of an attempt."""
        with _told_apart():
            params = {"action_attempt_id": action_attempt_id}
            return _read(await self._client.get(_PATH, params=params))[0]

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _options(settings: Settings) -> Mapping[str, Any]:
    import seam

    assert settings.seam_api_key
    return {
        "api_key": settings.seam_api_key.get_secret_value(),
        "endpoint": settings.seam_endpoint,
        "timeout": _TIMEOUT,
        # Who asks comes again, and has more to do meanwhile than to wait.
        "retries": seam.Retry(total=0),
    }


def _read(answer: Any) -> tuple[ActionAttempt, bytes]:
    sent = answer.get("action_attempt") if isinstance(answer, dict) else None
    if not isinstance(sent, dict):
        raise ApiAway("the answer of Seam's API holds no action attempt")
    body = dumps(sent).encode()
    try:
        return ActionAttempt.model_validate_json(body), body
    except ValidationError as error:
        fields = sorted({str(detail["loc"][0]) for detail in error.errors(include_input=False)})
        raise ApiAway(f"wrong type in an action attempt: {', '.join(fields)}") from None


@contextmanager
def _told_apart() -> Iterator[None]:
    """Raise the SDK's errors as ours: by what can be done about them."""
    import httpx
    import seam

    try:
        yield
    except seam.SeamHttpApiError as error:
        said = f"{error.status_code} {error.code}: {error}"
        if error.status_code >= 500 or error.status_code in _TRY_LATER:
            raise ApiAway(said) from error
        raise ApiRefuses(said, error.status_code) from error
    except httpx.HTTPStatusError as error:  # not in Seam's words: a proxy, or another server
        raise ApiAway(f"{error.response.status_code} {error.response.reason_phrase}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ApiAway(f"{type(error).__name__}: {error}") from error
