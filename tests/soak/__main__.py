"""`make soak`: breaks everything for SOAK seconds, by SEED, and says whether the promise held.

`python -m tests.soak DIRECTORY` judges a kept history again.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.soak.case import Case
from tests.soak.checker import check
from tests.soak.history import History, load
from tests.soak.soak import Soak
from tests.soak.violation import Violation, what_was_broken

_SHOWN = 50


def main() -> int:
    """Run a soak, or judge one again; return the exit code."""
    if len(sys.argv) > 1:
        history = load(Path(sys.argv[1]))
        return _judged(history, check(history))
    seconds = float(os.environ.get("SOAK") or 300)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    rate = float(os.environ.get("RATE") or 60)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    directory = Path(tempfile.mkdtemp(prefix="bellhop-soak-"))
    _say(f"Soaking for {seconds:g} s, {rate:g} events/s, SEED={seed}, in {directory}")
    result = Soak(directory / "stage", seed, rate, _say).run(seconds)
    _say(str(result.figures))
    _say(f"parts that ended     {result.accidents} by themselves, such as for want of Redis")
    code = _judged(result.history, result.violations)
    if code:
        _say(f"SEED={seed}; the history is kept in {directory / 'stage' / 'history'}")
    else:
        shutil.rmtree(directory)
    return code


def _judged(history: History, violations: list[Violation]) -> int:
    case = Case(history)
    for violation in violations[:_SHOWN]:
        _say(f"VIOLATION {violation}")
        if broken := what_was_broken(case, violation):
            _say(f"  meanwhile: {'; '.join(broken)}")
    if len(violations) > _SHOWN:
        _say(f"… and {len(violations) - _SHOWN} more")
    _say(f"{len(violations)} violations" if violations else "Every clause of the promise was kept.")
    return 1 if violations else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
