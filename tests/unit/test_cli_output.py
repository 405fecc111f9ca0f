"""What people see is what was said."""

import pytest

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
