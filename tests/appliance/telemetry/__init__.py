"""Tests of appliance/telemetry."""
