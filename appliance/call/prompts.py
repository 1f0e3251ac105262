"""Names of prompts, and how an expected wait is spoken."""

from collections.abc import Sequence

#: what a caller hears who cannot be connected at all
APOLOGY = ("im-sorry", "please-try-call-later")
#: acknowledges a star code
CONFIRMED = ("beep",)
#: what an agent asked for cannot be
FAILED = ("beeperr",)


def number_items(number: int) -> list[str]:
    """Return the prompts that speak *number*, 0 to 999, in the prompt set's `digits` folder."""
    items: list[str] = []
    if number >= 100:
        items += [f"digits/{number // 100}", "digits/hundred"]
        number %= 100
        if not number:
            return items
    if number > 20:
        items.append(f"digits/{number // 10 * 10}")
        number %= 10
        if not number:
            return items
    return [*items, f"digits/{number}"]


def wait_items(minutes: int, thanks: Sequence[str] = ("queue-thankyou",)) -> list[str]:
    """Return the prompts that announce an expected wait of about *minutes*."""
    if minutes <= 1:
        estimate = ["queue-holdtime", "queue-less-than", "digits/1", "queue-minute"]
    else:
        estimate = ["queue-holdtime", *number_items(min(minutes, 999)), "queue-minutes"]
    return [*estimate, *thanks]
