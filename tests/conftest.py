"""Settings of all tests."""

from hypothesis import settings

# a loaded machine may stop an example for longer than any deadline; pytest's own time-out holds
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
