"""Events of client sessions."""

from typing import Literal

from bellhop.events.base import SeamEvent


class ClientSessionEvent(SeamEvent):
    """Something happened to a client session."""

    client_session_id: str


class ClientSessionDeletedEvent(ClientSessionEvent):
    """A client session was deleted."""

    event_type: Literal["client_session.deleted"]
