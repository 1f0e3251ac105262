"""Contacts, seats, and who is offered to whom. Pure."""
