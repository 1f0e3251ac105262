"""What the demo consists of: its folder, settings, plan and spoken prompts."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec

from appliance.plan.model import Agent, Enqueue, Flow, Menu, Number, Plan, Queue, Say

#: SIM7600's number in the demo
GSM_NUMBER = "+33123456789"
MENU_NUMBER = "100"
QUEUE_NUMBER = "200"

_SPOKEN = {
    "demo-welcome": "Welcome to Branchline.",
    "demo-menu": "For sales, press 1. For service, press 2.",
    "demo-hello": "Hello, I am calling about my order. Can you hear me?",
    "demo-agent": "Good day, you are talking to a robot agent of the second branch.",
}


class Places(NamedTuple):
    """Where the demo's parts are."""

    folder: Path
    #: address of the web pages and of the first branch
    bind: str
    #: address of the second branch
    second: str = "127.0.0.2"

    @property
    def control(self) -> Path:
        """Return control's settings file."""
        return self.folder / "control.toml"

    def appliance(self, name: str) -> Path:
        """Return the settings file of branch `north` or `south`."""
        return self.folder / f"{name}.toml"

    @property
    def plan(self) -> Path:
        """Return the plan that control imports."""
        return self.folder / "plan.json"

    @property
    def prompts(self) -> Path:
        """Return the folder of spoken prompts."""
        return self.folder / "prompts"

    @property
    def modem(self) -> Path:
        """Return the folder of the pretend modem's two ports."""
        return self.folder / "modem"

    @property
    def logs(self) -> Path:
        """Return the folder of the processes' logs."""
        return self.folder / "logs"


def demo_plan() -> Plan:
    """Return a plan that shows a menu, two queues and two robots in the other branch."""
    menu = Flow(
        name="front-door",
        start="welcome",
        steps={
            "welcome": Say(prompts=("demo-welcome",), next="menu"),
            "menu": Menu(
                prompts=("demo-menu",),
                choices={"1": "sales", "2": "service"},
                timeout_s=5.0,
                otherwise="sales",
            ),
            "sales": Enqueue(queue="sales"),
            "service": Enqueue(queue="service"),
        },
    )
    return Plan(
        numbers=(
            Number(number=MENU_NUMBER, title="Front door", flow="front-door"),
            Number(number=QUEUE_NUMBER, title="Sales, without a menu", queue="sales"),
            Number(number=GSM_NUMBER, title="Mobile line", flow="front-door", klass="gold"),
        ),
        queues=(
            Queue(name="sales", title="Sales", skills={"sales": 1}),
            Queue(name="service", title="Service", skills={"service": 1}),
        ),
        flows=(menu,),
        agents=(
            Agent(
                name="robot-1", title="Robot One", site="south", account="robot-1",
                skills={"sales": 8, "service": 3},
            ),
            Agent(
                name="robot-2", title="Robot Two", site="south", account="robot-2",
                skills={"service": 8, "sales": 3},
            ),
            Agent(
                name="you", title="You", site="north", account="you",
                skills={"sales": 10, "service": 10},
            ),
        ),
    )  # fmt: skip


def write(places: Places) -> None:
    """Write settings, plan and prompts; what people changed in the settings is kept."""
    for folder in (places.folder, places.prompts, places.logs, places.modem):
        folder.mkdir(parents=True, exist_ok=True)
    settings = {
        places.control: _control(places),
        places.appliance("north"): _north(places),
        places.appliance("south"): _south(places),
    }
    for path, text in settings.items():
        if not path.exists():
            path.write_text(text, encoding="utf-8")
    places.plan.write_bytes(msgspec.json.format(msgspec.json.encode(demo_plan())))
    for name, text in _SPOKEN.items():
        path = places.prompts / f"{name}.wav"
        if not path.exists():
            _speak(text, path)


def _speak(text: str, path: Path) -> None:
    """Write *text* as speech: 8 kHz, mono, 16 bits."""
    speech = subprocess.run(
        ["espeak-ng", "--stdout", text], check=True, timeout=30, capture_output=True
    )
    subprocess.run(
        ["sox", "-q", "-t", "wav", "-", "-r", "8000", "-c", "1", "-b", "16", str(path)],
        check=True,
        timeout=30,
        input=speech.stdout,
    )


def _control(places: Places) -> str:
    return f"""\
state_dir = "{places.folder / "control"}"
web_address = "{places.bind}"
hub_address = "{places.bind}"
telemetry_out_address = "{places.bind}"
"""


def _north(places: Places) -> str:
    return f"""\
name = "north"
site = "north"
state_dir = "{places.folder / "north"}"

[sip]
address = "{places.bind}"

[media]
prompt_dirs = {_prompt_dirs(places)}

[telemetry]
address = "{places.bind}"

# any soft-phone on this machine may call, as a provider's trunk would
[trunks.loopback]
host = "{places.bind}"
check_s = 0

[lines.gsm]
profile = "sim7600"
control = "{places.modem / "at"}"
audio = "{places.modem / "pcm"}"
number = "{GSM_NUMBER}"
"""


def _south(places: Places) -> str:
    return f"""\
name = "south"
site = "south"
state_dir = "{places.folder / "south"}"

[sip]
address = "{places.second}"

[media]
prompt_dirs = {_prompt_dirs(places)}

[telemetry]
address = "{places.second}"
"""


def _prompt_dirs(places: Places) -> str:
    sounds = "/usr/share/asterisk"
    folders = [str(places.prompts), f"{sounds}/sounds/en_US_f_Allison", f"{sounds}/moh"]
    return "[" + ", ".join(f'"{folder}"' for folder in folders) + "]"
