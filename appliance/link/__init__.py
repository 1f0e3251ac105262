"""Federation: messages, transports, enrolment, snapshots, reservations."""
