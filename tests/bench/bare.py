"""A relay that only receives and sends: what the kernel asks of anyone with these sockets."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.bench.machine import compiled
from tests.processes import end
from tests.spine.branch import loopback

_MEDIA = Path(__file__).parents[2] / "cext" / "media"
_INCLUDES = ("-D_GNU_SOURCE", f"-I{_MEDIA}", f"-I{_MEDIA.parent / 'include'}")


class Bare:
    """The process; `bare.c` says what it does."""

    def __init__(
        self, folder: Path, core: int, way: Literal["batched", "plain"], far: str, first: int,
        calls: int,
    ) -> None:  # fmt: skip
        sources = (str(_MEDIA / "uring.c"), str(_MEDIA / "address.c"))
        program = compiled("bare.c", folder, *_INCLUDES, *sources)
        #: where its legs hear
        self.address = loopback()
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), str(program), way, self.address, str(calls), far,
             str(first)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout
        self.ports = [int(word) for word in self._process.stdout.readline().split()]

    @property
    def pid(self) -> int:
        """Return the process's id."""
        return self._process.pid

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
        end(self._process)
