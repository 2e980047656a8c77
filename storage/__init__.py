"""Keeps what it is given, in order, and gives it back.

Here belong the tables, their migrations and the stores on memory and SQL. What a record
means does not belong here: `storage` imports nobody, and everybody else sees of it only
`storage.records`.
"""
