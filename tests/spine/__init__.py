"""The whole: real processes, real phones, real sound."""
