"""The machine under a bench: what it is, and what the processes on it use."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """Return processor, number of cores and kernel."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}"


def commit() -> str:
    """Return the commit under test; `+` when the tree differs from it."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=here, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def cpu_s(pids: Sequence[int]) -> float:
    """Return the CPU time that processes have used so far, user and system."""
    return sum(_cpu_ticks(pid) for pid in pids) * _TICK_S


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def rss_kb(pids: Sequence[int]) -> int:
    """Return the memory that processes have in RAM."""
    return sum(_rss_kb(pid) for pid in pids)


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


@dataclass(frozen=True, slots=True)
class Moment:
    """Clocks read at one moment, to be subtracted from those of a later one."""

    t_s: float
    ours_s: float
    busy_s: float
    steal_s: float

    @classmethod
    def now(cls, pids: Sequence[int]) -> Self:
        """Read the clocks; *pids* are the processes under test."""
        # user nice system idle iowait irq softirq steal (proc(5))
        row = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        user, nice, system, _, _, irq, softirq, steal = row
        busy = user + nice + system + irq + softirq
        return cls(time.monotonic(), cpu_s(pids), busy * _TICK_S, steal * _TICK_S)


@dataclass(frozen=True, slots=True)
class Window:
    """What was used between two moments."""

    seconds: float
    #: CPU time of the processes under test
    ours_s: float
    #: share of the whole machine's time [%]
    busy_percent: float
    steal_percent: float

    @classmethod
    def between(cls, begin: Moment, end: Moment) -> Self:
        """Return the difference."""
        seconds = end.t_s - begin.t_s
        whole_s = seconds * (os.cpu_count() or 1) / 100
        return cls(
            seconds,
            end.ours_s - begin.ours_s,
            (end.busy_s - begin.busy_s) / whole_s,
            (end.steal_s - begin.steal_s) / whole_s,
        )

    @property
    def core_percent(self) -> float:
        """Share of one core that the processes under test used."""
        return 100 * self.ours_s / self.seconds


def compiled(source: str, folder: Path, *libraries: str) -> Path:
    """Compile a C helper of this folder, with *libraries* or sources; return the program."""
    program = folder / Path(source).stem
    command = ["gcc", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
    subprocess.run([*command, str(Path(__file__).parent / source), *libraries], check=True)
    return program


@contextmanager
def load_apart() -> Iterator[int]:
    """Keep this process and its children on the last core; give a core for what is measured."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("a bench needs two cores: one for what is measured, one for the load")
    os.sched_setaffinity(0, {cores[-1]})
    try:
        yield cores[0]
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start the processes of this block on *core*."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
