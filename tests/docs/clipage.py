"""The text of `docs/cli.md`: what each command says of itself."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

from appliance.cli.entry import find_commands, main

#: wide enough for the longest option with its text, narrow enough for a page
WIDTH = 96


def page() -> str:
    """Return the help of `branchline` and all its subcommands as Markdown.

    In a process of its own, since typer looks at the environment once: no colours, no boxes.
    """
    environment = {
        **os.environ,
        "TYPER_USE_RICH": "0",
        "TERMINAL_WIDTH": str(WIDTH),
        "COLUMNS": str(WIDTH),
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.clipage"],
        env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def _page() -> str:
    parts = [_block("##", [])]
    for point in find_commands():
        parts += _blocks("##", [point.name])
    return "\n" + "\n".join(parts)


def _blocks(level: str, words: list[str]) -> Iterator[str]:
    """Yield a command's help, then that of its subcommands."""
    yield _block(level, words)
    for name in _subcommands(_help(tuple(words))):
        yield from _blocks(level + "#", [*words, name])


def _block(level: str, words: list[str]) -> str:
    title = " ".join(["branchline", *words])
    return f"{level} {title}\n\n```text\n{_help(tuple(words))}```\n"


@cache
def _help(words: tuple[str, ...]) -> str:
    """Return what `branchline … --help` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    lines = [line.rstrip() for line in printed.getvalue().strip().splitlines()]
    return "\n".join(lines) + "\n"


def _subcommands(text: str) -> list[str]:
    """Return the names below «Commands:»."""
    _, found, listed = text.partition("\nCommands:\n")
    if not found or text.startswith("Branchline:"):
        return []
    lines = listed.splitlines()
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(indents, default=0)
    return [
        line.split()[0]
        for line in lines
        if line.strip() and len(line) - len(line.lstrip()) == least
    ]


if __name__ == "__main__":
    sys.stdout.write(_page())
