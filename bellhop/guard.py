"""A program that ends the embedded Redis when nobody is left who needs it.

Standard input is a pipe whose other end `bellhop up` and the processes that it starts hold: it ends
with the last of them, even if that was killed. The argument is the number of an open connection to
the server. If that server is gone, the connection is, too, and another one on the same socket is
left alone.
"""

import socket
import sys
from contextlib import suppress


def main() -> None:
    """Wait for the end of the pipe, then ask the server to end. All it acknowledged is on disk."""
    sys.stdin.buffer.read()
    with socket.socket(fileno=int(sys.argv[1])) as server, suppress(OSError):
        server.sendall(b"SHUTDOWN NOSAVE\r\n")
        server.recv(1)


if __name__ == "__main__":
    main()
