"""What template.yaml must say for the code to work, beyond what `sam validate --lint` sees."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from generators.alarms import alarms
from tests.support.template import FUNCTIONS, RESOURCES, TEMPLATE, actions
from woohub.consumer.retries import RESEND_RECEIVES
from woohub.hubspot_settings import ConsumerSettings, GovernorSettings, ReconcileSettings
from woohub.settings import IngestSettings, Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "IngestFunction": IngestSettings,
    "ConsumerFunction": ConsumerSettings,
    "GovernorFunction": GovernorSettings,
    "ReconcileFunction": ReconcileSettings,
}


def policies() -> Iterator[Mapping[str, Any]]:
    """Every policy document that is given to a function's role."""
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::IAM::Role":
            yield from (policy["PolicyDocument"] for policy in resource["Properties"]["Policies"])
        if resource["Type"] == "AWS::IAM::Policy":
            yield resource["Properties"]["PolicyDocument"]


STATEMENTS: list[dict[str, Any]] = [statement for policy in policies() for statement in policy["Statement"]]


def test_a_message_that_waited_long_may_still_meet_ten_crashes() -> None:
    assert RESOURCES["DeliveryQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] - RESEND_RECEIVES >= 10


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_without_a_default_is_given(name: str) -> None:
    settings: type[Settings] = SETTINGS[name]
    given = dict.fromkeys(FUNCTIONS[name]["Environment"]["Variables"], "1")

    settings.from_env(given)


@pytest.mark.parametrize("name", SETTINGS)
def test_no_function_is_given_a_setting_it_does_not_have(name: str) -> None:
    given = set(FUNCTIONS[name]["Environment"]["Variables"])

    assert given <= {field.name.upper() for field in fields(SETTINGS[name])}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_logs_to_a_group_of_its_own_that_forgets(name: str) -> None:
    group = RESOURCES[FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]]

    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", [*FUNCTIONS, "DependenciesLayer", "SharedLayer"])
def test_everything_is_built_without_docker_and_without_lambdas_python(name: str) -> None:
    assert RESOURCES[name]["Metadata"]["BuildMethod"] == "makefile"
    assert f"build-{name}" in (ROOT / "packaging" / "Makefile").read_text(encoding="utf-8")


def test_the_artifacts_are_made_for_the_runtime_and_architecture_they_run_on() -> None:
    makefile = (ROOT / "packaging" / "Makefile").read_text(encoding="utf-8")
    made_for = dict(re.findall(r"^(RUNTIME|ARCHITECTURE) :?\??= ([\w.]+)", makefile, re.MULTILINE))

    assert "python" + made_for["RUNTIME"] == TEMPLATE["Globals"]["Function"]["Runtime"]
    assert made_for["ARCHITECTURE"] == TEMPLATE["Parameters"]["Architecture"]["Default"]


def test_a_message_stays_hidden_for_six_times_the_consumers_timeout() -> None:
    hidden = RESOURCES["DeliveryQueue"]["Properties"]["VisibilityTimeout"]

    assert hidden >= 6 * FUNCTIONS["ConsumerFunction"]["Timeout"]


def test_a_dead_letter_outlives_the_queue_it_came_from() -> None:
    kept, dead = (
        RESOURCES[name]["Properties"]["MessageRetentionPeriod"] for name in ("DeliveryQueue", "DeadLetterQueue")
    )

    assert dead > kept


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_role_of_its_own_to_which_sam_adds_nothing(name: str) -> None:
    assert FUNCTIONS[name]["Role"] == {"GetAtt": f"{name.removesuffix('Function')}Role.Arn"}
    assert "Policies" not in FUNCTIONS[name]


def test_only_what_knows_no_resource_is_allowed_on_all() -> None:
    on_all = {action for statement in STATEMENTS if statement["Resource"] == "*" for action in actions(statement)}

    assert on_all == {"lambda:ListEventSourceMappings", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_no_statement_allows_more_actions_than_it_names() -> None:
    named = [action for statement in STATEMENTS for action in actions(statement)]

    assert named
    assert not [action for action in named if "*" in action]


# Alarms


ALARMS = {name: alarm["Properties"] for name, alarm in alarms().items()}
HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("name", ALARMS)
def test_no_alarm_looks_back_further_than_cloudwatch_lets_it(name: str) -> None:
    """A week, or a day with periods shorter than an hour; more is refused (PutMetricAlarm's Period)."""
    period, periods = ALARMS[name]["Period"], ALARMS[name]["EvaluationPeriods"]
    most = TEMPLATE["Parameters"][periods["Ref"]]["MaxValue"] if isinstance(periods, dict) else periods

    assert period * most <= (DAY if period < HOUR else 7 * DAY)


@pytest.mark.parametrize("name", ALARMS)
def test_every_description_reaches_the_e_mail_as_it_is_written(name: str) -> None:
    """CloudWatch takes 1024 characters, and CloudFormation makes question marks of what is not ASCII."""
    description = ALARMS[name]["AlarmDescription"]

    assert len(description) <= 1024
    assert description.isascii()


@pytest.mark.parametrize("own", ["AlarmDescription", "MetricName"])
def test_no_alarm_has_only_the_first_ones_text_or_metric(own: str) -> None:
    """All others begin with what the first one has (<<: *alarm): what a row forgets would be taken from there."""
    first, *others = (properties[own] for properties in ALARMS.values())

    assert first not in others


# Deployment


def test_the_console_asks_for_every_parameter_once_and_in_the_templates_order() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert [name for group in groups for name in group["Parameters"]] == list(TEMPLATE["Parameters"])


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_every_parameter_says_what_it_is_for_and_what_it_may_be(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]

    assert parameter["Description"]
    assert {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"} & set(parameter)
    if "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"]
        assert re.search(parameter["AllowedPattern"], parameter["Default"])


@pytest.mark.parametrize("environment", ["default", "staging", "local"])
def test_an_environment_sets_parameters_that_exist_to_values_they_may_have(environment: str) -> None:
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]
    given = configuration["deploy"]["parameters"].get("parameter_overrides", "").split()

    for name, value in (setting.split("=") for setting in given):
        parameter = TEMPLATE["Parameters"][name]
        assert value in {str(allowed) for allowed in parameter.get("AllowedValues", [value])}
    assert configuration["global"]["parameters"]["stack_name"].startswith("woohub")
