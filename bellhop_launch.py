"""Starts the `bellhop` command, with the user's directory behind the libraries.

The current directory holds the user's project, whose modules may have any name: `redis.py`,
`logging.py`, `bellhop.py`. Python searches it first under `python -m` or `PYTHONPATH=.`, and the
libraries would import those instead of their own. So this runs before anything else is imported,
also in each process that the command starts, and moves it to the end of `sys.path`.

It is a module of its own, since even `import bellhop` would be too early.
"""

import os
import sys

_PYTHON_PATH = "PYTHONPATH"
_AS_IT_WAS = "BELLHOP_LAUNCH_PYTHONPATH"
"""Hands the user's PYTHONPATH over to the interpreter that is started without it."""


def main() -> None:
    """Be the `bellhop` command."""
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109
    except FileNotFoundError:
        sys.exit("bellhop: the current directory is gone: change to your project's")
    as_it_was = os.environ.pop(_AS_IT_WAS, None)
    if as_it_was is not None:
        os.environ[_PYTHON_PATH] = as_it_was  # for what handlers start
    elif _PYTHON_PATH in os.environ and not sys.flags.ignore_environment:
        _start_without(here, os.environ[_PYTHON_PATH])
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]

    from bellhop.cli import main as bellhop  # what is installed as editable is found last of all

    sys.path.append(here)
    bellhop(prog_name="bellhop")


def _start_without(here: str, python_path: str) -> None:
    """Start this process again if PYTHONPATH names the current directory.

    Python itself, and what site-packages have it import at its start, may have modules from there.
    """
    entries = python_path.split(os.pathsep)
    others = [entry for entry in entries if os.path.realpath(entry) != here]
    if len(others) < len(entries):
        environment = {**os.environ, _PYTHON_PATH: os.pathsep.join(others), _AS_IT_WAS: python_path}
        os.execve(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]], environment)  # noqa: S606


if __name__ == "__main__":
    main()
