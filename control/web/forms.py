"""Reading a form: typed values, and for each field that is wrong a sentence beside it."""

import re
from collections.abc import Collection, Mapping

from appliance.base.ids import is_slug

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}\Z")


class Form:
    """What a person sent. Reading a field checks it; `errors` then tells what is wrong."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        #: as sent, so that a refused form shows again what was typed
        self.values = {name: value.strip() for name, value in sent.items()}
        self.errors: dict[str, str] = {}

    @property
    def fine(self) -> bool:
        """Tell whether every field read so far was right."""
        return not self.errors

    def wrong(self, field: str, message: str) -> None:
        """Say what is wrong with *field*; the first sentence stays."""
        self.errors.setdefault(field, message)

    def slug(self, field: str) -> str:
        """Read a name of ours."""
        value = self.values.get(field, "")
        if not is_slug(value):
            self.wrong(
                field,
                "Give a name." if not value else "Use a–z, 0–9 and hyphens inside; at most 63.",
            )
        return value

    def text(self, field: str, longest: int = 120) -> str:
        """Read a line of free text."""
        value = self.values.get(field, "")
        if len(value) > longest:
            self.wrong(field, f"At most {longest} characters; this has {len(value)}.")
        if any(ord(letter) < 32 for letter in value):
            self.wrong(field, "One line of text only.")
        return value

    def phone_number(self, field: str) -> str:
        """Read a number that can be called; spaces, brackets and hyphens are taken out."""
        value = re.sub(r"[\s()/.-]", "", self.values.get(field, ""))
        if not _NUMBER.match(value):
            self.wrong(field, "Give digits, with + in front if you like; at most 32.")
        return value

    def seconds(self, field: str, low: float, high: float) -> float:
        """Read a duration in seconds."""
        try:
            value = float(self.values.get(field, "").replace(",", "."))
        except ValueError:
            self.wrong(field, f"Give seconds, {low:g} to {high:g}.")
            return low
        if not low <= value <= high:
            self.wrong(field, f"From {low:g} to {high:g} seconds.")
        return value

    def choice(self, field: str, allowed: Collection[str]) -> str:
        """Read one of *allowed*."""
        value = self.values.get(field, "")
        if value not in allowed:
            self.wrong(field, "Choose one." if not value else "This is not one of the choices.")
        return value

    def ticked(self, field: str) -> bool:
        """Read a box that can be ticked."""
        return field in self.values

    def levels(self, field: str) -> dict[str, int]:
        """Read skills with levels: `billing 5, english 3`; no level counts as 1."""
        found: dict[str, int] = {}
        for entry in re.split(r"[,\n;]+", self.values.get(field, "")):
            words = entry.replace("=", " ").replace(":", " ").split()
            if not words:
                continue
            skill, level = words[0], words[1] if len(words) > 1 else "1"
            if not is_slug(skill) or len(words) > 2:
                self.wrong(
                    field, f"“{entry.strip()}”: write a skill and a level, as in billing 5."
                )
            elif not level.isascii() or not level.isdigit() or not 1 <= int(level[:3]) <= 10:
                self.wrong(field, f"“{entry.strip()}”: a level is 1 to 10.")
            else:
                found[skill] = int(level)
        return found
