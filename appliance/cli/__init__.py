"""The field commands."""
