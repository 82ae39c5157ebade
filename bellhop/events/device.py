"""Events of devices of any kind: found and lost, online and offline, low on battery."""

from typing import Any, Literal

from bellhop.events.base import ForCustomer, OnDevice, WithDeviceIssues
from bellhop.events.fields import Nullable, OneOf, Promised


class DeviceEvent(OnDevice, ForCustomer):
    """Something happened to a device."""


class DeviceProblemEvent(DeviceEvent, WithDeviceIssues):
    """Something is wrong with a device; the lists of errors and warnings tell what."""


class DeviceAddedEvent(DeviceEvent):
    """Seam found a new device in a connected account."""

    event_type: Literal["device.added"]


class DeviceRemovedEvent(DeviceEvent):
    """The device is gone from its account."""

    event_type: Literal["device.removed"]


class DeviceDeletedEvent(DeviceEvent):
    """The device was deleted from Seam."""

    event_type: Literal["device.deleted"]
    device_name: Nullable[str] = None


class DeviceNameChangedEvent(DeviceEvent):
    """The device got another name."""

    event_type: Literal["device.name_changed"]
    device_name: Promised[str] = None


class DeviceConnectedEvent(DeviceEvent):
    """The device came online."""

    event_type: Literal["device.connected"]


class DisconnectedDeviceEvent(DeviceProblemEvent):
    """A device, managed by Seam or not, went offline."""

    error_code: Promised[
        OneOf[Literal["account_disconnected", "device_disconnected", "hub_disconnected"]]
    ] = None


class DeviceDisconnectedEvent(DisconnectedDeviceEvent):
    """The device went offline."""

    event_type: Literal["device.disconnected"]


class DeviceConnectionBecameFlakyEvent(DeviceProblemEvent):
    """The device comes and goes."""

    event_type: Literal["device.connection_became_flaky"]


class DeviceConnectionStabilizedEvent(DeviceEvent):
    """The device stays online again."""

    event_type: Literal["device.connection_stabilized"]


class DeviceUnmanagedConnectedEvent(DeviceEvent):
    """A device that Seam does not manage came online."""

    event_type: Literal["device.unmanaged.connected"]


class DeviceUnmanagedDisconnectedEvent(DisconnectedDeviceEvent):
    """A device that Seam does not manage went offline."""

    event_type: Literal["device.unmanaged.disconnected"]


class DeviceUnmanagedConvertedToManagedEvent(DeviceEvent):
    """Seam manages the device from now on."""

    event_type: Literal["device.unmanaged.converted_to_managed"]


class DeviceConvertedToUnmanagedEvent(DeviceEvent):
    """Seam no longer manages the device."""

    event_type: Literal["device.converted_to_unmanaged"]


class DeviceLowBatteryEvent(DeviceEvent):
    """A battery is nearly empty. Levels go from 0 to 1."""

    event_type: Literal["device.low_battery"]
    battery_level: Promised[float] = None
    battery_source: OneOf[Literal["accessory_keypad", "lock"]] | None = None
    device_battery_level: Nullable[float] = None
    accessory_keypad_battery_level: Nullable[float] = None


class DeviceBatteryStatusChangedEvent(DeviceEvent):
    """The battery went from one status to another. Levels go from 0 to 1."""

    event_type: Literal["device.battery_status_changed"]
    battery_level: Promised[float] = None
    battery_status: Promised[OneOf[Literal["critical", "full", "good", "low"]]] = None


class DeviceTamperedEvent(DeviceEvent):
    """The device reports that somebody tampered with it."""

    event_type: Literal["device.tampered"]


class DeviceDoorbellRangEvent(DeviceEvent):
    """Somebody rang the doorbell."""

    event_type: Literal["device.doorbell_rang"]
    image_url: str | None = None
    video_url: str | None = None
    media_ids: Nullable[Any] = None


class DeviceAccessoryKeypadConnectedEvent(DeviceEvent):
    """The lock's keypad was connected."""

    event_type: Literal["device.accessory_keypad_connected"]


class DeviceAccessoryKeypadDisconnectedEvent(DeviceProblemEvent):
    """The lock's keypad was disconnected."""

    event_type: Literal["device.accessory_keypad_disconnected"]


class DeviceThirdPartyIntegrationDetectedEvent(DeviceEvent):
    """Something besides Seam controls the device, too."""

    event_type: Literal["device.third_party_integration_detected"]


class DeviceThirdPartyIntegrationNoLongerDetectedEvent(DeviceEvent):
    """Nothing besides Seam controls the device any more."""

    event_type: Literal["device.third_party_integration_no_longer_detected"]


class DeviceSaltoPrivacyModeActivatedEvent(DeviceEvent):
    """Somebody inside a Salto lock's room wants to be left alone."""

    event_type: Literal["device.salto.privacy_mode_activated"]


class DeviceSaltoPrivacyModeDeactivatedEvent(DeviceEvent):
    """A Salto lock lets people in again."""

    event_type: Literal["device.salto.privacy_mode_deactivated"]


class DeviceErrorSubscriptionRequiredEvent(DeviceProblemEvent):
    """The manufacturer wants a paid plan before Seam may use the device."""

    event_type: Literal["device.error.subscription_required"]


class DeviceErrorSubscriptionRequiredResolvedEvent(DeviceEvent):
    """The paid plan that the device needed is there."""

    event_type: Literal["device.error.subscription_required.resolved"]
