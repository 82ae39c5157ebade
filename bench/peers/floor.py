"""The floor of intake: what the server itself costs."""

from bench.peers.outside import PythonPeer


class Floor(PythonPeer):
    """A bare Starlette route that answers 202 and reads nothing."""

    key = "floor"
    name = "bare Starlette, 202"
    settings = "verifies nothing, keeps nothing; uvicorn[standard]: uvloop, httptools"
    database = 1
    app = "floor_app"
    most_a_second = 30_000
