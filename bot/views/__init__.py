"""What people read: pure functions from a run's records to the messages that should stand.

No I/O and no clock. Delivering them is `bot.speaking`'s; deciding anything is the engine's.
"""

from bot.views.conversation import render
from bot.views.message import Message, linked, moved

__all__ = ["Message", "linked", "moved", "render"]
