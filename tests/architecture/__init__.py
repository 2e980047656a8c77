"""The house checks itself: directions of imports, words, docstrings, what lies where."""
