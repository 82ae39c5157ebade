"""Real proxies before the receiver, each with one connection to it that all clients share."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.receiver.conftest import eventually
from tests.required import program

_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/errors; worker_processes 1; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  upstream bellhop {{ server 127.0.0.1:{upstream}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://bellhop;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""

_HAPROXY = """
global
  maxconn 64
defaults
  mode http
  timeout connect 30s
  timeout client 30s
  timeout server 30s
  http-reuse always
listen bellhop
  bind 127.0.0.1:{port}
  server receiver 127.0.0.1:{upstream} maxconn 1
"""

_CADDY = """
{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{upstream} {{
    transport http {{
      max_conns_per_host 1
    }}
  }}
}}
"""


class Proxy:
    """A proxy on a port of its own."""

    def __init__(self, name: str, upstream: int, folder: Path) -> None:
        path, configuration, arguments = _PROXIES[name]()
        self.port = _free_port()
        file = folder / "configuration"
        file.write_text(
            configuration.format(
                port=self.port,
                upstream=upstream,
                folder=folder,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [path, *(argument.format(file=file) for argument in arguments)],
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(self._listens)
        except BaseException:
            self.end()
            raise

    def connect(self) -> socket.socket:
        """Return a client's connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def end(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        assert self._process.poll() is None, "the proxy ended"
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


_PROXIES: dict[str, Callable[[], tuple[str, str, list[str]]]] = {
    "nginx": lambda: (
        program("nginx", "nginx"),
        _NGINX,
        ["-e", "stderr", "-c", "{file}"],
    ),
    "haproxy": lambda: (program("haproxy", "haproxy"), _HAPROXY, ["-db", "-f", "{file}"]),
    "caddy": lambda: (
        program("caddy", "caddy"),
        _CADDY,
        ["run", "--adapter", "caddyfile", "--config", "{file}"],
    ),
}

PROXIES = list(_PROXIES)
