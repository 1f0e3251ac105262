"""Janus with one AudioBridge room, whose participants speak plain RTP; driven over its socket."""

import json
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.baresipkit import wait_for
from tests.processes import end

_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")
_PLUGIN = "libjanus_audiobridge.so"
_TRANSPORT = "libjanus_pfunix.so"
_ROOM = 1
#: how long an answer may take, and the first one [s]
_PATIENCE_S = 20.0
_FIRST_S = 1.0

_CONFIG = """\
general: {{
  configs_folder = "{folder}"
  plugins_folder = "{libraries}/plugins"
  transports_folder = "{libraries}/transports"
  events_folder = "{folder}/none"
  loggers_folder = "{folder}/none"
  debug_level = 2
  debug_colors = false
  session_timeout = 0
  interface = "127.0.0.1"
}}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
_SOCKET_CONFIG = """\
general: {{ enabled = true
  json = "compact"
  path = "{folder}/api"
  type = "SOCK_SEQPACKET" }}
"""
_BRIDGE_CONFIG = """\
general: { events = false
  rtp_port_range = "40000-59999"
  local_ip = "127.0.0.1" }
"""


class Janus:
    """One Janus, pinned to *core*, with a room of *rate_hz*."""

    def __init__(self, core: int, rate_hz: int) -> None:
        self._core = core
        self._rate_hz = rate_hz
        self._folder = tempfile.TemporaryDirectory(prefix="bench-janus-")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        self._session = self._asked = 0

    def __enter__(self) -> Self:
        self._configure(Path(self._folder.name))
        try:
            wait_for("janus", self._started)
            self._make_room()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sock.close()
        end(self._process)
        self._folder.cleanup()

    def _make_room(self) -> None:
        room = {
            "request": "create",
            "room": _ROOM,
            "sampling_rate": self._rate_hz,
            "allow_rtp_participants": True,
            "audiolevel_ext": False,
            "audiolevel_event": False,
        }
        self._message(self._handle(), room)

    def _started(self) -> bool:
        """Start it unless it runs, and open a session.

        Its socket's thread may run before the transport counts as initialised, and gives up then;
        Janus ends at that and has to be started once more.
        """
        folder = Path(self._folder.name)
        if self._process is None or self._process.poll() is not None:
            command = ["taskset", "-c", str(self._core), "janus", "-F", str(folder)]
            with (folder / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    [*command, "-C", str(folder / "janus.jcfg")],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        self._sock.close()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock.settimeout(_FIRST_S)
        try:
            self._sock.connect(str(folder / "api"))
            self._session = self._ask("create")["data"]["id"]
        except (OSError, ValueError):
            return False
        self._sock.settimeout(_PATIENCE_S)
        return True

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process
        return self._process.pid

    def join(self, ports: Sequence[int], talkers: int, **options: Any) -> list[int]:
        """Let one participant for each of *ports* in; return where each one's sound goes.

        All but the first *talkers* are muted.
        """
        return [
            self._join(port, muted=number >= talkers, **options)
            for number, port in enumerate(ports)
        ]

    def _join(self, port: int, **options: Any) -> int:
        rtp = {"ip": "127.0.0.1", "port": port, "payload_type": 111}
        join = {"request": "join", "room": _ROOM, "rtp": rtp, **options}
        found = self._message(self._handle(), join)
        assert found.get("audiobridge") == "joined", found
        return int(found["rtp"]["port"])

    def _handle(self) -> int:
        found = self._ask("attach", plugin="janus.plugin.audiobridge")
        return int(found["data"]["id"])

    def _message(self, handle: int, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("message", handle_id=handle, body=body)
        answer: dict[str, Any] = found["plugindata"]["data"]
        return answer

    def _ask(self, what: str, **fields: Any) -> dict[str, Any]:
        """Return the answer to a request; events about others are passed over."""
        self._asked += 1
        name = str(self._asked)
        whole = {"janus": what, "transaction": name, **fields}
        if self._session:
            whole["session_id"] = self._session
        self._sock.send(json.dumps(whole).encode())
        while True:
            answer: dict[str, Any] = json.loads(self._sock.recv(1 << 20))
            if answer.get("transaction") == name and answer["janus"] != "ack":
                return answer

    @staticmethod
    def _configure(folder: Path) -> None:
        words: dict[str, object] = {"folder": folder, "libraries": _LIBRARIES}
        for kind, kept in (("plugins", _PLUGIN), ("transports", _TRANSPORT)):
            names = {path.name for path in (_LIBRARIES / kind).glob("*.so")} - {kept}
            words[kind] = ",".join(sorted(names))
        (folder / "janus.jcfg").write_text(_CONFIG.format(**words))
        (folder / "janus.transport.pfunix.jcfg").write_text(_SOCKET_CONFIG.format(**words))
        (folder / "janus.plugin.audiobridge.jcfg").write_text(_BRIDGE_CONFIG)
