"""Call-backs in escrow: a peer stands in for a branch that died, and nobody is called twice."""
