"""What can go wrong, as one class for each thing the caller can do about it.

Every message says what happened, to which event or setting, and what to do. None holds a
signing secret or a door code.
"""


class BellhopError(Exception):
    """The root of every error that Bellhop raises on purpose."""


class InvalidSettings(BellhopError):
    """A setting has a wrong value; the message names each, and what is expected."""


class WrongVersion(BellhopError):
    """The ledger is of another version than this program needs; the message says what to do."""

    def __init__(self, found: int, needed: int) -> None:
        self.found = found
        if found > needed:
            what = (
                f"a newer Bellhop wrote it (version {found}). Upgrade this one: it understands no "
                f"version above {needed}, and has written nothing"
            )
        else:
            what = (
                f"it is of version {found}, and this Bellhop needs version {needed}. Stop all "
                "receivers and workers, and call `bellhop upgrade` once"
            )
        super().__init__(f"the ledger in this Redis cannot be used: {what}")


class NameTaken(BellhopError):
    """A live worker has a hook under the name of a handler, or the other way round."""

    def __init__(self, name: str, kind: str, worker: str) -> None:
        there = "a handler" if kind == "handler" else f"a hook (@on_{kind})"
        super().__init__(
            f"{name!r} is {there} in the live worker {worker}, and something else here, so each "
            "would skip what waits for the other: give one of them another name (name=…), or stop "
            "all workers that have the other one first"
        )


class Terminated(SystemExit):
    """A signal asked a command to end before it had its own way to do so."""
