"""The states of an event for one of its handlers."""

from enum import StrEnum


class HandlerState(StrEnum):
    """What became of an event for one handler, as its record says."""

    WAITING = "waiting"
    """It was given to the handler, which has not run yet."""
    RETRYING = "retrying"
    REPLAYING = "replaying"
    """It waits in the handler's mailbox again, though it was over."""
    DONE = "done"
    DROPPED = "dropped"
    SKIPPED = "skipped"
    """The handler was not called: its `max_age` or `where` did not want the event."""
    ABANDONED = "abandoned"
    """No worker had the handler for too long, or it was forgotten."""
    DEAD = "dead"
    """The handler used up its attempts."""
    UNREADABLE = "unreadable"
    """For people: what is stored is no record."""
