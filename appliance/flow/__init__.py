"""Runs a plan's flow for one contact."""
