"""Calls and bridges as state machines over the wire; the owner's side of reservations."""
