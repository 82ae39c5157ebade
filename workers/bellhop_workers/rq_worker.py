"""An RQ worker that does shifts, in its own process, and nothing else."""

import signal
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Literal

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError
from rq import Queue, SimpleWorker
from rq.exceptions import NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from bellhop.connections import SOCKET_TIMEOUT
from bellhop.errors import BellhopError, Terminated
from bellhop.logs import get_logger
from bellhop.processes import StopSignals
from bellhop.queue import SHIFT, shift_queue
from bellhop_workers import alarm, shift
from bellhop_workers.patience import PatientRedis
from bellhop_workers.runtime import Runtime

_MAINTENANCE = 60
_SIGNALS_TO_LET_GO = 2

_log = get_logger("workers")


class ForeignJob(BellhopError):
    """A job in our queue that is no shift. Whoever can write to Redis must not run code."""


class ShiftJob(Job):
    """A job that can only be a shift, whatever Redis says that it calls.

    `foreign`: it is none, or cannot even be read. Nothing here raises for that: in RQ's loops and
    maintenance it would end the worker, and the next one.
    """

    foreign = False

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> Job:
        """Return a job. What RQ would not take for an id, or for a job's key, is no job."""
        try:
            return super().fetch(id, connection, serializer)
        except ValueError as error:
            raise NoSuchJobError(str(error)) from error
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            raise NoSuchJobError(str(error)) from error

    @property
    def func(self) -> Any:
        """Return the one function that a worker runs, or raise `ForeignJob`."""
        if self.foreign or self.func_name != SHIFT:
            raise ForeignJob(f"job {self.id} is no shift: it was not run")
        return shift.work

    def restore(self, raw_data: Any) -> None:
        """Read the job, but none of the other ways to have code run or requests sent."""
        try:
            super().restore(raw_data)
            self.foreign = self.func_name != SHIFT
        except Exception:  # whatever a stranger can have written
            self.foreign = True
        if self.foreign:
            self.origin = ""  # so that RQ takes it for none of this queue's, and lets go of it
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
    """Runs shifts one after the other, in this process.

    time_to_stop: seconds that what is under way may go on after a signal. signals: shared with the
    pool, if there is one.
    """

    death_penalty_class = NoDeathPenalty
    log_result_lifespan = False
    # Seconds that RQ waits for a job before it asks again, and for the answer to that: a connection
    # that leads nowhere any more is noticed within 8 s, not within 7 minutes.
    dequeue_timeout = 3
    connection_timeout = dequeue_timeout + int(SOCKET_TIMEOUT)

    def __init__(
        self,
        connection: Redis,
        runtime: Runtime,
        time_to_stop: float,
        signals: StopSignals | None = None,
    ) -> None:
        patient = PatientRedis(connection, runtime)
        super().__init__(
            [shift_queue(patient, runtime.ledger.handlers.fingerprint, job_class=ShiftJob)],
            name=runtime.worker,
            connection=patient,
            job_class=ShiftJob,
            serializer=JSONSerializer,
            default_result_ttl=0,
            maintenance_interval=_MAINTENANCE,
            log_job_description=False,
        )
        self._runtime = runtime
        self._time_to_stop = time_to_stop
        self._signals = signals or StopSignals()
        self._phase: Literal["starting", "working", "ending"] = "starting"

    def handle_signals(self) -> None:
        """Raise `Terminated` at a signal that asks to stop, until `run` is called."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]

    def run(self) -> None:
        """Work until a signal asks to stop. The first lets the entry under way finish.

        Another that comes when this has returned makes the time to stop shorter, and no more.
        """
        shift.prepare(self._runtime)
        self._phase = "working"
        try:
            self.work(logging_level="WARNING", with_scheduler=False)
        except StopRequested:  # before there was a shift to do
            self.teardown()
        finally:
            self._phase = "ending"

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do a shift, or remove what is none."""
        try:
            job.func  # noqa: B018 - the check is in the property
        except ForeignJob:
            _log.error("refused a foreign job", queue=queue.name, job=job.id)
            self.connection.lrem(queue.intermediate_queue_key, 1, job.id)
            # RQ's own way reads more of what a stranger wrote.
            self.connection.delete(job.key, job.dependents_key, job.dependencies_key)
            return
        execution = self.prepare_execution(job)
        self._runtime.beat = lambda: self._beat(job, execution)
        self.perform_job(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)

    def _beat(self, job: Job, execution: Execution) -> None:
        with suppress(RedisError):
            self.maintain_heartbeats(job, execution)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Tell RQ that this worker lives, and the ledger which handlers it has, if it forgot.

        RQ calls this every few seconds while the worker waits for a shift.
        """
        super().heartbeat(timeout, pipeline)
        if pipeline is None:
            self._runtime.subscribe_if_forgotten()

    def teardown(self) -> None:
        """Take leave of RQ. If Redis is away, RQ forgets the worker by itself."""
        with suppress(RedisError, StopRequested):
            super().teardown()  # type: ignore[no-untyped-call]

    def subscribe(self) -> None:
        """Listen to no commands: signals are enough, and Redis is not trusted to stop us."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def request_stop(self, signum: int, _frame: FrameType | None) -> None:
        """Finish the entries under way and give the rest back, within the grace period.

        A second signal has those interrupted and given back at once, too; a third ends the process.
        If it is not to stop but to be replaced, handlers have all of their timeouts.
        """
        deadlines = self._runtime.deadlines
        if self._runtime.usage.begins_to_leave():
            deadlines.stop_by(time.monotonic() + self._runtime.longest_run)
        else:
            count = self._signals.came()
            if count > _SIGNALS_TO_LET_GO:
                signal.signal(signum, signal.SIG_DFL)
                signal.raise_signal(signum)
            deadlines.stop_by(time.monotonic() + (self._time_to_stop if count == 1 else 0))
        alarm.hasten(deadlines.stop)
        self._runtime.stopping = True
        self._stop_requested = True
        if self._phase == "starting":
            self._phase = "ending"
            raise Terminated(128 + signum)
        if self._phase == "working" and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
