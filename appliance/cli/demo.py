"""`branchline demo`: the whole product on loopback, and calls placed into it."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.panel import Panel

from appliance.cli.demoset import GSM_NUMBER, MENU_NUMBER, QUEUE_NUMBER, Places, write
from appliance.cli.supervisor import Supervisor, branchline

app = typer.Typer(
    help="The whole product on this machine: control, hub, two branches and their callers.",
    no_args_is_help=True,
)
console = Console()

#: log-in of the demo's pages; the demo listens on loopback only
USER, PASSWORD = "admin", "branchline-demo"
FOLDER = Path(".run")
#: how long each part may take to come up [s]
PATIENCE_S = 60.0


@app.command()
def run(
    bind: Annotated[
        str, typer.Option(help="Address of the web pages and of the first branch.")
    ] = "127.0.0.1",
    second: Annotated[str, typer.Option(help="Address of the second branch.")] = "127.0.0.2",
    folder: Annotated[Path, typer.Option(help="Where everything is kept.")] = FOLDER,
) -> None:
    """Start everything, say how to call it, and keep it running until Ctrl-C."""
    places = Places(folder.absolute(), bind, second)
    supervisor = Supervisor(places.folder / "logs", console.print)

    def ask_to_end(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ask_to_end)
    try:
        _bring_up(places, supervisor)
        console.print(_how_to_call(places))
        supervisor.watch()
    except KeyboardInterrupt:
        console.print("\nending the calls and stopping")
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        console.print(f"[red]the demo could not start:[/] {error}")
        console.print(f"logs are in {places.logs}")
        raise typer.Exit(69) from None
    finally:
        supervisor.stop()


@app.command()
def call(
    from_number: Annotated[
        str, typer.Option("--from", help="Number that the caller shows.")
    ] = "+33612345678",
    press: Annotated[str, typer.Option(help="Key to press in the menu.")] = "1",
    after_s: Annotated[float, typer.Option(help="When to press it, after the answer [s].")] = 4.0,
    talk_s: Annotated[float, typer.Option(help="Hang up after this long [s].")] = 30.0,
    record: Annotated[str, typer.Option(help="Write what the caller hears to this WAV.")] = "",
    folder: Annotated[Path, typer.Option(help="The running demo's folder.")] = FOLDER,
) -> None:
    """Place a call through the pretend GSM modem of the first branch, and watch it."""
    from drivers.errors import DriverError
    from drivers.sim.client import place_call

    places = Places(folder.absolute(), "")
    started = time.monotonic()
    try:
        for event in place_call(
            places.modem,
            from_number,
            say=str(places.prompts / "demo-hello.wav"),
            press=press,
            press_after_s=after_s,
            talk_s=talk_s,
            record=record,
        ):
            _show(time.monotonic() - started, event)
    except DriverError as error:
        console.print(f"[red]{error}[/]\nIs the demo running? Start it with: make run")
        raise typer.Exit(69) from None


def _show(seconds: float, event: dict[str, object]) -> None:
    """Print one thing that happened to a call."""
    what = str(event.get("event"))
    rest = ", ".join(f"{key} {value}" for key, value in event.items() if key != "event")
    console.print(f"{seconds:6.1f} s  [bold]{what}[/]  {rest}")


# -- bringing it up ----------------------------------------------------------------------------


def _bring_up(places: Places, supervisor: Supervisor) -> None:
    """Start all parts in the order in which they need each other."""
    control = ("--config", str(places.control))
    with console.status("writing settings and speaking prompts"):
        write(places)
    fresh = not (places.folder / "secrets.txt").exists()
    with console.status("control: keys, database, plan"):
        _command("control", "init", *control, "--user", USER, "--password", PASSWORD)
        if fresh:
            _command("control", "import-plan", str(places.plan), *control)
    with console.status("control: pages, hub and intake"):
        supervisor.start("hub", "control", "hub", *control)
        supervisor.start("intake", "control", "intake", *control)
        supervisor.start("web", "control", "web", *control)
        _wait("the pages", lambda: _answers(_url(places)), supervisor)
    secrets = _secrets(places, control, fresh=fresh)
    supervisor.start("modem", "sim", "modem", "sim7600", "--dir", str(places.modem))
    _wait("the pretend modem", (places.modem / "at").exists, supervisor)
    for name in ("north", "south"):
        with console.status(f"branch {name}: joining control"):
            _join(places, name, control)
            config = ("--config", str(places.appliance(name)))
            supervisor.start(f"legs-{name}", "legs", "run", *config)
            supervisor.start(f"brain-{name}", "appliance", "run", *config)
            _wait(f"branch {name}", lambda: _ready(config), supervisor)  # noqa: B023
    if fresh:
        _command("control", "publish", *control)
    _start_robots(places, supervisor, secrets)
    with console.status("robot agents: logging in"):
        south = ("--config", str(places.appliance("south")))
        _wait("the robots", lambda: '"seats": 2' in _status(south), supervisor)


def _secrets(places: Places, control: tuple[str, ...], *, fresh: bool) -> dict[str, str]:
    """Return the phones' secrets: made at the first start, kept beside the settings."""
    path = places.folder / "secrets.txt"
    if fresh:
        lines = []
        for agent in ("robot-1", "robot-2", "you"):
            told = _command("control", "agent-secret", agent, *control)
            lines.append(f"{agent} {_field(told, 'secret')}")
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(pairs)


def _field(text: str, name: str) -> str:
    """Return the word after *name* at the beginning of a line."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == [name]:
            return words[1]
    raise RuntimeError(f"no {name} in: {text}")


def _join(places: Places, name: str, control: tuple[str, ...]) -> None:
    """Join a branch to control, unless it has joined before."""
    if (places.folder / name / "identity" / "identity.json").exists():
        return
    token = _command(
        "control", "token", "--site", name, "--name", name, "--auto-approve", *control
    ).split()[-1]
    config = str(places.appliance(name))
    _command("appliance", "join", "--config", config, "--control", _url(places), "--token", token)


def _start_robots(places: Places, supervisor: Supervisor, secrets: dict[str, str]) -> None:
    accounts = []
    for robot in ("robot-1", "robot-2"):
        accounts += ["--account", robot, "--secret", secrets[robot]]
    supervisor.start(
        "robots", "legs", "phone", *accounts,
        "--registrar", f"{places.second}:5060", "--address", places.second, "--port", "5070",
        "--says", str(places.prompts / "demo-agent.wav"),
    )  # fmt: skip


def _command(*arguments: str) -> str:
    """Run one of our own commands to its end and return what it printed."""
    done = subprocess.run(
        [*branchline(), *arguments], capture_output=True, text=True, timeout=PATIENCE_S
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"{' '.join(arguments[:2])}: {said[-1] if said else 'failed'}")
    return done.stdout


def _status(config: tuple[str, ...]) -> str:
    """Return the brain's status as JSON text, or nothing while it does not answer."""
    arguments = [*branchline(), "appliance", "status", "--json", *config]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.stdout if done.returncode == 0 else ""


def _ready(config: tuple[str, ...]) -> bool:
    return '"legs_up": true' in _status(config)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v1/health", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait(what: str, ready: Callable[[], bool], supervisor: Supervisor) -> None:
    """Wait until *ready*; raise RuntimeError when a process dies or it takes too long."""
    end = time.monotonic() + PATIENCE_S
    while not ready():
        supervisor.check()
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come up within {PATIENCE_S:.0f} s")
        time.sleep(0.2)


def _url(places: Places) -> str:
    host = "localhost" if places.bind == "127.0.0.1" else places.bind
    return f"http://{host}:8080"


def _how_to_call(places: Places) -> Panel:
    secret = _secrets(places, (), fresh=False)["you"]
    host = "localhost" if places.bind == "127.0.0.1" else places.bind
    text = f"""\
[bold]Watch[/]   {_url(places)}/live   log in as [bold]{USER}[/], password [bold]{PASSWORD}[/]
[bold]Call[/]    sip:{MENU_NUMBER}@{host} (menu) or sip:{QUEUE_NUMBER}@{host} (queue) by SIP
[bold]Mobile[/]  .venv/bin/branchline demo call --press 1
        a call to {GSM_NUMBER} through the pretend GSM modem of branch north
[bold]Answer[/]  register a phone at {host}:5060, user [bold]you[/], password [bold]{secret}[/]
[bold]Listen[/]  .venv/bin/branchline telemetry tail --address tcp://{places.bind}:7402

Callers enter at branch north; two robot agents sit in branch south.
Logs are in {places.logs}. Ctrl-C stops everything."""
    return Panel(text, title="Branchline is running", expand=False)


if __name__ == "__main__":
    sys.exit(app())
