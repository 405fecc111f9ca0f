"""Prints the figures of the gate's runs at the end of a test session."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per run."""
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, [])]
    shown = [(report.nodeid, dict(report.user_properties)) for report in reports]
    for node, properties in sorted(shown):
        if "figures" in properties:
            terminalreporter.write_line(f"{node.rpartition('::')[2]}: {properties['figures']}")
