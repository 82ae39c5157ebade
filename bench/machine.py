"""What a result depends on: the machine, and the versions of everything."""

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from bench import environments

_BENCH = Path(__file__).parent
_OURS = (
    *("starlette", "uvicorn", "uvloop", "httptools", "svix", "pydantic"),
    *("redis", "hiredis", "rq"),
)
_PEERS = (
    *("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "svix", "pydantic"),
    *("redis", "hiredis", "rq", "celery", "kombu", "dramatiq", "huey", "taskiq", "taskiq-redis"),
)
_ARQ = ("arq", "redis", "hiredis", "uvloop")


def machine() -> str:
    """Return what the machine is."""
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    return f"{os.cpu_count()} cores of {_processor()}, {system}"


def load_average() -> str:
    """Return how many processes wanted a core in the last minute: what else runs takes part."""
    return f"{os.getloadavg()[0]:.1f}"


def versions(redis: str) -> list[str]:
    """Return lines with the versions of everything that was measured."""
    ours = " ".join(f"{name} {version(name)}" for name in _OURS)
    lines = [
        f"Bellhop {version('seam-bellhop')} on Python {platform.python_version()}: {ours}",
        f"Valkey {redis}, `appendonly yes`, `appendfsync always`, `maxmemory-policy noeviction`",
        f"Python peers: {_pinned('requirements.txt', _PEERS)}",
        f"arq's environment: {_pinned('requirements-arq.txt', _ARQ)}",
    ]
    if environments.has_node():
        package = json.loads((environments.NODE / "package.json").read_text())
        wanted = " ".join(f"{name} {one}" for name, one in package["dependencies"].items())
        lines.append(f"Node {environments.node_version()}: {wanted}")
    return lines


def _pinned(file: str, names: Iterable[str]) -> str:
    lines = (_BENCH / file).read_text().lower().splitlines()
    pins = dict(line.split("==", 1) for line in lines if "==" in line)
    return " ".join(f"{name} {pins[name]}" for name in names)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
