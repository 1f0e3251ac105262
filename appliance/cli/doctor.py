"""`branchline doctor`: is everything here that an appliance needs, and what to do if not."""

import typer
from rich.console import Console
from rich.text import Text

from appliance.base.errors import ConfigError
from appliance.cli.checks import Check, check_all
from appliance.cli.exits import EX_CONFIG, EX_UNAVAILABLE, printable
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from appliance.config.load import load_appliance

app = typer.Typer(add_completion=False, help="Is everything here that an appliance needs?")
console = Console(highlight=False)

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@app.callback(invoke_without_command=True)
def doctor(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check settings, ports, libraries, prompts, disk, clock and ledger.

    Each line says ok, warn or fail, and what to do. Ends with 0 unless something failed; with 78
    where the settings cannot be read. Nothing is changed; may be run beside the running box.
    """
    try:
        settings = load_appliance(config)
    except ConfigError as error:
        advice = "write it (docs/configuration.md has an example), or name another with --config"
        checks = [Check("settings", "fail", str(error), advice)]
        code = EX_CONFIG
    else:
        checks = [Check("settings", "ok", str(config)), *check_all(settings)]
        code = EX_UNAVAILABLE if any(check.level == "fail" for check in checks) else 0
    if as_json:
        print("[" + ", ".join(check.as_json() for check in checks) + "]")
    else:
        for check in checks:
            _print(check)
    raise typer.Exit(code)


def _print(check: Check) -> None:
    line = Text(f"{check.level:<4} ", _COLOURS[check.level])
    line.append(f"{check.name:<12} ", "bold")
    line.append(printable(check.found))
    console.print(line, soft_wrap=True)
    if check.level != "ok" and check.advice:
        console.print(Text(f"                  → {printable(check.advice)}"), soft_wrap=True)
