"""`bellhop send`: a plausible event, signed and posted as Svix does it."""

import http.client
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO
from urllib.parse import SplitResult, urlsplit

import click

from bellhop.cli.state import NotConfigured, signing_secret, webhook_url
from bellhop.errors import BellhopError
from bellhop.events import TYPES
from bellhop.events.masking import printable
from bellhop.nearest import did_you_mean, nearest
from bellhop.samples import read_field, sample
from bellhop.settings import load_settings
from bellhop.signature import sign
from bellhop.times import UnreadableTime, read_time

_OUTCOMES = {
    "accepted": "accepted",
    "duplicate": "known already",
    "quarantined": "quarantined, since it is no Seam event: see `bellhop quarantine`",
    "noted": "noted: it is what Svix says of an endpoint",
}
_MEANINGS = {
    200: "known already",
    202: "accepted",
    400: "refused: the receiver does not know this secret, or its clock differs",
    413: "refused: too large",
    422: "refused: not a Seam event",
    503: "not accepted: the receiver's Redis is away",
}


class NotSent(BellhopError):
    """Nothing could be posted; the message says why."""


class NotAccepted(BellhopError):
    """The receiver refused the event."""


@click.command()
@click.argument("event_type", metavar="[TYPE]", required=False)
@click.option("-s", "--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Set a field.")
@click.option(
    "--file",
    type=click.File("rb"),
    metavar="PATH",
    help="Send what is in a file, as it is, instead; - is the standard input.",
)
@click.option("--url", help="Where to post.  [the bellhop up of this directory]")
@click.option("--secret", help="Signing secret.  [BELLHOP_WEBHOOK_SECRETS, or that of bellhop up]")
@click.option("--count", type=click.IntRange(1), default=1, help="How many events.  [1]")
@click.option("--repeat-id", is_flag=True, help="Send one delivery --count times (2 unless given).")
def send(
    event_type: str | None,
    fields: tuple[str, ...],
    file: IO[bytes] | None,
    url: str | None,
    secret: str | None,
    count: int,
    repeat_id: bool,
) -> None:
    """Send an event to the receiver, made up or from a file, and show the answer.

    \b
    bellhop send lock.unlocked -s method=keycode
    bellhop send device.battery_status_changed -s battery_level=0.1 --count 3
    bellhop send lock.jammed -s occurred_at=2h -s lucky_number=7
    bellhop send --file event.json

    `bellhop types` lists the types that Seam sends, `bellhop types TYPE` the fields of one; others
    are sent, too. A time may be given as 2h (ago).
    """
    settings = load_settings()
    make = _made_up(event_type, fields, file)
    key = secret or signing_secret(settings)
    if not key:
        raise NotConfigured(
            "no signing secret: set BELLHOP_WEBHOOK_SECRETS, give --secret, or run `bellhop up`"
        )
    target = _target(url or webhook_url(settings), settings.webhook_path)
    if repeat_id and count == 1:
        count = 2
    connection = _connection(target)
    delivery = _signed(make(), key)
    try:
        statuses = []
        for number in range(count):
            if number and not repeat_id:
                delivery = _signed(make(), key)
            statuses.append(_post(connection, target, *delivery))
    finally:
        connection.close()
    if any(status >= 300 for status in statuses):
        raise NotAccepted(f"the receiver at {target.geturl()} did not take it")


def _made_up(
    event_type: str | None, fields: tuple[str, ...], file: IO[bytes] | None
) -> Callable[[], bytes]:
    """Return what makes the body of the next delivery."""
    if file:
        if event_type or fields:
            raise click.UsageError("--file sends what is in it: give neither TYPE nor -s")
        body = file.read()
        return lambda: body
    if not event_type:
        raise click.UsageError("give the TYPE of an event, such as lock.unlocked, or --file")
    values = dict(_field(event_type, text) for text in fields)

    def make() -> bytes:
        now = datetime.now(UTC)
        event = sample(event_type, values, now=now, new_id=lambda: str(uuid.uuid4()))
        return json.dumps(event).encode()

    make()  # an unknown name is refused before anything is sent
    if event_type not in TYPES:
        hint = did_you_mean(
            nearest(event_type, TYPES, patterns=True), "`bellhop types` lists those"
        )
        click.echo(f"bellhop: Seam is not known to send {event_type}; {hint}", err=True)
    return make


def _field(event_type: str, text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"-s takes FIELD=VALUE, not {text!r}")
    if name.endswith("_at"):
        with suppress(UnreadableTime):
            return name, read_time(value, datetime.now(UTC))
    return name, read_field(event_type, name, value)


def _signed(body: bytes, secret: str) -> tuple[str, bytes, dict[str, str]]:
    """Return the id of the event, the body, and the headers of a new delivery."""
    try:
        event = json.loads(body)
        event_id = str(event["event_id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        event_id = "(none)"
    return event_id, body, sign(f"msg_{os.urandom(12).hex()}", datetime.now(UTC), body, secret)


def _target(url: str, path: str) -> SplitResult:
    target = urlsplit(url)
    if target.scheme not in ("http", "https") or not target.hostname:
        raise click.UsageError(f"--url takes http://host:port{path}, not {url!r}")
    return target if target.path else target._replace(path=path)


def _connection(target: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    try:
        return kind(target.hostname or "", target.port, timeout=15)
    except ValueError as error:
        raise click.UsageError(f"--url: {error}") from error


def _post(
    connection: http.client.HTTPConnection,
    target: SplitResult,
    event_id: str,
    body: bytes,
    headers: Mapping[str, str],
) -> int:
    began = time.perf_counter()
    try:
        connection.request(
            "POST",
            target.path,
            body,
            {**headers, "content-type": "application/json", "user-agent": "bellhop-send"},
        )
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NotSent(
            f"nothing answers at {target.geturl()} ({reason}): is `bellhop up` running?"
        ) from error
    took = (time.perf_counter() - began) * 1000
    meaning = _meaning(response.status, answer) or response.reason
    if sys.stdout.isatty():
        color = "green" if response.status < 300 else "red"
        status = click.style(str(response.status), fg=color, bold=True)
    else:
        status = str(response.status)
    click.echo(f"{status} {meaning} ({took:.1f} ms)  event {printable(event_id)}")
    return response.status


def _meaning(status: int, answer: bytes) -> str | None:
    """Return what became of a delivery, from what the receiver says of it."""
    if status < 300:
        with suppress(ValueError, TypeError, KeyError):  # of another server than Bellhop
            return _OUTCOMES[json.loads(answer)["outcome"]]
    return _MEANINGS.get(status)
