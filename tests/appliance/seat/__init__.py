"""Tests of `appliance/seat`."""
