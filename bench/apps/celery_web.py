"""FastAPI + svix + Celery."""

from bench.apps.celery_app import task
from bench.apps.webhook import create_app

app = create_app(task.delay)
