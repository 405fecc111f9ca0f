"""Grouping of differences: many of one property are one line."""

from __future__ import annotations

from woohub_cli.rendering.grouping import MAX_UNGROUPED, grouped
from woohub_cli.verify.comparison import Difference, Mismatch, MismatchKind

AMOUNT, STAGE = Difference("amount", "2.00", "1.00"), Difference("dealstage", "completed", None)


def differing(number: int, *differences: Difference) -> Mismatch:
    return Mismatch(MismatchKind.DIFFERING, f"order:{number}", "deal", (str(number),), differences)


def test_fifty_differences_of_one_property_are_one_line_with_three_examples() -> None:
    (line,), rest = grouped([differing(number, AMOUNT) for number in range(1, 51)])

    assert (line.name, line.count, line.entities) == ("amount", 50, "order:1, order:2, order:3, …")
    assert line.values() == ("2.00", "1.00")
    assert rest == []


def test_a_few_differences_are_shown_one_by_one() -> None:
    few = [differing(number, AMOUNT) for number in range(MAX_UNGROUPED)]

    assert grouped(few) == ([], few)


def test_other_differences_of_a_grouped_record_are_shown() -> None:
    many = [differing(number, AMOUNT) for number in range(1, 51)]

    _, rest = grouped([*many, differing(51, AMOUNT, STAGE)])

    assert rest == [differing(51, STAGE)]


def test_missing_records_are_not_grouped() -> None:
    missing = [Mismatch(MismatchKind.MISSING, f"order:{number}", "deal") for number in range(50)]

    assert grouped(missing) == ([], missing)
