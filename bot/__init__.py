"""The Slack surface: it hears people, shows them what goes on, and wires the parts together.

Here belong the listeners, the words of commands, the views, the settings, the command line
and `wiring.py`, the one module that names concrete stores and shells. A decision about a
device does not belong here: `bot` hands what it heard to `engine` and shows what came of it.
"""
