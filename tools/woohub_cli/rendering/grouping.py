"""Many differences of one property in one line, so that a table stays readable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from woohub_cli.comparison import Difference, Finding, Kind

FEW = 5  # differences of one property that are shown one by one
EXAMPLES = 3


@dataclass(frozen=True)
class Alike:
    """Differences of the same property in many records."""

    kind: Kind
    record: str
    name: str  # of the property
    fix: str
    count: int
    examples: tuple[tuple[Finding, Difference], ...]  # a few

    @property
    def entities(self) -> str:
        """Whose they are, for people."""
        return ", ".join(finding.entity for finding, _ in self.examples) + ", …"

    def values(self) -> tuple[str, str]:
        """The store's and HubSpot's of the examples, each once."""
        differences = [difference for _, difference in self.examples]
        return _once([one.store for one in differences]), _once([one.hubspot or "" for one in differences])


def grouped(findings: Sequence[Finding]) -> tuple[list[Alike], list[Finding]]:
    """Properties that differ in many records, the most frequent first; and the findings without these."""
    alike: dict[tuple[Kind, str, str, bool], list[tuple[Finding, Difference]]] = defaultdict(list)
    for finding in findings:
        for difference in finding.differences:
            alike[_key(finding, difference)].append((finding, difference))
    many = {key: them for key, them in alike.items() if len(them) > FEW}
    lines = [
        Alike(kind, record, name, them[0][0].fix, len(them), tuple(them[:EXAMPLES]))
        for (kind, record, name, _), them in sorted(many.items(), key=lambda item: -len(item[1]))
    ]
    rest = [
        replace(finding, differences=tuple(one for one in finding.differences if _key(finding, one) not in many))
        for finding in findings
    ]
    return lines, [
        left for left, whole in zip(rest, findings, strict=True) if left.differences or not whole.differences
    ]


def _key(finding: Finding, difference: Difference) -> tuple[Kind, str, str, bool]:
    return finding.kind, finding.record, difference.property, bool(finding.fix)


def _once(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
