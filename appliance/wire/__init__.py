"""The records between legs and brain, and the stream they travel on."""
