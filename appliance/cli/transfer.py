"""`branchline transfer`: hand a caller of this box on to a queue, an agent, a site or a number."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.admin import ask
from appliance.cli.exits import printable, told
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from appliance.config.load import load_appliance

app = typer.Typer(add_completion=False)


class Place(StrEnum):
    """What becomes of the contact's place in a queue."""

    KEEP = "keep"
    WAITING_TIME_ONLY = "waiting-time-only"
    NEW = "new"


@app.command()
def transfer(
    contact: Annotated[str, typer.Argument(help="The contact, as `appliance status` shows it.")],
    target: Annotated[
        str,
        typer.Argument(help="`queue:NAME`, `agent:NAME`, `site:NAME`, or a number."),
    ] = "",
    consult: Annotated[
        bool, typer.Option("--consult", help="Let the agent talk with the target first.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Consulting: hand the caller over.")
    ] = False,
    back: Annotated[bool, typer.Option("--back", help="Consulting: back to the caller.")] = False,
    conference: Annotated[
        bool, typer.Option("--conference", help="Consulting: let all three talk.")
    ] = False,
    place: Annotated[
        Place | None, typer.Option(help="Its place in the queue; else as the plan says.")
    ] = None,
    note: Annotated[str, typer.Option(help="What the next agent should know.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hand a contact on, at once or after consultation, or take the next step of a consultation.

    Goes to the box where the caller came in; the agents may be anywhere. Ends with an error and a
    reason word when it cannot be.
    """
    steps = {"complete": complete, "back": back, "conference": conference}
    wanted = [do for do, asked in steps.items() if asked]
    if len(wanted) + bool(target) != 1:
        raise typer.BadParameter("give a target, or one of --complete, --back, --conference")
    do = wanted[0] if wanted else "consult" if consult else "blind"
    with told("transfer"):
        answer = ask(
            Path(load_appliance(config).state_dir),
            "transfer",
            contact=contact,
            how=do,
            target=target,
            place=place.value if place else "",
            note=note,
        )
    print(json.dumps(answer) if as_json else printable(f"{contact}: {do} {target}".rstrip()))
