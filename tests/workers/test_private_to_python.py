"""What workers use of Python that it does not promise to keep, since nothing public does the same.

A version of Python without one of them fails here, with what to look for a replacement of.
"""

import platform
from pydoc import locate

import pytest


@pytest.mark.parametrize(
    ("name", "what_for"),
    [
        (
            "asyncio._unregister_task",
            "keeps a handler that cancels asyncio.all_tasks() from those of other devices "
            "(bellhop_workers.async_run, bellhop_workers.loop)",
        ),
        (
            "threading._shutdown",
            "waits for the threads of handlers, and for executors, in a forked worker, which ends "
            "by os._exit (bellhop_workers.ending)",
        ),
        (
            "atexit._run_exitfuncs",
            "runs what handlers registered for the end of their process (bellhop_workers.ending)",
        ),
        (
            "atexit._clear",
            "forgets in a forked worker what its pool registered (bellhop_workers.ending)",
        ),
        (
            "_signal.getsignal",
            "looks at a signal's handler in a tenth of the time that the public one takes "
            "(bellhop_workers.alarm, bellhop_workers.surroundings)",
        ),
        ("sys._getframe", "says where a handler forked (bellhop.forks)"),
        (
            "multiprocessing.popen_fork.Popen._launch",
            "tells a process of multiprocessing, which ends by itself (bellhop.forks)",
        ),
        *(
            (name, "calls functions in a thread: a forked one is ended there (bellhop.forks)")
            for name in (
                "asyncio.events.Handle._run",
                "concurrent.futures.thread._WorkItem.run",
                "threading.Thread._bootstrap_inner",
            )
        ),
    ],
)
def test_python_has_what_workers_use_of_its_inner_parts(name: str, what_for: str) -> None:
    assert callable(locate(name)), (
        f"Python {platform.python_version()} has no {name}: it {what_for}"
    )
