"""Plans a maintenance of a Security Group and carries it out.

Here belong the model, the decisions (planner, invariants, gates, recovery), the journal that
remembers them, and the modules that talk to the members. Slack does not belong here, nor SQL:
people are seen through `engine.ports.People`, and of `storage` only `storage.records` is known.
"""
