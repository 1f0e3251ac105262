"""Runs the demo's processes: starts them in order, starts again what dies, stops in reverse."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

#: a process that dies is started again after this [s]; systemd does the same on an appliance
RESTART_S = 0.2
#: a process that dies this often within a minute is left dead
MAX_RESTARTS = 10
#: time to end by itself before it is killed [s]
STOP_S = 6.0


class Child:
    """One supervised process; its output goes to a log file of its own."""

    def __init__(self, name: str, arguments: Sequence[str], logs: Path) -> None:
        self.name = name
        self.arguments = list(arguments)
        self.log = logs / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths: list[float] = []

    def start(self) -> None:
        """Start, or start again."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Keeps the children of one demo alive."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self._children: list[Child] = []
        self._stopping = threading.Event()

    def start(self, name: str, *arguments: str) -> Child:
        """Start `branchline ARGUMENTS` under *name* and keep it alive."""
        child = Child(name, [*branchline(), *arguments], self._logs)
        child.start()
        self._children.append(child)
        return child

    def watch(self) -> None:
        """Start again what dies, until `stop`."""
        while not self._stopping.wait(0.1):
            for child in self._children:
                self._look_after(child)

    def check(self) -> None:
        """Raise RuntimeError where a child has already died; used while starting up."""
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                tail = child.log.read_text(errors="replace").strip().splitlines()[-3:]
                raise RuntimeError(f"{child.name} ended: " + " / ".join(tail))

    def stop(self) -> None:
        """End all children, the last started first."""
        self._stopping.set()
        for child in reversed(self._children):
            child.stop()

    def _look_after(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        now = time.monotonic()
        child.deaths = [death for death in child.deaths if now - death < 60] + [now]
        if len(child.deaths) > MAX_RESTARTS:
            child.process = None
            self._say(f"{child.name} keeps dying and is left alone; see {child.log}")
            return
        self._say(f"{child.name} ended ({child.process.returncode}); starting it again")
        if not self._stopping.wait(RESTART_S):
            child.start()


def branchline() -> list[str]:
    """Return the command that is this program."""
    return [sys.executable, "-m", "appliance.cli"]
