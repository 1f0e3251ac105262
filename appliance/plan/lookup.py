"""The step `lookup`: what a data source is asked about a caller, and what its answer means. Pure.

Nothing of an answer is believed: only the fields the plan names are looked at, each as the plan
says, in bounded length; a field that is missing or of another shape is left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from appliance.plan.parts import Level, Part, Slug

#: longest text that is taken of an answer
MAX_TEXT = 200
#: fields of one answer that are taken
MAX_TAKES = 16

Pointer = Annotated[str, msgspec.Meta(pattern=r"^(/[^/]*){1,8}$(?!\n)", max_length=200)]
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAMES = frozenset({"caller", "called", "contact"})
_DIGITS = "digits."


class TakeName(Part, frozen=True, kw_only=True, tag_field="as", tag="name"):
    """The caller's name, as the agent sees it."""

    field: Pointer


class TakeClass(Part, frozen=True, kw_only=True, tag_field="as", tag="class"):
    """The class of service, which is the contact's priority."""

    field: Pointer
    #: what is found -> class; empty: what is found is its name
    values: dict[str, Slug] = msgspec.field(default_factory=dict)


class TakeSkill(Part, frozen=True, kw_only=True, tag_field="as", tag="skill"):
    """A skill that the contact needs."""

    field: Pointer
    #: what is found -> skill; empty: what is found is its name
    values: dict[str, Slug] = msgspec.field(default_factory=dict)
    level: Level = 1


class TakeAgent(Part, frozen=True, kw_only=True, tag_field="as", tag="agent"):
    """The agent that the contact is for, as long as its queue's `named_s`."""

    field: Pointer
    #: what is found -> agent; empty: what is found is the name
    values: dict[str, Slug] = msgspec.field(default_factory=dict)


class TakeData(Part, frozen=True, kw_only=True, tag_field="as", tag="data"):
    """Something that the agent is to see."""

    field: Pointer
    #: what it is called
    name: Slug
    #: it may stand in the ledger too, for years
    journal: bool = False


Take = TakeName | TakeClass | TakeSkill | TakeAgent | TakeData


class Lookup(Part, frozen=True, kw_only=True, tag_field="do", tag="lookup"):
    """Ask a data source about the caller by HTTP, and go on by what it knows."""

    #: with `{caller}`, `{called}`, `{contact}`, `{digits.NAME}` after the host
    url: Annotated[str, msgspec.Meta(max_length=1000)]
    method: Literal["GET", "POST"] = "GET"
    #: of a POST: fields of the JSON object that is sent, with placeholders
    body: dict[str, str] = msgspec.field(default_factory=dict)
    #: secret of the box's settings that proves who asks; empty: none
    secret: Annotated[
        str, msgspec.Meta(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$(?!\n)")
    ] = ""
    #: how long the answer may take [s]
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=5)] = 1.0
    #: what the caller hears meanwhile, over and over
    music: tuple[str, ...] = ("moh",)
    #: what is taken of the answer
    take: Annotated[tuple[Take, ...], msgspec.Meta(max_length=MAX_TAKES)] = ()
    #: step with the answer
    found: str
    #: step where nothing is known of the caller
    missing: str
    #: step where there is no answer that can be read in time
    failed: str


class Question(msgspec.Struct, frozen=True):
    """What is sent to a data source."""

    url: str
    method: str
    #: JSON object of a POST
    body: dict[str, str]
    secret: str
    timeout_s: float


class Taken(msgspec.Struct, kw_only=True):
    """What came of an answer."""

    klass: str = ""
    agent: str = ""
    skills: dict[str, int] = {}
    #: what the agent is to see; the caller's name is called `name`
    data: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return what was taken, without its values."""
        own = {"class": self.klass, "agent": self.agent, "skill": self.skills}
        return [word for word, value in own.items() if value] + sorted(self.data)


class Callee(msgspec.Struct, frozen=True):
    """Who is asked: scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int


class BadAnswerError(Exception):
    """Raised when an answer is not JSON that may mean something."""


def question(step: Lookup, facts: Mapping[str, str]) -> Question | None:
    """Return what is asked about a caller; None where a placeholder has no value."""
    if not all(_sayable(facts.get(name, "")) for name in placeholders(step)):
        return None
    url = _PLACEHOLDER.sub(lambda found: quote(facts[found[1]], safe=""), step.url)
    body = {
        field: _PLACEHOLDER.sub(lambda found: facts[found[1]], text)
        for field, text in step.body.items()
    }
    return Question(url, step.method, body, step.secret, step.timeout_s)


def facts_of(
    *, caller: str, called: str, contact: str, keys: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Return placeholder -> value; of digits pressed twice under one name the last count."""
    return {
        "caller": caller,
        "called": called,
        "contact": contact,
        **{_DIGITS + name: digits for name, digits in keys},
    }


def placeholders(step: Lookup) -> list[str]:
    """Return the names between braces, in URL and body."""
    return [
        name for text in (step.url, *step.body.values()) for name in _PLACEHOLDER.findall(text)
    ]


def callee(url: str) -> Callee | None:
    """Return who a URL asks; None where it is no http or https URL that says so plainly."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    if not port or not parts.hostname or "@" in parts.netloc or "{" in parts.netloc:
        return None
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    return Callee(parts.scheme, parts.hostname, port)


def _sayable(value: str) -> bool:
    """Tell whether a value may stand in a URL; dots alone would name another place there."""
    return bool(value.strip(".")) and len(value) <= MAX_TEXT


def faults(step: Lookup, digits: set[str]) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of what is wrong; *digits* are the names that flows collect."""
    if callee(step.url) is None:
        yield "url", f"{step.url!r} is no http or https URL with a host of its own"
    for field, text in (("url", step.url), *((f"body[{k}]", v) for k, v in step.body.items())):
        for name in _PLACEHOLDER.findall(text):
            if name not in _NAMES and name.removeprefix(_DIGITS) not in digits:
                yield field, f"nothing is called {{{name}}}"
        if set("{}") & set(_PLACEHOLDER.sub("", text)):
            yield field, "a brace that belongs to no name"
    if step.body and step.method == "GET":
        yield "body", "only a POST has one"


def read(step: Lookup, answer: bytes) -> Taken | None:
    """Return what is taken of an answer; None where nothing is known. Raises BadAnswerError."""
    try:
        found = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise BadAnswerError from None
    if found is None or found in ({}, []):
        return None
    if not isinstance(found, dict | list):
        raise BadAnswerError
    taken = Taken()
    for take in step.take:
        if text := _text(_at(found, take.field)):
            _put(taken, take, text)
    return taken


def _put(taken: Taken, take: Take, text: str) -> None:
    """Take *text* as what the plan says it is."""
    match take:
        case TakeName():
            taken.data["name"] = text
        case TakeData():
            taken.data[take.name] = text
        case TakeClass():
            taken.klass = _meant(take, text)
        case TakeAgent():
            taken.agent = _meant(take, text)
        case TakeSkill() if skill := _meant(take, text):
            taken.skills[skill] = max(take.level, taken.skills.get(skill, 0))


def _meant(take: TakeClass | TakeAgent | TakeSkill, text: str) -> str:
    return take.values.get(text, "") if take.values else text


def journalled(step: Lookup, taken: Taken) -> dict[str, str]:
    """Return the data that may stand in the ledger."""
    allowed = {take.name for take in step.take if isinstance(take, TakeData) and take.journal}
    return {name: text for name, text in taken.data.items() if name in allowed}


def _at(document: Any, pointer: str) -> Any:
    """Return what stands at a JSON pointer (RFC 6901 §4), or None."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isascii() and name.isdigit() and len(name) < 5:
            document = document[int(name)] if int(name) < len(document) else None
        else:
            return None
    return document


def _text(value: Any) -> str:
    """Return a plain value as text without control characters; nothing for all others."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) < 1 << 63:
            return str(value)
        case float():
            return repr(value)
        case str():
            return "".join(c for c in value[:MAX_TEXT] if c.isprintable()).strip()
    return ""
