"""Typed records for monitoring systems, and their publisher."""
