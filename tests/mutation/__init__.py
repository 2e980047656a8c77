"""Each safety switched off: the tests must notice (see `trials` for how)."""
