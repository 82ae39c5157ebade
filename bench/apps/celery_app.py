"""Celery, for many short tasks."""

from typing import Any

from celery import Celery

from bench.apps.jobs import REDIS_URL, handle

THREADS = 40
"""Threads that FastAPI uses: as many connections, as Celery's docs say."""

app = Celery("bench", broker=REDIS_URL)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=128,
    broker_pool_limit=THREADS,
    broker_connection_retry_on_startup=True,
)
task = app.task(handle, name="handle")


def fill(events: list[dict[str, Any]]) -> None:
    """Enqueue events."""
    for event in events:
        task.delay(event)
