"""What can go wrong, as one class for each thing the caller can do about it.

Every message says what happened, to which event or setting, and what to do. None holds a
signing secret or a door code.
"""


class BellhopError(Exception):
    """The root of every error that Bellhop raises on purpose."""


class InvalidSettings(BellhopError):
    """A setting has a wrong value; the message names each, and what is expected."""


class Terminated(SystemExit):
    """A signal asked a command to end before it had its own way to do so."""
