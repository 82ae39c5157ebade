"""The soak's first program: quick, slow, failing, hanging and deadly handlers, in two versions."""

import os

from bellhop import Context, SeamEvent, on
from tests.soak.acting import act, act_async
from tests.soak.fates import ATTEMPTS, HANG_ATTEMPTS, HANGS_FOR, NEVER, TIMEOUT


@on("*", name="audit", timeout=TIMEOUT)
def audit(event: SeamEvent, context: Context) -> None:
    """Gets every event."""
    act(event, context)


@on("lock.*", name="doors", timeout=TIMEOUT)
def doors(event: SeamEvent, context: Context) -> None:
    """Is slow with some."""
    act(event, context)


@on("access_code.*", name="codes", timeout=TIMEOUT)
async def codes(event: SeamEvent, context: Context) -> None:
    """Is slow with many, and does many at a time."""
    await act_async(event, context)


@on("thermostat.*", name="climate", timeout=TIMEOUT, attempts=ATTEMPTS)
def climate(event: SeamEvent, context: Context) -> None:
    """Fails with some."""
    act(event, context)


@on("device.*", name="upkeep", timeout=TIMEOUT, attempts=ATTEMPTS)
async def upkeep(event: SeamEvent, context: Context) -> None:
    """Fails with some, too."""
    await act_async(event, context)


@on("device.*", name="frail", timeout=TIMEOUT, attempts=NEVER)
def frail(event: SeamEvent, context: Context) -> None:
    """Kills its process, now and then."""
    act(event, context)


@on("lock.*", name="strict", timeout=TIMEOUT, attempts=ATTEMPTS, in_order=True)
def strict(event: SeamEvent, context: Context) -> None:
    """Fails with some, and lets none of a device pass meanwhile."""
    act(event, context)


@on("noise_sensor.*", name="stuck", timeout=HANGS_FOR, attempts=HANG_ATTEMPTS)
async def stuck(event: SeamEvent, context: Context) -> None:
    """Hangs."""
    await act_async(event, context)


if os.environ["SOAK_VERSION"] == "old":

    @on("lock.*", name="greet", timeout=TIMEOUT)
    def greet(event: SeamEvent, context: Context) -> None:
        """Has another name in the new version."""
        act(event, context)

    @on("thermostat.*", name="parting", timeout=TIMEOUT)
    async def parting(event: SeamEvent, context: Context) -> None:
        """Is gone in the new version."""
        await act_async(event, context)

else:

    @on("lock.*", name="welcome", timeout=TIMEOUT)
    def welcome(event: SeamEvent, context: Context) -> None:
        """Is the renamed one."""
        act(event, context)

    @on("access_code.*", name="added", timeout=TIMEOUT)
    def added(event: SeamEvent, context: Context) -> None:
        """Comes with the new version."""
        act(event, context)
