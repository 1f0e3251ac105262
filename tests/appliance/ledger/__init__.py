"""Tests of appliance/ledger."""
