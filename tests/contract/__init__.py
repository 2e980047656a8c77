"""One suite per port or store, run against the real thing and everything that stands in for it."""
