"""Events of connected accounts: the manufacturers' accounts through which Seam reaches devices."""

from typing import Literal

from bellhop.events.base import ForCustomer, InAccount, WithAccountIssues
from bellhop.events.fields import Promised


class ConnectedAccountEvent(InAccount):
    """Something happened to a connected account."""

    connected_account_id: str


class ConnectedAccountCreatedEvent(ConnectedAccountEvent):
    """An account was connected for the first time."""

    event_type: Literal["connected_account.created"]
    connect_webview_id: Promised[str] = None


class ConnectedAccountConnectedEvent(ConnectedAccountEvent, ForCustomer):
    """Seam reaches the account, for the first time or again."""

    event_type: Literal["connected_account.connected"]
    connect_webview_id: str | None = None


class ConnectedAccountSuccessfulLoginEvent(ConnectedAccountEvent):
    """Somebody logged in to the account. Seam has deprecated this event."""

    event_type: Literal["connected_account.successful_login"]
    connect_webview_id: Promised[str] = None


class ConnectedAccountCompletedFirstSyncEvent(ConnectedAccountEvent):
    """Seam knows all devices of a new account."""

    event_type: Literal["connected_account.completed_first_sync"]


class ConnectedAccountCompletedFirstSyncAfterReconnectionEvent(ConnectedAccountEvent):
    """Seam knows all devices of an account that was connected again."""

    event_type: Literal["connected_account.completed_first_sync_after_reconnection"]


class ConnectedAccountDisconnectedEvent(ConnectedAccountEvent, WithAccountIssues):
    """Seam no longer reaches the account; often its password was changed."""

    event_type: Literal["connected_account.disconnected"]


class ConnectedAccountReauthorizationRequestedEvent(ConnectedAccountEvent, WithAccountIssues):
    """Somebody has to log in to the account again."""

    event_type: Literal["connected_account.reauthorization_requested"]


class ConnectedAccountDeletedEvent(ConnectedAccountEvent, ForCustomer):
    """The account was deleted from Seam."""

    event_type: Literal["connected_account.deleted"]
    connected_account_type: str | None = None
