"""The plan as data, its checks, and the steps of its flows. Pure."""
