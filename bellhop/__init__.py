"""What a handler author imports: `on` and its like, `Context`, `Retry`, `Drop`, every event class.

from bellhop import LockUnlockedEvent, on

@on("lock.unlocked")
def audit(event: LockUnlockedEvent):
    print(event.device_id, event.method)

They are in `bellhop.public`, which is imported when the first of them is used: the classes of all
events take 0.2 s, and `bellhop --help` needs none.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellhop.events import *  # noqa: F403
    from bellhop.public import *  # noqa: F403
    from bellhop.public import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        if name != "__all__" and name.startswith("__"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        public = importlib.import_module("bellhop.public")
        names = {"__all__": public.__all__, **{one: vars(public)[one] for one in public.__all__}}
        globals().update(names)
        if name in globals():  # a module of the package, too, such as bellhop.events
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
