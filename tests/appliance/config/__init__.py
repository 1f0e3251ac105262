"""Tests of appliance/config."""
