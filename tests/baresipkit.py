"""baresip for tests: a real soft-phone that speaks a WAV file and writes down what it hears."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from tests.audio import read_wav
from tests.ports import free_port
from tests.processes import end

MODULES = Path("/usr/lib/baresip/modules")
#: a phone that is left alone ends itself [s]
LIMIT_S = 90

_CONFIG = """\
module_path {modules}
module stdio.so
module g711.so
{modules_more}module aufile.so
module sndfile.so
module_app account.so
module_app menu.so
sip_listen {address}:{port}
net_interface {address}
audio_source aufile,{says}
audio_player aufile,/dev/null
audio_alert none,none
ring_aufile none
audio_srate 8000
audio_channels 1
snd_path {folder}
rtp_ports {first}-{last}
{more}
"""


class Baresip:
    """One running baresip; *says* is a WAV of 8 kHz, mono, 16 bits.

    *modules* are loaded beside G.711's, *config* is more of its configuration; with *keys* digits
    can be pressed on it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        address: str,
        port: int,
        account: str,
        says: Path,
        dial: str = "",
        modules: Sequence[str] = (),
        config: str = "",
        keys: bool = False,
    ) -> None:
        self._folder = folder
        self._keys = (address, free_port(address)) if keys else None
        self._log = folder / "baresip.log"
        folder.mkdir(parents=True, exist_ok=True)
        first = 10_000 + port % 20_000
        if self._keys is not None:
            there = f"{self._keys[0]}:{self._keys[1]}"
            config += f"module_app ctrl_tcp.so\nctrl_tcp_listen {there}\n"
        (folder / "config").write_text(
            _CONFIG.format(
                modules=MODULES, address=address, port=port, says=says, folder=folder,
                first=first, last=first + 20, more=config,
                modules_more="".join(f"module {name}.so\n" for name in modules),
            )
        )  # fmt: skip
        (folder / "accounts").write_text(account + "\n")
        command = ["baresip", "-f", str(folder), "-t", str(LIMIT_S), "-v"]
        if dial:
            command += ["-e", f"/dial {dial}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self._log.read_text(errors="replace")

    def press(self, digits: str) -> None:
        """Send digits as telephone events (RFC 4733), one after the other."""
        assert self._keys is not None
        order = json.dumps({"command": "sndcode", "params": digits})
        with socket.create_connection(self._keys, timeout=5) as control:
            control.sendall(f"{len(order)}:{order},".encode())
            control.settimeout(5)
            while b'"response":true' not in (answer := control.recv(4096)):
                assert answer, "the phone has closed its control socket"

    def heard_s(self) -> float:
        """Return how much it has heard so far [s]; the files are whole only once it has ended."""
        return sum(path.stat().st_size for path in self._folder.glob("dump-*-dec.wav")) / 16_000

    def heard(self) -> npt.NDArray[np.int16]:
        """Return what it has heard in its calls; to be asked after the end."""
        dumps = sorted(self._folder.glob("dump-*-dec.wav"))
        parts = [read_wav(path)[:, 0] for path in dumps]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def close(self) -> None:
        """End it; calls are hung up."""
        end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def wait_for(what: str, ready: Callable[[], object], *, limit_s: float = 30.0) -> None:
    """Wait until *ready* is true, or fail with *what* did not come."""
    end = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < end, f"{what} did not come within {limit_s:.0f} s"
        time.sleep(0.05)
