"""Events of thermostats."""

from typing import Literal

from bellhop.events.base import ForCustomer, OnDevice
from bellhop.events.fields import Nullable, OneOf, Promised


class ThermostatEvent(OnDevice, ForCustomer):
    """Something happened to a thermostat."""


class TemperatureEvent(ThermostatEvent):
    """A thermostat measured something worth telling."""

    temperature_celsius: Promised[float] = None
    temperature_fahrenheit: Promised[float] = None


class TemperatureThresholdEvent(TemperatureEvent):
    """The temperature passed a limit that was set for it."""

    lower_limit_celsius: Promised[Nullable[float]] = None
    lower_limit_fahrenheit: Promised[Nullable[float]] = None
    upper_limit_celsius: Promised[Nullable[float]] = None
    upper_limit_fahrenheit: Promised[Nullable[float]] = None


class ThermostatTemperatureChangedEvent(TemperatureEvent):
    """It became warmer or colder."""

    event_type: Literal["thermostat.temperature_changed"]


class ThermostatTemperatureReachedSetPointEvent(TemperatureEvent):
    """It is as warm as it should be."""

    event_type: Literal["thermostat.temperature_reached_set_point"]
    desired_temperature_celsius: float | None = None
    desired_temperature_fahrenheit: float | None = None


class ThermostatTemperatureThresholdExceededEvent(TemperatureThresholdEvent):
    """It became too warm or too cold."""

    event_type: Literal["thermostat.temperature_threshold_exceeded"]


class ThermostatTemperatureThresholdNoLongerExceededEvent(TemperatureThresholdEvent):
    """It is no longer too warm or too cold."""

    event_type: Literal["thermostat.temperature_threshold_no_longer_exceeded"]


class ThermostatClimatePresetActivatedEvent(ThermostatEvent):
    """The thermostat changed to a climate preset; `thermostat_schedule_id` tells why, if any."""

    event_type: Literal["thermostat.climate_preset_activated"]
    climate_preset_key: Promised[str] = None
    is_fallback_climate_preset: Promised[bool] = None
    thermostat_schedule_id: Promised[Nullable[str]] = None


class ThermostatManuallyAdjustedEvent(ThermostatEvent):
    """Somebody set the thermostat by hand, on the device or through Seam."""

    event_type: Literal["thermostat.manually_adjusted"]
    method: Promised[OneOf[Literal["external", "seam"]]] = None
    hvac_mode_setting: OneOf[Literal["cool", "eco", "heat", "heat_cool", "off"]] | None = None
    fan_mode_setting: OneOf[Literal["auto", "circulate", "on"]] | None = None
    heating_set_point_celsius: float | None = None
    heating_set_point_fahrenheit: float | None = None
    cooling_set_point_celsius: float | None = None
    cooling_set_point_fahrenheit: float | None = None
