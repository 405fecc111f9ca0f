"""The gate fails when any rule is taken out: so it would notice."""

from __future__ import annotations

import pytest

from tests.model.mutations import GATES, MUTATIONS, AnyGate, Mutation

SEEDS = (1,)  # the history in which nearly every mutation shows


@pytest.mark.parametrize("gate", GATES.values(), ids=list(GATES))
def test_with_all_rules_the_gate_passes(gate: AnyGate) -> None:
    assert list(gate.complaints(SEEDS)) == []


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_without_one_rule_the_gate_fails(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.apply(monkeypatch)

    assert any(
        mutation.complaint in complaint for complaint in mutation.gate.complaints((1, 2, 3, 4), **mutation.stack)
    )
