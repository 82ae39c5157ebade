"""Events of access codes: what becomes of a code on its way to a lock and back."""

from typing import Any, Literal

from pydantic import Field

from bellhop.events.base import InAccount, SeamModel, WithAccessCodeIssues
from bellhop.events.fields import Metadata, Nullable, OneOf, Promised


class AccessCodeEvent(InAccount):
    """Something happened to an access code."""

    access_code_id: str
    device_id: Promised[str] = None
    device_custom_metadata: Metadata | None = None


class AccessCodeProblemEvent(AccessCodeEvent, WithAccessCodeIssues):
    """Something goes wrong with an access code; the lists of errors and warnings tell what."""


class AccessCodeCreatedEvent(AccessCodeEvent):
    """An access code was created in Seam."""

    event_type: Literal["access_code.created"]


class ChangedProperty(SeamModel):
    """One property of an access code, before and after."""

    property: Promised[str] = None
    from_: Promised[Nullable[str]] = Field(default=None, alias="from")
    to: Promised[Nullable[str]] = None


class AccessCodeChangedEvent(AccessCodeEvent):
    """An access code was changed in Seam: its name, its code, its times."""

    event_type: Literal["access_code.changed"]
    change_reason: str | None = None
    changed_properties: list[ChangedProperty] | None = None


class AccessCodeName(SeamModel):
    """The name of an access code at one time."""

    name: Promised[Nullable[str]] = None


class AccessCodeNameChangedEvent(AccessCodeEvent):
    """An access code got another name."""

    event_type: Literal["access_code.name_changed"]
    description: Promised[str] = None
    from_: Promised[AccessCodeName] = Field(default=None, alias="from")
    to: Promised[AccessCodeName] = None


class AccessCodeCode(SeamModel):
    """The code of an access code at one time."""

    code: Promised[Nullable[str]] = None


class AccessCodeCodeChangedEvent(AccessCodeEvent):
    """The digits of an access code were replaced."""

    event_type: Literal["access_code.code_changed"]
    description: Promised[str] = None
    from_: Promised[AccessCodeCode] = Field(default=None, alias="from")
    to: Promised[AccessCodeCode] = None


class AccessCodeTimeFrame(SeamModel):
    """From when until when an access code opens the door, as Seam wrote it at one time."""

    starts_at: Promised[Nullable[str]] = None
    ends_at: Promised[Nullable[str]] = None


class AccessCodeTimeFrameChangedEvent(AccessCodeEvent):
    """An access code works from or until another time."""

    event_type: Literal["access_code.time_frame_changed"]
    description: Promised[str] = None
    from_: Promised[AccessCodeTimeFrame] = Field(default=None, alias="from")
    to: Promised[AccessCodeTimeFrame] = None


class RequestedMutation(SeamModel):
    """A change that Seam is about to make on the device."""

    mutation_code: Promised[
        OneOf[
            Literal[
                "creating",
                "deferring_creation",
                "deleting",
                "updating_code",
                "updating_name",
                "updating_time_frame",
            ]
        ]
    ] = None
    from_: dict[str, Any] | None = Field(default=None, alias="from")
    to: dict[str, Any] | None = None


class AccessCodeMutationsRequestedEvent(AccessCodeEvent):
    """Seam was asked for changes of an access code and will carry them out on the device."""

    event_type: Literal["access_code.mutations_requested"]
    requested_mutations: Promised[list[RequestedMutation]] = None


class AccessCodeScheduledOnDeviceEvent(AccessCodeEvent):
    """The device holds a code that starts to work later."""

    event_type: Literal["access_code.scheduled_on_device"]
    code: Promised[str] = None


class AccessCodeSetOnDeviceEvent(AccessCodeEvent):
    """The code is on the device and opens the door."""

    event_type: Literal["access_code.set_on_device"]
    code: Promised[str] = None


class AccessCodeIssuedEvent(AccessCodeEvent):
    """The code was handed out."""

    event_type: Literal["access_code.issued"]
    code: Promised[str] = None


class AccessCodeDeletedEvent(AccessCodeEvent):
    """An access code was deleted in Seam."""

    event_type: Literal["access_code.deleted"]
    code: Promised[Nullable[str]] = None


class AccessCodeRemovedFromDeviceEvent(AccessCodeEvent):
    """The code is no longer on the device."""

    event_type: Literal["access_code.removed_from_device"]


class AccessCodeDelayInSettingOnDeviceEvent(AccessCodeProblemEvent):
    """Setting the code takes longer than it should; Seam keeps trying."""

    event_type: Literal["access_code.delay_in_setting_on_device"]


class AccessCodeFailedToSetOnDeviceEvent(AccessCodeProblemEvent):
    """The code could not be set: whoever relies on it stands before a closed door."""

    event_type: Literal["access_code.failed_to_set_on_device"]


class AccessCodeDelayInRemovingFromDeviceEvent(AccessCodeProblemEvent):
    """Removing the code takes longer than it should. Seam has deprecated this event."""

    event_type: Literal["access_code.delay_in_removing_from_device"]


class AccessCodeFailedToRemoveFromDeviceEvent(AccessCodeProblemEvent):
    """The code could not be removed and may still open the door."""

    event_type: Literal["access_code.failed_to_remove_from_device"]


class AccessCodeDelayInIssuingEvent(AccessCodeProblemEvent):
    """Handing out the code takes longer than it should."""

    event_type: Literal["access_code.delay_in_issuing"]


class AccessCodeFailedToIssueEvent(AccessCodeProblemEvent):
    """The code could not be handed out."""

    event_type: Literal["access_code.failed_to_issue"]


class AccessCodeFailedToUpdateEvent(AccessCodeProblemEvent):
    """A change of the access code did not reach the device."""

    event_type: Literal["access_code.failed_to_update"]


class AccessCodeFailedToExpireEvent(AccessCodeProblemEvent):
    """The code should have stopped working and may not have."""

    event_type: Literal["access_code.failed_to_expire"]


class AccessCodeFailedToDeleteEvent(AccessCodeEvent):
    """The access code could not be deleted. Seam has published no fields of this event."""

    event_type: Literal["access_code.failed_to_delete"]


class AccessCodeDeletedExternalToSeamEvent(AccessCodeEvent):
    """Somebody deleted the code by other means than Seam."""

    event_type: Literal["access_code.deleted_external_to_seam"]


class AccessCodeModifiedExternalToSeamEvent(AccessCodeEvent):
    """Somebody changed the code by other means than Seam."""

    event_type: Literal["access_code.modified_external_to_seam"]


class AccessCodeBackupAccessCodePulledEvent(AccessCodeEvent):
    """A backup code was taken from the pool, to be used in place of the access code."""

    event_type: Literal["access_code.backup_access_code_pulled"]
    backup_access_code_id: Promised[str] = None


class AccessCodeUnmanagedCreatedEvent(AccessCodeEvent):
    """Seam found a code on the device that it had not put there."""

    event_type: Literal["access_code.unmanaged.created"]


class AccessCodeUnmanagedRemovedEvent(AccessCodeEvent):
    """A code that Seam had not put there is gone from the device."""

    event_type: Literal["access_code.unmanaged.removed"]


class AccessCodeUnmanagedConvertedToManagedEvent(AccessCodeEvent):
    """Seam took a code over that it had found on the device."""

    event_type: Literal["access_code.unmanaged.converted_to_managed"]


class AccessCodeUnmanagedFailedToConvertToManagedEvent(AccessCodeProblemEvent):
    """Seam could not take a code over that it had found on the device."""

    event_type: Literal["access_code.unmanaged.failed_to_convert_to_managed"]
