"""A process that is told what to do on its stdin, a line each, and ends when that is closed."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self


class Child:
    """The process, as its parent sees it."""

    def __init__(self, command: list[str], *, end_s: float, folder: Path | None = None) -> None:
        """Start *command* in *folder*; at its end it has *end_s* to go by itself."""
        self._end_s = end_s
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )

    @property
    def pid(self) -> int:
        """Return the process's id."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Tell it what to do."""
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Return the line it says next."""
        assert self._process.stdout
        return self._process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(self._end_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
