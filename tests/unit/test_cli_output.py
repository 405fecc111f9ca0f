"""What commands print."""

import io
import json
import sys
from pathlib import Path

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


def test_text_that_the_encoding_of_the_output_lacks_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", console)

    with output.to_standard_output():
        output.say("Zoë “Ольга”")

    assert console.buffer.getvalue().decode("latin-1") == "Zoë ???????\n"


def test_json_that_the_encoding_of_the_output_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", console)

    with output.to_standard_output():
        output.as_json({"name": "Ольга"})

    assert json.loads(console.buffer.getvalue()) == {"name": "Ольга"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_the_command_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full_disk:
        monkeypatch.setattr(sys, "stdout", full_disk)

        with pytest.raises(SystemExit, match="1"), output.to_standard_output():
            output.as_json({"orders": 3})

    assert capsys.readouterr().err == "woohub: the output cannot be written: No space left on device\n"
