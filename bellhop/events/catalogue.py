"""Every type of event that Seam is known to send, with its class."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args, get_origin

from bellhop.events import (
    access_code,
    access_grant,
    access_method,
    acs,
    action_attempt,
    camera,
    client_session,
    connect_webview,
    connected_account,
    device,
    enrollment_automation,
    lock,
    noise_sensor,
    phone,
    space,
    thermostat,
)
from bellhop.events.base import SeamEvent

_RESOURCES = (
    access_code,
    access_grant,
    access_method,
    acs,
    action_attempt,
    camera,
    client_session,
    connect_webview,
    connected_account,
    device,
    enrollment_automation,
    lock,
    noise_sensor,
    phone,
    space,
    thermostat,
)


def _named() -> Iterator[tuple[str, type[SeamEvent]]]:
    for resource in _RESOURCES:
        for cls in vars(resource).values():
            if isinstance(cls, type) and issubclass(cls, SeamEvent):
                annotation = cls.model_fields["event_type"].annotation
                if get_origin(annotation) is Literal:
                    yield get_args(annotation)[0], cls


TYPES: Final[Mapping[str, type[SeamEvent]]] = MappingProxyType(dict(sorted(_named())))


def build_validators() -> None:
    """Build the validators of all types now, in about 0.1 s, rather than at the first of each.

    For processes that live long: their first events do not wait for it.
    """
    classes: list[type[SeamEvent]] = [SeamEvent, *TYPES.values()]
    for cls in classes:
        cls.model_rebuild()
