"""How agents hand contacts on: star codes, targets by digits, the place, and who may go outside.

A target is written as text, in the plan, on the command line and on the link alike: `queue:sales`,
`agent:ann`, `site:south`, or a number outside.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from appliance.plan.parts import Part, Slug

#: what becomes of the contact's place: kept, with the time it has waited; a new place, but the
#: time it has waited still counts; or both new
PlaceRule = Literal["keep", "waiting-time-only", "new"]
TargetKind = Literal["queue", "agent", "site", "outside"]
Code = Annotated[str, msgspec.Meta(pattern=r"^\*[0-9]{1,3}$(?!\n)")]
Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}$(?!\n)")]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{0,15}$(?!\n)")]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"\+?[0-9]{1,32}")
_NAMED: dict[str, TargetKind] = {"queue": "queue", "agent": "agent", "site": "site"}


class Target(msgspec.Struct, frozen=True):
    """Where a contact is to go."""

    kind: TargetKind
    #: queue, agent or site; or the number outside
    name: str

    def __str__(self) -> str:
        """Return it as the plan writes it."""
        return self.name if self.kind == "outside" else f"{self.kind}:{self.name}"


class Transfers(Part, frozen=True, kw_only=True):
    """Rules and codes of transfers."""

    #: what becomes of the place, where the one who asks does not say
    place: PlaceRule = "keep"
    #: code, target and `#`: hand on at once; while consulting, without a target: complete it
    blind: Code = "*7"
    #: code, target and `#`: talk with the target first
    consult: Code = "*8"
    #: back to the caller
    back: Code = "*0"
    #: all three talk
    conference: Code = "*9"
    #: digits typed after a code -> target; other digits are a number of the plan, or one outside
    targets: dict[Digits, str] = msgspec.field(default_factory=dict)
    #: class of service -> how numbers outside begin that its contacts may be handed on to
    outside: dict[Slug, tuple[Prefix, ...]] = msgspec.field(default_factory=dict)
    #: trunk by which numbers outside are called, in the settings of the box that has the caller
    trunk: str = ""
    #: a number outside rings this long [s]
    ring_s: Annotated[float, msgspec.Meta(ge=1, le=120)] = 30.0

    def codes(self) -> dict[str, str]:
        """Return what each code asks for."""
        return {
            self.blind: "blind",
            self.consult: "consult",
            self.back: "back",
            self.conference: "conference",
        }

    def may_call(self, klass: str, number: str) -> bool:
        """Tell whether contacts of *klass* may be handed on to *number* outside."""
        return bool(self.trunk) and number.startswith(self.outside.get(klass) or ("x",))


def parse_target(text: str) -> Target | None:
    """Return the target that *text* means, or None where it means none."""
    kind, colon, name = text.partition(":")
    if colon:
        named = _NAMED.get(kind)
        return Target(named, name) if named and _NAME.fullmatch(name) else None
    return Target("outside", text) if _NUMBER.fullmatch(text) else None


def typed_target(rules: Transfers, numbers: Mapping[str, str], digits: str) -> Target | None:
    """Return what an agent means by *digits*; *numbers*: those of the plan, with their queues."""
    if digits in rules.targets:
        return parse_target(rules.targets[digits])
    if numbers.get(digits):
        return Target("queue", numbers[digits])
    return parse_target(digits)
