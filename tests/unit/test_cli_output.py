"""What people see is what was said."""

import pytest

from tools.cli import output


def test_arns_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("arn:aws:secretsmanager:eu-west-1:1:secret:woohub")
    assert capsys.readouterr().out == "arn:aws:secretsmanager:eu-west-1:1:secret:woohub\n"
