"""Parts of the local stack; the whole runs in tests/e2e."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from local_stack import environment, samples
from local_stack.demo import Result, problems
from local_stack.deployment import webhook_secret
from local_stack.processes import child, free_port, run
from local_stack.running import alone
from local_stack.settings import InvalidSetting, Settings
from local_stack.stack import Stack
from local_stack.stack_client import Contact, Metrics
from local_stack.steps import StepFailed, step, wait_until

AS_EXPECTED = Result(
    status_codes=[sample.status_code for sample in samples.samples("lab-secret")],
    contacts=[Contact(email, "", "", "", "", metrics) for email, metrics in sorted(samples.CONTACTS.items())],
    deals=list(samples.DEALS),
    dead_letters=[{"entity": samples.POISON, "reason": "total: no number"}],
)


def settings(environ: dict[str, str], env_file: Path, text: str = "") -> Settings:
    env_file.write_text(text, encoding="utf-8")
    return Settings.from_environment(environ, env_file)


def test_the_default_settings_apply_without_environment_and_file(tmp_path: Path) -> None:
    assert settings({}, tmp_path / ".env") == Settings()


def test_the_environment_overrides_the_env_file_and_blank_values_are_ignored(tmp_path: Path) -> None:
    configured = settings(
        {"LOCAL_PORT": "5000", "HUBSPOT_API_KEY": ""}, tmp_path / ".env", "LOCAL_PORT=6000\nHUBSPOT_API_KEY=pat-1\n"
    )

    assert (configured.port, configured.hubspot_token) == (5000, "pat-1")


def test_a_byte_order_mark_before_the_first_variable_is_ignored(tmp_path: Path) -> None:
    assert settings({}, tmp_path / ".env", "\ufeffLOCAL_PORT=6000\n").port == 6000


def test_an_env_file_in_utf_16_is_rejected(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOCAL_PORT=6000\n", "utf-16")

    with pytest.raises(InvalidSetting, match="save it as UTF-8"):
        Settings.from_environment({}, tmp_path / ".env")


def test_a_secret_in_the_env_file_is_read_unchanged(tmp_path: Path) -> None:
    configured = settings({}, tmp_path / ".env", "WOO_COMMERCE_WEBHOOK_SECRET='a b$HOME=${HOME}#\"c'\n")

    assert configured.webhook_secret == 'a b$HOME=${HOME}#"c'


@pytest.mark.parametrize("port", ["http", "-1", "65536", "80 80", "٤"])
def test_an_invalid_port_raises_an_error_that_names_the_setting(tmp_path: Path, port: str) -> None:
    with pytest.raises(InvalidSetting, match="LOCAL_PORT"):
        settings({"LOCAL_PORT": port}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("name", "value"),
    [("HUBSPOT_API_URL", "api.hubapi.com"), ("HUBSPOT_API_URL", "https://h/crm"), ("HUBSPOT_API_VERSION", "v4")],
)
def test_an_invalid_hubspot_setting_raises_an_error_that_names_the_setting(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(InvalidSetting, match=name):
        settings({name: value}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("environ", "recorded"),
    [
        ({"WOO_COMMERCE_URL": "https://www.Shop.example/"}, {"sources": ["shop.example"]}),
        (
            {
                "WOO_COMMERCE_URL": "https://shop.example",
                "WOO_COMMERCE_SOURCES": "https://shop.example/de, http://b.example",
            },
            {"sources": ["shop.example", "shop.example/de", "b.example"]},
        ),
        ({"WOO_COMMERCE_SOURCES": "https://shop.example"}, {"sources": ["shop.example"]}),
        ({"WOO_COMMERCE_URL": "http://127.0.0.1:8080"}, {}),
        ({}, {}),
    ],
)
def test_the_stores_addresses_are_recorded_unless_they_are_not_known(
    tmp_path: Path, environ: dict[str, str], recorded: dict[str, list[str]]
) -> None:
    assert webhook_secret(settings(environ, tmp_path / ".env")) == {"current": "lab-secret"} | recorded


def test_functions_reach_an_emulator_that_listens_on_another_address(tmp_path: Path) -> None:
    emulator = environment.for_emulator(tmp_path, "172.17.0.1", 4566, enforce_iam=True)

    assert (emulator["BIND_HOST"], emulator["AWS_ENDPOINT_URL"]) == ("172.17.0.1", "http://172.17.0.1:4566")


def test_the_environment_of_processes_has_no_credentials_of_the_developer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "of-the-developer")
    monkeypatch.setenv("HUBSPOT_API_KEY", "of-the-developer")

    emulator = environment.for_emulator(tmp_path, "127.0.0.1", 4566, enforce_iam=True)
    sam = environment.for_deployment(tmp_path, "http://127.0.0.1:4566")

    assert "of-the-developer" not in {*emulator.values(), *sam.values()}


def test_the_temporary_folder_of_processes_is_deleted_with_the_stack(tmp_path: Path) -> None:
    folders = {
        environment.for_emulator(tmp_path, "127.0.0.1", 4566, enforce_iam=True)["TMPDIR"],
        environment.for_deployment(tmp_path, "http://127.0.0.1:4566")["TMPDIR"],
    }
    with alone(tmp_path):
        (folder,) = map(Path, folders)
        (folder / "left").mkdir()

    assert not folder.exists()


def test_a_build_has_the_usual_temporary_folder_whose_path_is_short(tmp_path: Path) -> None:
    assert "TMPDIR" not in environment.for_sam(tmp_path)


def test_free_port_rejects_a_port_in_use_and_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StepFailed, match=rf"port {port} .*LOCAL_PORT={port + 1}"):
            free_port("127.0.0.1", port, "LOCAL_PORT")


def test_a_second_stack_in_the_same_folder_is_rejected(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(StepFailed, match=f"already running.*kill {os.getpid()}"), alone(tmp_path):
        pass


def test_a_stack_can_start_again_in_the_same_folder(tmp_path: Path) -> None:
    with alone(tmp_path):
        pass

    with alone(tmp_path):
        assert (tmp_path / "lock").exists()


def is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_the_files_of_a_stack_are_deleted_when_it_ends(tmp_path: Path) -> None:
    stack = Stack(**{field.name: "" for field in fields(Stack)})
    with stack.announced(tmp_path):
        (tmp_path / "backfill-local.json").write_text("{}")
        assert Stack.load(tmp_path) == stack

    assert list(tmp_path.iterdir()) == []


def test_a_child_process_and_its_children_end_when_an_error_is_raised(tmp_path: Path) -> None:
    held = "lock = open('held', 'w'); fcntl.flock(lock, fcntl.LOCK_EX)"
    grandchild = "subprocess.Popen(['sleep', '60'], pass_fds=[lock.fileno()])"
    program = f"import fcntl, subprocess, time; {held}; {grandchild}; print('up', flush=True); time.sleep(60)"

    def fail_while_it_runs() -> None:
        log = tmp_path / "log"
        command = [sys.executable, "-c", program]
        with child(command, environment={"PATH": os.environ["PATH"]}, folder=tmp_path, log=log):
            wait_until(lambda: "up" in log.read_text(), "it does not start")
            raise StepFailed("something")

    with pytest.raises(StepFailed, match="something"):
        fail_while_it_runs()

    wait_until(lambda: is_free(tmp_path / "held"), "one of the two holds the lock still", timeout_s=10)


def test_a_failed_command_is_reported_with_its_last_lines_of_output(tmp_path: Path) -> None:
    program = "import sys; print(*range(100), sep='\\n'); sys.exit(3)"

    with pytest.raises(StepFailed, match=r"exit code 3:\n\n80\n(.*\n)*99\n\nFull log: .*log"):
        run([sys.executable, "-c", program], environment={}, folder=tmp_path, log=tmp_path / "log")


def test_wait_until_raises_step_failed_at_the_timeout() -> None:
    with pytest.raises(StepFailed, match="never comes"):
        wait_until(lambda: False, "never comes", timeout_s=0)


def test_a_step_prints_one_line_even_if_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with step("this works"):
        pass
    with pytest.raises(StepFailed), step("this does not"):
        raise StepFailed("why")

    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["this", "works"]
    assert second.strip() == "this does not"


def test_the_demo_reports_no_problem_for_the_expected_result() -> None:
    assert list(problems(samples.samples("lab-secret"), AS_EXPECTED)) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"contacts": AS_EXPECTED.contacts[1:]}, "contact missing"),
        ({"deals": [*AS_EXPECTED.deals, AS_EXPECTED.deals[0]]}, "deal unexpected"),
        (
            {"contacts": [replace(AS_EXPECTED.contacts[0], metrics=Metrics("2")), *AS_EXPECTED.contacts[1:]]},
            "contact unexpected",
        ),
        (
            {"deals": [replace(AS_EXPECTED.deals[0], items=()), *AS_EXPECTED.deals[1:]]},
            "the items come to 0, the amount is",
        ),
        ({"dead_letters": []}, "dead letter missing: order:47"),
        ({"dead_letters": [{"entity": samples.POISON}]}, "no reason"),
        ({"status_codes": [500, *AS_EXPECTED.status_codes[1:]]}, "answered 500 instead of 200"),
    ],
    ids=[
        "contact lost",
        "deal duplicated",
        "order counted twice",
        "line items lost",
        "poison message lost",
        "no reason",
        "status 500",
    ],
)
def test_the_demo_reports_each_problem(change: dict[str, object], text: str) -> None:
    result = Result(**{**vars(AS_EXPECTED), **change})

    assert any(text in problem for problem in problems(samples.samples("lab-secret"), result))
