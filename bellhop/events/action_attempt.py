"""Events of action attempts: how it went with what Seam was asked to do.

They carry neither result nor error; Seam's API has both under the id.
"""

from typing import Literal

from bellhop.events.base import SeamEvent
from bellhop.events.fields import Promised


class ActionAttemptEvent(SeamEvent):
    """An action attempt came to its end."""

    action_attempt_id: str
    action_type: Promised[str] = None
    status: Promised[str] = None
    device_id: str | None = None
    connected_account_id: str | None = None


class ActionAttemptLockDoorSucceededEvent(ActionAttemptEvent):
    """The door was locked."""

    event_type: Literal["action_attempt.lock_door.succeeded"]


class ActionAttemptLockDoorFailedEvent(ActionAttemptEvent):
    """The door could not be locked."""

    event_type: Literal["action_attempt.lock_door.failed"]


class ActionAttemptUnlockDoorSucceededEvent(ActionAttemptEvent):
    """The door was unlocked."""

    event_type: Literal["action_attempt.unlock_door.succeeded"]


class ActionAttemptUnlockDoorFailedEvent(ActionAttemptEvent):
    """The door could not be unlocked."""

    event_type: Literal["action_attempt.unlock_door.failed"]


class ActionAttemptSimulateKeypadCodeEntrySucceededEvent(ActionAttemptEvent):
    """A sandbox device acted as if a code had been entered."""

    event_type: Literal["action_attempt.simulate_keypad_code_entry.succeeded"]


class ActionAttemptSimulateKeypadCodeEntryFailedEvent(ActionAttemptEvent):
    """A sandbox device could not act as if a code had been entered."""

    event_type: Literal["action_attempt.simulate_keypad_code_entry.failed"]


class ActionAttemptSimulateManualLockViaKeypadSucceededEvent(ActionAttemptEvent):
    """A sandbox device acted as if it had been locked on its keypad."""

    event_type: Literal["action_attempt.simulate_manual_lock_via_keypad.succeeded"]


class ActionAttemptSimulateManualLockViaKeypadFailedEvent(ActionAttemptEvent):
    """A sandbox device could not act as if it had been locked on its keypad."""

    event_type: Literal["action_attempt.simulate_manual_lock_via_keypad.failed"]
