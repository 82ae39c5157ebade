"""An RQ worker that does shifts, in its own process, and nothing else."""

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from bellhop.errors import BellhopError
from bellhop.queue import QUEUE, SHIFT, shift_queue
from workers import shift
from workers.runtime import Runtime

_MAINTENANCE = 60

_log = structlog.get_logger("workers")


class ForeignJob(BellhopError):
    """A job in our queue that is no shift. Whoever can write to Redis must not run code."""


class ShiftJob(Job):
    """A job that can only be a shift, whatever Redis says that it calls."""

    @property
    def func(self) -> Any:
        """Return the one function that a worker runs, or raise `ForeignJob`."""
        if self.func_name != SHIFT:
            raise ForeignJob(f"job {self.id} is no shift: it was not run")
        return shift.work

    def restore(self, raw_data: Any) -> None:
        """Read the job, but none of the other ways to have code run or requests sent."""
        super().restore(raw_data)
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks = []


class NoDeathPenalty(BaseDeathPenalty):
    """RQ's timeout, switched off: a shift ends by itself, and the alarm is for handlers."""

    def setup_death_penalty(self) -> None:
        """Do nothing."""

    def cancel_death_penalty(self) -> None:
        """Do nothing."""


class ShiftWorker(SimpleWorker):
    """Runs shifts one after the other, in this process."""

    death_penalty_class = NoDeathPenalty
    log_result_lifespan = False
    # RQ doubles its wait for Redis with every outage that an idle worker has seen.
    max_connection_wait_time = 1.0

    def __init__(self, connection: Redis, runtime: Runtime) -> None:
        super().__init__(
            [shift_queue(connection, job_class=ShiftJob)],
            name=runtime.worker,
            connection=connection,
            job_class=ShiftJob,
            serializer=JSONSerializer,
            default_result_ttl=0,
            maintenance_interval=_MAINTENANCE,
            log_job_description=False,
        )
        self._runtime = runtime

    def run(self) -> None:
        """Work until a signal asks to stop. The first lets the entry under way finish."""
        os.register_at_fork(after_in_child=_forget_signals)
        shift.prepare(self._runtime)
        self.work(logging_level="WARNING", with_scheduler=False)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do a shift, or remove what is none."""
        try:
            job.func  # noqa: B018 - the check is in the property
        except Exception as error:  # ForeignJob, or data that cannot even be read
            _log.error("refused a foreign job", queue=QUEUE, job=job.id, error=type(error).__name__)
            self.connection.lrem(queue.intermediate_queue_key, 1, job.id)
            job.delete()
            return
        execution = self.prepare_execution(job)
        self._runtime.beat = lambda: self._beat(job, execution)
        self.perform_job(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)

    def _beat(self, job: Job, execution: Execution) -> None:
        with suppress(RedisError):
            self.maintain_heartbeats(job, execution)

    def subscribe(self) -> None:
        """Listen to no commands: signals are enough, and Redis is not trusted to stop us."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def request_stop(self, signum: int, _frame: FrameType | None) -> None:
        """Finish the entry under way and give the rest back; a second signal ends it at once."""
        if self._runtime.stopping:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        self._runtime.stopping = True
        self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested


def _forget_signals() -> None:
    """Let what a handler forks be ended by signals like any process."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
