"""Tests of control/."""
