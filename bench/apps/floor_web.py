"""The floor: a bare Starlette route that answers 202 and reads nothing."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def receive(_request: Request) -> Response:
    """Answer."""
    return Response(status_code=202)


app = Starlette(routes=[Route("/webhooks/seam", receive, methods=["POST"])])
