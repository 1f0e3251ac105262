"""Frozen, typed settings with units, and how they are loaded."""
