"""Agent seats: presence, reservation, offering, wrap-up."""
