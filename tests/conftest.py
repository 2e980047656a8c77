"""What all tests share; a fixture of one suite belongs in that suite's own conftest."""

pytest_plugins = ["tests.suites"]
