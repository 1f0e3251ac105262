"""Tests of appliance/cli."""
