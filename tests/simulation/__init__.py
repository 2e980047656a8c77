"""Whole runs in virtual time, against the rehearsal in process; no sockets, nobody sleeps."""
