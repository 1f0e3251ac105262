"""Tests of drivers/profiles/."""
