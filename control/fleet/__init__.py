"""The fleet: certificate authority, join tokens, enrolment."""
