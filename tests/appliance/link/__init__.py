"""Tests of the federation link."""
