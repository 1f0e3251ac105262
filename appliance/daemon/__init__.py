"""The brain's composition root: the only place that names concrete parts."""
