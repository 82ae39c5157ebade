"""FastAPI + svix + RQ."""

from bench.apps.rq_app import enqueue
from bench.apps.webhook import create_app

app = create_app(enqueue)
