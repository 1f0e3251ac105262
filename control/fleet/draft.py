"""The plan as the tables have it now, and what it would change."""

from typing import Any, TypeVar

import msgspec
from sqlalchemy.orm import Session

from appliance.plan import model
from appliance.plan.hours import Calendar
from appliance.plan.parts import Part
from control.models import fleet
from control.models import plan as rows

_T = TypeVar("_T")


class DraftError(Exception):
    """Raised when a row cannot stand in a plan; *place* names it."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


class Remark(msgspec.Struct, frozen=True):
    """One thing that was found in the draft; an `error` stands against publishing it."""

    place: str
    reason: str
    message: str
    severity: str = "error"


class Change(msgspec.Struct, frozen=True):
    """One part of the plan that is new, gone or different."""

    place: str
    what: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """Return the fields that differ: (name, before, after)."""
        before, after = self.before or {}, self.after or {}
        names = list(dict.fromkeys([*before, *after]))
        return [
            (name, before.get(name), after.get(name))
            for name in names
            if before.get(name) != after.get(name)
        ]


def build_plan(session: Session, tenant: str, serial: int) -> model.Plan:
    """Return the tables as a plan; raise DraftError where a row cannot stand in one."""
    general = rows.options(session)
    document: dict[str, Any] = {
        "tenant": tenant,
        "serial": serial,
        "numbers": [_number(row) for row in rows.all_numbers(session)],
        "queues": [queue_entry(row) for row in rows.all_queues(session)],
        "flows": [_flow(row) for row in rows.all_flows(session)],
        "classes": [_class(row) for row in rows.all_classes(session)],
        "agents": [agent_entry(row) for row in rows.all_agents(session)],
        "sites": [
            _site(row) for row in fleet.all_sites(session) if row.title or row.region or row.rules
        ],
        "calendars": general.calendars,
        "default_class": general.default_class,
        "emergency_numbers": general.emergency_numbers,
        "transfers": general.transfers,
    }
    for part, kind in _PARTS.items():
        for entry in document[part]:
            _converted(entry, kind, _place(part, entry))
    return _converted(document, model.Plan, "plan")


def changes(old: model.Plan | None, new: model.Plan) -> list[Change]:
    """Return what *new* changes against *old*, part by part."""
    found: list[Change] = []
    for part in _PARTS:
        before = _by_place(old, part) if old else {}
        after = _by_place(new, part)
        for place in sorted({*before, *after}):
            one, other = before.get(place), after.get(place)
            if one != other:
                word = "added" if one is None else "removed" if other is None else "changed"
                found.append(Change(place, word, one, other))
    general, previous = _general(new), _general(old) if old else None
    if general != previous:
        found.append(Change("plan", "changed" if previous else "added", previous, general))
    return found


_PARTS: dict[str, type[Part]] = {
    "numbers": model.Number,
    "queues": model.Queue,
    "flows": model.Flow,
    "classes": model.ServiceClass,
    "agents": model.Agent,
    "sites": model.Site,
    "calendars": Calendar,
}
_GENERAL = ("default_class", "emergency_numbers", "transfers")


def _general(plan: model.Plan) -> dict[str, Any]:
    """Return what stands in no list, as plain data."""
    return {name: msgspec.to_builtins(getattr(plan, name)) for name in _GENERAL}


def _place(part: str, entry: dict[str, Any]) -> str:
    """Return how a part is called in messages, as `appliance.plan.checks` does."""
    return f"{part}[{entry['number' if part == 'numbers' else 'name']}]"


def _by_place(plan: model.Plan, part: str) -> dict[str, dict[str, Any]]:
    """Return the entries of one part as plain data."""
    entries = [msgspec.to_builtins(entry) for entry in getattr(plan, part)]
    return {_place(part, entry): entry for entry in entries}


def _converted(value: object, kind: type[_T], place: str) -> _T:
    """Return *value* as *kind*; raise DraftError with the place."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise DraftError(place, str(error)) from error


def _number(row: rows.Number) -> dict[str, Any]:
    return {
        **(row.rules or {}),
        "number": row.number,
        "title": row.title,
        "flow": row.flow or "",
        "queue": row.queue or "",
        "klass": row.klass,
    }


def queue_entry(row: rows.Queue) -> dict[str, Any]:
    """Return a queue as the plan writes it."""
    return {
        **(row.rules or {}),
        "name": row.name,
        "title": row.title,
        "skills": {skill.skill: skill.level for skill in row.skills},
        "target_s": row.target_s,
        "ring_s": row.ring_s,
        "wrap_up_s": row.wrap_up_s,
        "music": row.music,
        "announce_s": row.announce_s,
    }


def _site(row: fleet.Site) -> dict[str, Any]:
    return {
        **(row.rules or {}),
        "name": row.name,
        "title": row.title,
        "region": row.region,
    }


def _flow(row: rows.Flow) -> dict[str, Any]:
    return {"name": row.name, "start": row.start, "steps": row.steps}


def _class(row: rows.ServiceClass) -> dict[str, Any]:
    own = {"name": row.name, "head_start_s": row.head_start_s, "slope": row.slope}
    return {**(row.rules or {}), **own}


def agent_entry(row: rows.Agent) -> dict[str, Any]:
    """Return an agent as the plan writes it."""
    return {
        **(row.rules or {}),
        "name": row.name,
        "title": row.title,
        "site": row.site,
        "account": row.account,
        "skills": {skill.skill: skill.level for skill in row.skills},
    }
