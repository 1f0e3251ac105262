"""Tests of appliance/."""
