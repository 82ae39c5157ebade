"""Handlers as their authors write them, for the type checkers alone: nothing runs this file.

An ignored error that is not there is an error of its own, in both checkers.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from datetime import timedelta
from typing import Any, assert_type

from bellhop import (
    AccessCodeEvent,
    AccessCodeProblemEvent,
    AcsEvent,
    AcsUserEvent,
    ActionAttemptEvent,
    Context,
    DeadLetter,
    DeviceEvent,
    EventType,
    LockEvent,
    LockLockedEvent,
    LockUnlockedEvent,
    QuarantinedBody,
    Retry,
    SeamEvent,
    TemperatureEvent,
    ThermostatEvent,
    lifespan,
    on,
    on_dead,
    on_quarantined,
)
from bellhop.testing import (
    make_context,
    make_dead_letter,
    make_event,
    make_quarantined_body,
    signed_request,
)

# What is right


@on("lock.unlocked")
def with_the_event(event: LockUnlockedEvent) -> str:
    return str(event.method)


@on("lock.unlocked", attempts=3, timeout=1.5, concurrency=3, name="door", allow_unknown=False)
def with_options(event: LockUnlockedEvent, context: Context) -> int:
    return context.attempt


@on("lock.unlocked", where={"method": ["keycode", "card"]}, max_age="2h")
def with_conditions(event: LockUnlockedEvent) -> None:
    raise Retry("later", after=60, counts=False)


def by_keycode(event: LockUnlockedEvent) -> bool:
    return event.method == "keycode"


@on("lock.unlocked", where=by_keycode, max_age=timedelta(hours=2))
@on("lock.*", where=lambda event: event.device_id, max_age=7200, name="of-a-device")
def with_other_conditions(event: LockEvent) -> None: ...


@on("lock.unlocked")
async def in_async(event: LockUnlockedEvent) -> int:
    return 1


@on("lock.unlocked")
async def in_async_with_the_context(event: LockUnlockedEvent, context: Context) -> None: ...


@on("lock.unlocked")
def of_a_wider_class(event: LockEvent) -> None: ...


@on("lock.unlocked")
def of_a_union(event: LockUnlockedEvent | LockLockedEvent) -> None: ...


@on("lock.unlocked")
def with_a_parameter_of_its_own(event: LockUnlockedEvent, *, say: str = "open") -> None: ...


@on("lock.unlocked")
def without_annotations(event): ...  # type: ignore[no-untyped-def]


@on("lock.unlocked")
def of_anything(event: Any, context: Any) -> None: ...


@on("lock.*", name="first")
@on("device.*", name="second")
def twice(event: SeamEvent) -> None: ...


@on("*")
def of_all(event: SeamEvent) -> None: ...


@on("lock.*")
def of_locks(event: LockEvent) -> None: ...


@on("device.*")
def of_devices(event: DeviceEvent) -> None: ...


@on("device.unmanaged.*")
def of_unmanaged_devices(event: DeviceEvent) -> None: ...


@on("access_code.failed_*")
def of_failed_codes(event: AccessCodeEvent) -> None: ...


@on("access_code.delay_in_*")
def of_late_codes(event: AccessCodeProblemEvent) -> None: ...


@on("acs_*")
def of_access_control(event: AcsEvent) -> None: ...


@on("acs_user.*")
def of_its_users(event: AcsUserEvent) -> None: ...


@on("action_attempt.lock_door.*")
def of_attempts(event: ActionAttemptEvent) -> None: ...


@on("thermostat.*")
def of_thermostats(event: ThermostatEvent) -> None: ...


@on("thermostat.temperature_*")
def of_temperatures(event: TemperatureEvent) -> None: ...


@on
def by_annotation(event: LockUnlockedEvent) -> None: ...


@on
async def by_annotation_with_the_context(event: LockEvent, context: Context) -> None: ...


@on()
def by_annotation_with_parentheses(event: LockUnlockedEvent, context: Context) -> None: ...


@on("lock.unlocked", "device.*")
def of_several(event: LockUnlockedEvent | DeviceEvent) -> None: ...


@on("*.failed")
def of_another_pattern(event: ActionAttemptEvent) -> None: ...


@on("robot.melted", allow_unknown=True)
def of_an_unknown_type(event: SeamEvent) -> None: ...


class Porter:
    def __call__(self, event: LockEvent) -> None: ...


porter = on("lock.*")(Porter())
in_a_line = on("lock.unlocked")(lambda event: event.method)
in_a_line_with_the_context = on("lock.unlocked")(lambda event, context: context.attempt)
seen: list[object] = []
on("lock.*")(seen.append)
on("lock.*")(print)


def of_a_type_in_a_variable(event_type: EventType, pattern: str) -> None:
    on(event_type)(with_the_event)
    on(pattern)(with_the_event)
    make_event(event_type)
    signed_request("lock.unlocked", secret="whsec_")


@lifespan
def a_lifespan() -> Iterator[dict[str, str]]:
    yield {}


@lifespan
def a_lifespan_with_a_default(url: str = "") -> Generator[str]:
    yield url


@lifespan
async def a_lifespan_in_async() -> AsyncIterator[dict[str, str]]:
    yield {}


@lifespan
async def another_lifespan_in_async() -> AsyncGenerator[int]:
    yield 1


@lifespan
def a_lifespan_without_annotations():  # type: ignore[no-untyped-def]
    yield


@on("lock.unlocked")
def with_a_state(event: LockUnlockedEvent, context: Context) -> None:
    client: dict[str, str] = context.state
    client["x"] = "y"


@on_dead
def a_hook(letter: DeadLetter) -> int:
    return letter.attempts


@on_dead("handlers.doors.*", attempts=3, timeout=5, backoff=[1], no_retry=ValueError, name="door")
async def a_hook_in_async(letter: DeadLetter, context: Context) -> str:
    return letter.error


@on_dead()
@on_quarantined(name="either")
def a_hook_of_either(about: DeadLetter | QuarantinedBody) -> None: ...


@on_quarantined
def a_hook_of_bodies(body: QuarantinedBody, context: Context) -> None: ...


# A handler stays the function that it was


async def call_them(event: LockUnlockedEvent, other: LockLockedEvent, context: Context) -> None:
    assert_type(with_the_event(event), str)
    assert_type(with_options(event=event, context=context), int)
    assert_type(await in_async(event), int)
    assert_type(porter, Porter)
    of_a_wider_class(other)
    with_a_parameter_of_its_own(event, say="shut")
    assert_type(next(a_lifespan()), dict[str, str])
    with_a_state(event, make_context(event, state={}))
    letter = make_dead_letter(event, attempts=3)
    assert_type(a_hook(letter=letter), int)
    assert_type(await a_hook_in_async(letter, make_context(letter)), str)
    a_hook_of_either(make_quarantined_body("not JSON"))
    with_the_event(other)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# What is wrong


@on("lock.unlocked")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def of_another_type(event: LockLockedEvent) -> None: ...


@on("lock.unlocked", attempts=2)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def of_another_type_in_async(event: LockLockedEvent, context: Context) -> None: ...


@on("lock.*")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def too_narrow(event: LockUnlockedEvent) -> None: ...


@on("*")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def too_narrow_for_all(event: LockEvent) -> None: ...


@on("lock.unlocked")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def of_no_event(event: str) -> None: ...


@on("lock.unlocked")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def with_no_context(event: LockUnlockedEvent, context: int) -> None: ...


@on("lock.unlocked")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def with_too_much(event: LockUnlockedEvent, context: Context, more: int) -> None: ...


@on("lock.unlocked")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def with_nothing() -> None: ...


@on("lock.unlocked", "lock.locked")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def of_several_with_no_context(event: LockEvent, context: int) -> None: ...


@on  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]
def by_annotation_with_no_context(event: LockEvent, context: int) -> None: ...


on("lock.unlocked", attempt=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
on("lock.*", max_age=["2h"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
on("lock.*", where="keycode")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
Retry(counts="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
on("lock.*", timeout="3")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
on(LockEvent)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]


@lifespan  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def a_lifespan_with_an_argument(app: object) -> Iterator[None]:
    yield


@lifespan  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def a_lifespan_without_a_yield() -> int:
    return 1


@lifespan  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def a_lifespan_without_a_yield_in_async() -> None: ...


@on_dead  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]
def a_hook_of_an_event(event: SeamEvent) -> None: ...


@on_dead()  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def a_hook_of_nothing() -> None: ...


@on_quarantined()  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def a_hook_of_a_letter(letter: DeadLetter) -> None: ...


on_dead("*", where={})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
on_quarantined("*")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
