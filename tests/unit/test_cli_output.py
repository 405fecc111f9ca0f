"""What commands print."""

import pytest

from woohub_cli.check_result import Result, Step
from woohub_cli.rendering import output


def test_say_prints_an_arn_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("arn:aws:secretsmanager:eu-west-1:1:secret:woohub")
    assert capsys.readouterr().out == "arn:aws:secretsmanager:eu-west-1:1:secret:woohub\n"


def test_only_the_result_of_a_step_is_coloured() -> None:
    line = Step("breaker", Result.FAILED, "open").text()

    (coloured,) = line.spans
    assert line.style == ""
    assert line.plain[coloured.start : coloured.end].strip() == "failed"
