"""`python -m bench.apps.fill APP FILE`: enqueues the events of a file, a line each, with an app."""

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    """Enqueue them."""
    name, path = sys.argv[1:]
    events = [json.loads(line) for line in Path(path).read_bytes().splitlines()]
    importlib.import_module(f"bench.apps.{name}").fill(events)


if __name__ == "__main__":
    main()
