"""Benches: python -m tests.bench NAME [--json]."""
