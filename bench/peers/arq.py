"""arq."""

from bench.peers.outside import PythonPeer
from bench.peers.peer import Job
from bench.processes import Command


class Arq(PythonPeer):
    """With as many jobs at a time as the others, and polling that does not hold it back."""

    key = "arq"
    name = "arq"
    settings = "uvloop; max_jobs 50; keep_result 0; poll_delay 0.1 s, queue_read_limit 1000"
    database = 7
    app = "arq_app"
    environment = "arq"
    share = 0.3

    def worker(self, job: Job, processes: int, concurrency: int) -> Command:
        program = [self.python, "-m", "bench.apps.arq_app"]
        return self.told(
            *(self.python, "-m", "bench.apps.several", str(processes), *program),
            job=job,
            concurrency=concurrency,
        )
