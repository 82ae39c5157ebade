"""Events of enrollment automations, which add people to access systems by themselves."""

from typing import Literal

from bellhop.events.base import SeamEvent


class EnrollmentAutomationEvent(SeamEvent):
    """Something happened to an enrollment automation."""

    enrollment_automation_id: str


class EnrollmentAutomationDeletedEvent(EnrollmentAutomationEvent):
    """An enrollment automation was deleted."""

    event_type: Literal["enrollment_automation.deleted"]
