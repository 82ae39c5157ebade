"""`svix.webhooks`, without the client of Svix's own API.

`import svix.webhooks` first imports the package `svix`, and with it httpx and some hundred models
that nobody here uses: half a second and 30 MB for every command that signs and for every receiver.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

_NAME = "svix.webhooks"


def _module() -> ModuleType:
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = PathFinder.find_spec("svix")
    for folder in (package and package.submodule_search_locations) or ():
        spec = spec_from_file_location(_NAME, Path(folder) / "webhooks.py")
        if spec and spec.loader:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise ModuleNotFoundError(f"No module named {_NAME!r}", name=_NAME)


if TYPE_CHECKING:
    from svix.webhooks import Webhook as Webhook
else:
    Webhook = _module().Webhook
