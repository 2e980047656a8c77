"""Keeps what it is given, in order, and gives it back; no decision belongs here.

`records` says what is kept and promised; `stores.open_stores` opens it on SQLite or
PostgreSQL, and `memory.MemoryStores` keeps the same promises without a file. SQL stays in this
package, and the package knows nobody outside of it.
"""
