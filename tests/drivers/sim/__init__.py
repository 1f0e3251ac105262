"""Tests of drivers/sim/."""
