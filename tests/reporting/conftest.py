"""What the tests of the reports say at their end."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many amounts were compared with the independent computation."""
    compared = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "figures_compared"
    ]
    if compared:
        each = " + ".join(f"{figures:,}" for figures in compared)
        terminalreporter.write_line(f"figures compared with the webhooks: {sum(compared):,} ({each})")
