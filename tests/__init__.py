"""Tests by trust boundary: a folder says what its tests touch, `tests/run` runs them."""
