"""A Security Group that does not exist, faithful enough to rehearse a night on.

It shares no code with `engine.gaia`: one writes what the other reads, so each checks the other.
"""
