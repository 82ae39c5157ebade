"""The soak's second program: other handlers on the same Redis, and the hooks."""

from bellhop import Context, DeadLetter, QuarantinedBody, SeamEvent, on, on_dead, on_quarantined
from tests.soak.acting import act, write
from tests.soak.fates import HANG_ATTEMPTS, HANGS_FOR, TIMEOUT


@on("*", name="copy", timeout=TIMEOUT)
def copy(event: SeamEvent, context: Context) -> None:
    """Gets every event, as one of the other program does."""
    act(event, context)


@on("noise_sensor.*", name="clings", timeout=HANGS_FOR, attempts=HANG_ATTEMPTS)
def clings(event: SeamEvent, context: Context) -> None:
    """Hangs, and sometimes so that its worker must be ended."""
    act(event, context)


@on("device.*", name="leaks", timeout=TIMEOUT)
def leaks(event: SeamEvent, context: Context) -> None:
    """Keeps memory."""
    act(event, context)


@on_dead
def given_up(letter: DeadLetter) -> None:
    """Hears of every dead letter."""
    write("told", f"{letter.handler} {letter.event_id}")


@on_quarantined
def quarantined(body: QuarantinedBody) -> None:
    """Hears of every body in quarantine."""
    write("told", body.delivery_id)
