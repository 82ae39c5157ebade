"""The values of made-up events, by the names of their fields."""

from collections.abc import Mapping
from typing import Final

USUAL: Final = frozenset(
    {
        "access_code_id",
        "access_grant_key",
        "change_reason",
        "changed_properties",
        "code",
        "connected_account_id",
        "connected_account_type",
        "desired_temperature_celsius",
        "desired_temperature_fahrenheit",
        "device_id",
        "device_name",
        "ends_at",
        "from",
        "heating_set_point_celsius",
        "heating_set_point_fahrenheit",
        "hvac_mode_setting",
        "image_url",
        "missing_device_ids",
        "noise_level_decibels",
        "noise_threshold_id",
        "noise_threshold_name",
        "reason",
        "starts_at",
        "to",
    }
)
"""Optional fields without which a sample would say little."""

VALUES: Final[Mapping[str, object]] = {
    "access_grant_key": "reservation-7",
    "activation_reason": "motion_detected",
    "battery_level": 0.18,
    "battery_status": "low",
    "change_reason": "updated by the front desk",
    "changed_properties": [{"property": "code", "from": "1234", "to": "5678"}],
    "climate_preset_key": "away",
    "code": "1234",
    "connected_account_type": "august",
    "desired_temperature_celsius": 21.5,
    "device_name": "Front door",
    "error_message": "Front door is offline.",
    "heating_set_point_celsius": 21.5,
    "hvac_mode_setting": "heat",
    "image_url": "https://example.com/front-door.jpg",
    "is_fallback_climate_preset": False,
    "lower_limit_celsius": 16.0,
    "noise_level_decibels": 72.5,
    "noise_threshold_name": "Quiet hours",
    "reason": {
        "message": "No access code has these digits.",
        "reason_code": "unknown_code",
    },
    "requested_mutations": [
        {"mutation_code": "updating_code", "from": {"code": "1234"}, "to": {"code": "5678"}}
    ],
    "temperature_celsius": 21.5,
    "upper_limit_celsius": 26.0,
}

ISSUES: Final[Mapping[str, str]] = {
    "acs_system.disconnected": "acs_system_disconnected",
    "connected_account.disconnected": "account_disconnected",
    "connected_account.reauthorization_requested": "account_disconnected",
    "device.connection_became_flaky": "device_has_flaky_connection",
    "device.disconnected": "device_disconnected",
    "device.unmanaged.disconnected": "device_disconnected",
}
"""What the code of an error or a warning is, where it is not the end of the event's type."""
