"""Tests of appliance/daemon."""
