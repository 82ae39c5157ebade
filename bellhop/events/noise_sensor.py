"""Events of noise sensors."""

from typing import Any, Literal

from bellhop.events.base import ForCustomer, OnDevice


class NoiseSensorEvent(OnDevice, ForCustomer):
    """Something happened to a noise sensor."""


class NoiseSensorNoiseThresholdTriggeredEvent(NoiseSensorEvent):
    """It was louder than a threshold allows."""

    event_type: Literal["noise_sensor.noise_threshold_triggered"]
    noise_level_decibels: float | None = None
    noise_level_nrs: float | None = None
    noise_threshold_id: str | None = None
    noise_threshold_name: str | None = None
    minut_metadata: dict[str, Any] | None = None
    noiseaware_metadata: dict[str, Any] | None = None
