"""The web server: gunicorn with threads, in one process, started by `branchline control web`."""

import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from appliance.base.errors import ConfigError
from control.parts import ControlParts
from control.settings import ControlSettings
from control.web.app import create_app

#: at the end live pages notice within a second and reconnect elsewhere [s]
_GRACE_S = 3


class _Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn configured by our settings instead of a file."""

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        chosen = {
            "bind": f"{_host(settings.web_address)}:{settings.web_port}",
            "worker_class": "gthread",
            # one process: the lockout and the number of open feeds are counted in memory
            "workers": 1,
            "threads": settings.web_threads,
            "graceful_timeout": _GRACE_S,
            "timeout": 60,
            "keepalive": 5,
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "accesslog": None,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "branchline-web",
            "post_worker_init": _watch,
        }
        for name, value in chosen.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)


def serve(settings: ControlSettings) -> None:
    """Serve the pages until SIGTERM or Ctrl-C; raise ConfigError before anything is bound."""
    ControlParts.open(settings).close()
    _check_port(settings)
    _Server(settings).run()


def _host(address: str) -> str:
    """Return an address as it stands before a port (RFC 3986 §3.2.2)."""
    return f"[{address}]" if ":" in address else address


def _check_port(settings: ControlSettings) -> None:
    """Say at once that the port is taken; gunicorn would try again and again."""
    with socket.socket(
        socket.AF_INET6 if ":" in settings.web_address else socket.AF_INET
    ) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.web_address, settings.web_port))
        except OSError as error:
            place = f"web_address {settings.web_address}, web_port {settings.web_port}"
            raise ConfigError("port-busy", f"{place}: {error.strerror}") from error


def _watch(worker: Any) -> None:
    """Let open feeds see that the worker is told to stop."""
    application: Flask = worker.wsgi
    application.extensions["branchline"].stopping = lambda: not worker.alive
