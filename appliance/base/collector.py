"""Python's garbage collector, kept from stalling an event loop.

Calls leave no reference cycles behind, so the collector has little to find and much to look at:
a full collection over a thousand registered phones takes some 20 ms, which a caller's INVITE then
waits for.
"""

import gc

#: new objects before a collection of the young, which takes 2 ms; collections of the young before
#: one of the middle-aged, which takes 10; of these before one of all
_YOUNG, _MIDDLE, _ALL = 5_000, 5, 200


def calm() -> None:
    """Leave out what is there now for good, and look seldom; called once a process is up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _ALL)


def keep() -> None:
    """Leave out what has come since, too, without looking at it: much, that is there to stay."""
    gc.freeze()
