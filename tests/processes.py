"""Processes of tests: ended in good order, or made to end."""

import subprocess


def end(process: subprocess.Popen[bytes] | None, *, patience_s: float = 10.0) -> None:
    """Ask *process* to end, then make it; one that has ended or never was is left alone."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
