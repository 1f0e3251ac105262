"""What legs are listened to for: call-progress tones, faxes, who answered, who talks."""

from appliance.legs.engine import MediaEngine
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.mediaevents import Answered, AnswerTone, MediaEvent, Talk, ToneHeard
from appliance.legs.table import LegTable
from appliance.legs.tones import named_tone
from appliance.wire.commands import Listen
from appliance.wire.events import Heard, HeardKind, Talking

#: tones looked for at once: as many as the engine's detector takes
MAX_TONES = 16
_FAX, _ANSWER, _TALK = "fax", "answer", "talk"


class LegListening:
    """Turns the engine's ears on and off; what a leg is listened to for stands in its row."""

    def __init__(
        self, engine: MediaEngine, table: LegTable, events: LegEvents, country: str
    ) -> None:
        """*country*: whose tones are meant by their names."""
        self._engine = engine
        self._table = table
        self._events = events
        self._country = country
        #: tones; the engine knows each by its place here plus one, on all legs and for good
        self._names: list[str] = []

    def listen(self, listen: Listen) -> None:
        """Listen to a leg for this and nothing else; raise an error that says why not."""
        leg, row = listen.leg, self._table.rows[listen.leg]
        tones = tuple(dict.fromkeys(listen.tones))
        if len(tones) > MAX_TONES:
            raise CommandError("bad-request", f"more than {MAX_TONES} tones")
        signals = [named_tone(name, self._country) for name in tones]
        wanted = dict(zip(map(self._number, tones), signals, strict=True))
        before = set(row.listens)
        if tones != _tones(row.listens):
            self._engine.watch_tones(leg, wanted)
        if listen.fax != (_FAX in before):
            self._engine.watch_answer_tones(leg, listen.fax)
        if listen.answer != (_ANSWER in before):
            self._engine.watch_greeting(leg, listen.answer)
        if listen.talk != (_TALK in before):
            self._engine.watch_talk(leg, listen.talk)
        asked = {_FAX: listen.fax, _ANSWER: listen.answer, _TALK: listen.talk}
        row.listens = (*tones, *(word for word, on in asked.items() if on))
        row.talks = row.talks and listen.talk

    def told(self, event: MediaEvent) -> None:
        """Pass on what the engine heard."""
        match event:
            case ToneHeard():
                self._heard(event.leg, "tone", self._names[event.tone - 1])
            case AnswerTone():
                self._heard(event.leg, "fax", event.tone)
            case Answered():
                self._heard(event.leg, "answer", event.who, event.at_ms)
            case Talk():
                self._talking(event)
            case _:
                pass

    def _number(self, tone: str) -> int:
        if tone not in self._names:
            self._names.append(tone)
        return self._names.index(tone) + 1

    def _heard(self, leg: int, kind: HeardKind, what: str, after_ms: int = 0) -> None:
        row = self._table.rows.get(leg)
        if row is not None:
            row.heard = what
            row.seq = self._events.emit(Heard, leg, kind, what, after_ms)

    def _talking(self, talk: Talk) -> None:
        row = self._table.rows.get(talk.leg)
        if row is not None and _TALK in row.listens:
            row.talks = talk.begins
            row.seq = self._events.emit(Talking, talk.leg, talk.begins)


def _tones(listens: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of a row's words that are tones."""
    return tuple(word for word in listens if word not in (_FAX, _ANSWER, _TALK))
