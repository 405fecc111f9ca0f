"""What people see is what was said."""

import pytest

from woohub.counted import counted
from woohub_cli.check_result import Result, Step
from woohub_cli.rendering import output


def test_arns_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("arn:aws:secretsmanager:eu-west-1:1:secret:woohub")
    assert capsys.readouterr().out == "arn:aws:secretsmanager:eu-west-1:1:secret:woohub\n"


def test_only_the_outcome_of_a_step_has_its_colour() -> None:
    line = Step("breaker", Result.FAILED, "open").text()

    (coloured,) = line.spans
    assert line.style == ""
    assert line.plain[coloured.start : coloured.end].strip() == "failed"


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "order", "0 orders"), (1, "order", "1 order"), (2, "delivery", "2 deliveries"), (1, "delivery", "1 delivery")],
)
def test_a_number_of_things_is_in_the_right_form(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
