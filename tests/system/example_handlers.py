"""An example: prints what happens at locks and to access codes. Change it, or delete it."""

from bellhop import AccessCodeEvent, Context, LockEvent, on


@on("lock.*")
def print_lock(event: LockEvent) -> None:
    """Tell what happened at which door."""
    how = getattr(event, "method", None)
    print(f"🔒 {event.event_type} at {event.device_id}" + (f" by {how}" if how else ""))


@on("access_code.*")
async def print_access_code(event: AccessCodeEvent, context: Context) -> None:
    """Tell what became of which access code."""
    print(f"🔑 {event.event_type} for {event.access_code_id} (attempt {context.attempt})")
