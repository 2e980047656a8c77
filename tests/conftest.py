"""What all tests share; a fixture of one suite belongs in that suite's own conftest."""

# Hypothesis's plugin imports it only when a test fails. By then a simulated night may have left
# coroutines to collect, and Python 3.11 breaks off when that happens while it compiles a module.
from hypothesis import settings

# No test fails for the time that an example takes, on whatever machine.
settings.register_profile("house", parent=settings(), deadline=None)
settings.load_profile("house")

pytest_plugins = ["tests.suites"]
