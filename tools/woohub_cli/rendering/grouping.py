"""Group the differences of one property in many records, so that a table stays readable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from woohub_cli.verify.comparison import Difference, Mismatch, MismatchKind

MAX_UNGROUPED = 5  # differences of one property that are shown one by one
MAX_EXAMPLES = 3


@dataclass(frozen=True)
class MismatchGroup:
    """The differences of one property in many records."""

    kind: MismatchKind
    record: str
    name: str  # of the property
    fix: str
    count: int
    examples: tuple[tuple[Mismatch, Difference], ...]  # a few

    @property
    def entities(self) -> str:
        """The orders or accounts of the examples, for people."""
        return ", ".join(mismatch.entity for mismatch, _ in self.examples) + ", …"

    def values(self) -> tuple[str, str]:
        """Return the store's values and HubSpot's values of the examples, each value once."""
        differences = [difference for _, difference in self.examples]
        return _once([difference.store for difference in differences]), _once(
            [difference.hubspot or "" for difference in differences]
        )


def grouped(mismatches: Sequence[Mismatch]) -> tuple[list[MismatchGroup], list[Mismatch]]:
    """Return groups of properties that differ in many records, and the mismatches that are left without these.

    The largest group comes first.
    """
    alike: dict[tuple[MismatchKind, str, str, bool], list[tuple[Mismatch, Difference]]] = defaultdict(list)
    for mismatch in mismatches:
        for difference in mismatch.differences:
            alike[_key(mismatch, difference)].append((mismatch, difference))
    many = {key: them for key, them in alike.items() if len(them) > MAX_UNGROUPED}
    lines = [
        MismatchGroup(kind, record, name, them[0][0].fix, len(them), tuple(them[:MAX_EXAMPLES]))
        for (kind, record, name, _), them in sorted(many.items(), key=lambda item: -len(item[1]))
    ]
    rest = [
        replace(
            mismatch,
            differences=tuple(
                difference for difference in mismatch.differences if _key(mismatch, difference) not in many
            ),
        )
        for mismatch in mismatches
    ]
    return lines, [
        left for left, whole in zip(rest, mismatches, strict=True) if left.differences or not whole.differences
    ]


def _key(mismatch: Mismatch, difference: Difference) -> tuple[MismatchKind, str, str, bool]:
    return mismatch.kind, mismatch.shown, difference.property, bool(mismatch.fix)


def _once(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
