"""The gate fails when any rule is removed."""

from __future__ import annotations

import pytest

from tests.model.mutations import GATES, MUTATIONS, AnyGate, Mutation

SEEDS = (1,)  # the history in which nearly every mutation is found


@pytest.mark.parametrize("gate", GATES.values(), ids=list(GATES))
def test_the_gate_passes_with_all_rules(gate: AnyGate) -> None:
    assert list(gate.violations(SEEDS)) == []


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_the_gate_fails_without_a_rule(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.apply(monkeypatch)

    assert any(
        mutation.violation in violation for violation in mutation.gate.violations((1, 2, 3, 4), **mutation.stack)
    )
