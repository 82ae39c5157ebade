"""`python -m bench.apps.several N PROGRAM …`: runs a program N times, until one of them ends."""

import subprocess
import sys
import time


def main() -> None:
    """Run them."""
    count, program = int(sys.argv[1]), sys.argv[2:]
    processes = [subprocess.Popen(program) for _ in range(count)]
    while all(process.poll() is None for process in processes):
        time.sleep(0.2)
    sys.exit("one of them ended")


if __name__ == "__main__":
    main()
