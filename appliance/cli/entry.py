"""The `branchline` command: finds its subcommands by entry points, loads only what is asked."""

import ast
import difflib
import importlib
import importlib.metadata
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NoReturn

import typer

from appliance.cli.exits import EX_SOFTWARE, EX_USAGE

GROUP = "branchline.commands"

_HELP = """\
Branchline: the phone lines of many branches as one contact centre.

Usage: branchline COMMAND [ARGUMENTS]...
       branchline COMMAND --help

Commands:
{commands}

A box is set up in three steps:
  branchline doctor                                  is everything here that it needs?
  branchline appliance join --control … --token …    make it one of the fleet
  branchline telemetry tail                          watch it work
"""
#: what usage errors of a subcommand end with
_CLICK_USAGE = 2
_PREFIX = re.compile(r"`branchline[^`]*`:\s*")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; ends the process."""
    arguments = sys.argv[1:] if arguments is None else arguments
    commands = {point.name: point for point in find_commands()}
    name = arguments[0] if arguments else "--help"
    if name in {"--help", "-h", "help"}:
        print(help_text(commands.values()), end="")
        raise SystemExit(0 if arguments else EX_USAGE)
    if name in {"--version", "-V", "version"}:
        print(f"branchline {version()}")
        raise SystemExit(0)
    if name not in commands:
        print(_unknown(name, commands), file=sys.stderr)
        raise SystemExit(EX_USAGE)
    _run(commands[name], arguments[1:])


def find_commands() -> list[EntryPoint]:
    """Return the registered commands; from `pyproject.toml` where nothing is installed yet."""
    found = importlib.metadata.entry_points(group=GROUP)
    points = {point.name: point for point in found} or {
        name: EntryPoint(name, value, GROUP) for name, value in _from_source_tree().items()
    }
    return [points[name] for name in sorted(points)]


def version() -> str:
    """Return the version of the installed package."""
    try:
        return importlib.metadata.version("branchline")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def help_text(points: Iterable[EntryPoint]) -> str:
    """Return the help: one line for each command, none of which is imported for it."""
    lines = [f"  {point.name:<11} {summary(point)}" for point in points]
    return _HELP.format(commands="\n".join(lines) or "  (none is installed)")


def summary(point: EntryPoint) -> str:
    """Return the first line of a command's module, read without running the module."""
    try:
        spec = importlib.util.find_spec(point.module)
        if spec is None or not spec.origin:
            return "(not installed)"
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except (ImportError, OSError, SyntaxError, ValueError):
        return "(cannot be read)"
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    text = _PREFIX.sub("", first)
    return text[:1].upper() + text[1:]


def _from_source_tree() -> dict[str, str]:
    project = Path(__file__).parents[2] / "pyproject.toml"
    try:
        document = tomllib.loads(project.read_text(encoding="utf-8"))
        return dict(document["project"]["entry-points"][GROUP])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return {}


def _unknown(name: str, known: Iterable[str]) -> str:
    text = f"branchline: there is no command {name!r}"
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean «branchline {close[0]}»?" if close else "see «branchline --help»"
    return f"{text}; {hint}"


def _run(point: EntryPoint, arguments: list[str]) -> NoReturn:
    """Load a command and run it; usage errors end as sysexits.h has it."""
    try:
        app = point.load()
    except ImportError as error:
        print(f"branchline: {point.name} cannot be loaded: {error}", file=sys.stderr)
        print("Is everything installed? «branchline doctor» tells.", file=sys.stderr)
        raise SystemExit(EX_SOFTWARE) from None
    command = typer.main.get_command(app)
    try:
        command(arguments, prog_name=f"branchline {point.name}")
    except SystemExit as end:
        raise SystemExit(EX_USAGE if end.code == _CLICK_USAGE else end.code) from None
    raise SystemExit(0)
