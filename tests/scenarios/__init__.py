"""Scenarios as processes, in real time."""
