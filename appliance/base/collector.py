"""Python's garbage collector, kept from stalling an event loop.

Calls leave no reference cycles behind, so the collector has little to find and much to look at:
a full collection over a thousand registered phones takes some 20 ms, which a caller's INVITE then
waits for.
"""

import gc

#: new objects before a collection of the young; collections of the young before one of all
_YOUNG, _MIDDLE, _ALL = 20_000, 20, 100


def calm() -> None:
    """Leave out what is there now for good, and look seldom; called once a process is up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _ALL)
