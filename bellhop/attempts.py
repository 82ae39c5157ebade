"""What Seam's API says of an action attempt: whether it was done, and what came of it.

Seam answers a request to a device with an attempt that is pending, and settles it later. The events
of attempts (`bellhop.events.action_attempt`) carry neither result nor error: those are here.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from bellhop.events.base import SeamModel
from bellhop.events.fields import Nullable, OneOf, Promised


class ActionAttemptError(SeamModel):
    """Why an action was not done."""

    type: Promised[
        OneOf[
            Literal[
                "action_attempt_expired",
                "bridge_disconnected",
                "credential_cannot_be_reissued",
                "credential_deleted",
                "credential_not_found",
                "encoder_communication_timeout",
                "encoder_not_online",
                "encoding_interrupted",
                "incompatible_card_format",
                "no_credential_on_encoder",
                "uncategorized_error",
            ]
        ]
    ] = None
    """Seam lists those of credentials only; of locks it says no more than that it is a string."""
    message: Promised[str] = None


class ActionAttempt(SeamModel):
    """Something that Seam was asked to do, such as to unlock a door.

    Every status, type of action, type of error and field is kept, known or not. `result` stays as
    it was sent: each action has its own, which Seam changes often.
    """

    action_attempt_id: Annotated[str, Field(min_length=1)]
    action_type: Promised[
        OneOf[
            Literal[
                "ACTIVATE_CLIMATE_PRESET",
                "ASSIGN_CREDENTIAL",
                "CONFIGURE_AUTO_LOCK",
                "CREATE_ACCESS_CODE",
                "CREATE_NOISE_THRESHOLD",
                "DELETE_ACCESS_CODE",
                "DELETE_NOISE_THRESHOLD",
                "ENCODE_CREDENTIAL",
                "LOCK_DOOR",
                "PUSH_THERMOSTAT_PROGRAMS",
                "RESET_SANDBOX_WORKSPACE",
                "SCAN_CREDENTIAL",
                "SCAN_TO_ASSIGN_CREDENTIAL",
                "SET_FAN_MODE",
                "SET_HVAC_MODE",
                "SIMULATE_KEYPAD_CODE_ENTRY",
                "SIMULATE_MANUAL_LOCK_VIA_KEYPAD",
                "SYNC_ACCESS_CODES",
                "UNLOCK_DOOR",
                "UPDATE_ACCESS_CODE",
                "UPDATE_NOISE_THRESHOLD",
            ]
        ]
    ] = None
    status: Promised[OneOf[Literal["error", "pending", "success"]]] = None
    result: Promised[Nullable[dict[str, Any]]] = None
    """What came of it, if it succeeded."""
    error: Promised[Nullable[ActionAttemptError]] = None
    """What went wrong, if it failed."""

    @property
    def is_pending(self) -> bool:
        """Whether Seam is still at it."""
        return self.status == "pending"

    @property
    def succeeded(self) -> bool:
        """Whether it was done. An unknown status is neither this, nor pending, nor failed."""
        return self.status == "success"

    @property
    def failed(self) -> bool:
        """Whether it was given up; `error` says why."""
        return self.status == "error"

    @property
    def was_confirmed_by_device(self) -> bool | None:
        """Whether the lock itself said that it was locked or unlocked; None if nothing is said."""
        confirmed = (self.result or {}).get("was_confirmed_by_device")
        return confirmed if isinstance(confirmed, bool) else None
