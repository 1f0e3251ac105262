"""Hands contacts on: to a queue, an agent, a site or a number outside, blind or consulted."""
