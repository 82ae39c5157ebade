"""Every type of event that Seam is known to send, with its class, and what is read of others."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, get_args

from bellhop.events import base
from bellhop.events.base import SeamEvent, is_of_one_type

_RESOURCES: Final = (
    "access_code",
    "access_grant",
    "access_method",
    "acs",
    "action_attempt",
    "camera",
    "client_session",
    "connect_webview",
    "connected_account",
    "device",
    "enrollment_automation",
    "lock",
    "noise_sensor",
    "phone",
    "space",
    "thermostat",
)
_LONGEST_TYPE: Final = 200


def _named() -> Iterator[tuple[str, type[SeamEvent]]]:
    for resource in _RESOURCES:
        for cls in vars(import_module(f"bellhop.events.{resource}")).values():
            if isinstance(cls, type) and issubclass(cls, SeamEvent) and is_of_one_type(cls):
                yield get_args(cls.model_fields["event_type"].annotation)[0], cls


TYPES: Final[Mapping[str, type[SeamEvent]]] = MappingProxyType(dict(sorted(_named())))


def _prefixes(event_type: str) -> Iterator[str]:
    """Yield what a name begins with, word by word, the longest first: `lock.not_`, `lock.`."""
    for end in range(len(event_type), 0, -1):
        if event_type[end - 1] in "._":
            yield event_type[:end]


def _shared_base(classes: list[type[SeamEvent]]) -> type[SeamEvent]:
    """Return the nearest base of all these classes that has a name for handlers' authors."""
    return next(
        cls
        for cls in classes[0].__mro__
        if issubclass(cls, SeamEvent)
        and not is_of_one_type(cls)
        and (cls is SeamEvent or cls.__module__ != base.__name__)
        and all(issubclass(other, cls) for other in classes)
    )


def _bases() -> Iterator[tuple[str, type[SeamEvent]]]:
    below: dict[str, list[str]] = {}
    for event_type in TYPES:
        for prefix in _prefixes(event_type):
            below.setdefault(prefix, []).append(event_type)
    for prefix, known in below.items():
        # "connect_" stands for no more than connect_webview; "acs_" for five resources.
        if "." in prefix or len({name.partition(".")[0] for name in known}) > 1:
            yield prefix, _shared_base([TYPES[name] for name in known])


_BASES: Final[Mapping[str, type[SeamEvent]]] = MappingProxyType(dict(_bases()))
"""By what the names of several types begin with: the class that all of them are."""


def base_of(event_type: str) -> type[SeamEvent]:
    """Return the class of which an event of an unknown type should be.

    That is the one which all known types are whose names begin alike: a `LockEvent` for
    `lock.jammed`, as `@on("lock.*")` promises. For other names, `SeamEvent`.
    """
    found = (_BASES[prefix] for prefix in _prefixes(event_type[:_LONGEST_TYPE]) if prefix in _BASES)
    return next(found, SeamEvent)


def build_validators() -> None:
    """Build the validators of all classes now, in about 0.1 s, rather than at the first of each.

    For processes that live long: their first events do not wait for it.
    """
    classes: set[type[SeamEvent]] = {SeamEvent, *TYPES.values(), *_BASES.values()}
    for cls in classes:
        cls.model_rebuild()
