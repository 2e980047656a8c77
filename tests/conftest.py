"""What all tests share; a fixture of one suite belongs in that suite's own conftest."""

# Hypothesis's plugin imports it only when a test fails. By then a simulated night may have left
# coroutines to collect, and Python 3.11 breaks off when that happens while it compiles a module.
import hypothesis as hypothesis

pytest_plugins = ["tests.suites"]
