# One image for all of Bellhop: its command is `up` (everything), `receiver` or `worker`.
#
#   docker build -t bellhop .
#   docker run --init --read-only --tmpfs /tmp -v bellhop:/app/.bellhop -p 8000:8000 bellhop
#
# Your handlers, and what they need (or mount them at /app/handlers):
#
#   FROM bellhop
#   USER root
#   RUN pip install --no-cache-dir twilio && rm -r handlers
#   USER 10001:10001
#   COPY handlers handlers

# Pinned and renewed by scripts/pin-images.
ARG PYTHON_IMAGE=docker.io/library/python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${PYTHON_IMAGE} AS builder

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN ["python", "-m", "venv", "/opt/venv"]
WORKDIR /src
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE bellhop_launch.py ./
COPY bellhop bellhop
COPY receiver receiver
COPY workers workers
# What only the build needed goes again; `pip check` tells if something else came to need it.
RUN python -m pip --python /opt/venv/bin/python install --no-compile --no-deps --no-build-isolation . \
    && python -m pip --python /opt/venv/bin/python uninstall --yes \
        editables hatchling packaging pathspec pluggy tomlkit trove-classifiers \
    && python -m pip --python /opt/venv/bin/python check


FROM ${PYTHON_IMAGE}

WORKDIR /app
RUN groupadd --gid 10001 bellhop \
    && useradd --uid 10001 --gid bellhop --no-create-home --home-dir /app \
        --shell /usr/sbin/nologin bellhop \
    && install --directory --owner=bellhop --group=bellhop --mode=700 /app/.bellhop
COPY --from=builder /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# A user who may not write would compile at every start what has no byte code. The slim image has none of
# the standard library. That of /opt/venv is made here, since it counts only for a file of the same time,
# and buildah rounds the times of what it copies.
RUN ["python", "-m", "compileall", "-q", "-x", "^/usr/local/.*/site-packages/", "/usr/local/lib", "/opt/venv/lib"]
COPY handlers handlers

ENV BELLHOP_HOST=0.0.0.0 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
# Where `up` keeps its Redis and its signing secret.
VOLUME ["/app/.bellhop"]
STOPSIGNAL SIGTERM

# `up` and `receiver` are asked whether they take events. A worker serves no HTTP:
# its Redis is asked instead, as /health/ready does; the pool itself replaces workers that die.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["python", "-c", "\
import sys\n\
from bellhop.settings import load_settings\n\
settings = load_settings()\n\
if b'worker' in open('/proc/1/cmdline', 'rb').read().split(b'\\0'):\n\
    from bellhop.cli.state import reachable_redis, redis_url\n\
    sys.exit(not reachable_redis(redis_url(settings)).ping())\n\
from http.client import HTTPConnection\n\
from bellhop.cli.state import local_host\n\
connection = HTTPConnection(local_host(settings.host).strip('[]'), settings.port, timeout=5)\n\
connection.request('GET', '/health/ready')\n\
sys.exit(connection.getresponse().status != 200)\n\
"]

ENTRYPOINT ["bellhop"]
CMD ["up"]
