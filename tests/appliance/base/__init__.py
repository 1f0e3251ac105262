"""Tests of appliance/base."""
