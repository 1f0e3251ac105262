"""Pretend devices that ship with the product: they speak the device's bytes over real ttys."""
