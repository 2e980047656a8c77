"""What devices printed: read by the parsers, and printed alike by the rehearsal."""
