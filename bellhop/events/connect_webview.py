"""Events of connect webviews, where people log in to the accounts of their devices."""

from typing import Literal

from bellhop.events.base import ForCustomer, InAccount, SeamEvent


class ConnectWebviewEvent(SeamEvent):
    """Something happened in a connect webview."""

    connect_webview_id: str


class ConnectWebviewLoginSucceededEvent(ConnectWebviewEvent, InAccount, ForCustomer):
    """Somebody logged in and connected an account."""

    event_type: Literal["connect_webview.login_succeeded"]


class ConnectWebviewLoginFailedEvent(ConnectWebviewEvent):
    """Somebody failed to log in."""

    event_type: Literal["connect_webview.login_failed"]
