"""Events of locks: the door was locked, was unlocked, or stayed closed."""

from typing import Literal

from bellhop.events.base import ForCustomer, InAccount, SeamModel
from bellhop.events.fields import Metadata, OneOf, Promised


class LockEvent(InAccount, ForCustomer):
    """Something happened at a lock, or at a door of an access system, which has no device."""

    device_id: str | None = None
    device_custom_metadata: Metadata | None = None
    access_code_id: str | None = None
    acs_system_id: str | None = None
    acs_entrance_id: str | None = None
    acs_user_id: str | None = None
    user_identity_id: str | None = None


class BoltEvent(LockEvent):
    """A door was locked or unlocked."""

    method: Promised[
        OneOf[
            Literal[
                "automatic",
                "card",
                "keycode",
                "manual",
                "mobile_key",
                "remote",
                "seamapi",
                "unknown",
            ]
        ]
    ] = None
    code: str | None = None
    access_code_is_managed: bool | None = None
    action_attempt_id: str | None = None
    is_via_bluetooth: bool | None = None
    is_via_nfc: bool | None = None


class LockLockedEvent(BoltEvent):
    """A door was locked."""

    event_type: Literal["lock.locked"]
    device_id: str


class LockUnlockedEvent(BoltEvent):
    """A door was unlocked."""

    event_type: Literal["lock.unlocked"]


class AccessDeniedReason(SeamModel):
    """Why a door stayed closed."""

    message: Promised[str] = None
    reason_code: Promised[
        OneOf[
            Literal[
                "blocked_by_privacy_mode",
                "blocklisted_code",
                "credential_error",
                "expired_code",
                "too_many_attempts",
                "unknown_code",
            ]
        ]
    ] = None


class LockAccessDeniedEvent(LockEvent):
    """Somebody tried to open a door and was not let in."""

    event_type: Literal["lock.access_denied"]
    reason: AccessDeniedReason | None = None
