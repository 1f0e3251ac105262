"""The control plane: one fleet, one plan, one page that tells the truth."""
