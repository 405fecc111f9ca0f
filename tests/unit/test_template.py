"""Properties of template.yaml that the code relies on and `sam validate --lint` does not check."""

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


def test_a_resent_message_may_still_be_received_ten_times() -> None:
    assert RESOURCES["DeliveryQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] - RESEND_RECEIVES >= 10


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_without_default_is_a_variable_of_its_function(name: str) -> None:
    settings: type[Settings] = SETTINGS[name]
    variables = dict.fromkeys(FUNCTIONS[name]["Environment"]["Variables"], "1")

    assert settings.from_env(variables)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_of_a_function_is_one_of_its_settings(name: str) -> None:
    variables = set(FUNCTIONS[name]["Environment"]["Variables"])

    assert variables <= {field.name.upper() for field in fields(SETTINGS[name])}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_log_group_with_retention(name: str) -> None:
    group = RESOURCES[FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]]

    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", [*FUNCTIONS, "DependenciesLayer", "SharedLayer"])
def test_functions_and_layers_are_built_by_the_makefile(name: str) -> None:
    assert RESOURCES[name]["Metadata"]["BuildMethod"] == "makefile"
    assert f"build-{name}" in (ROOT / "packaging" / "Makefile").read_text(encoding="utf-8")


def test_the_makefile_builds_for_the_templates_runtime_and_architecture() -> None:
    makefile = (ROOT / "packaging" / "Makefile").read_text(encoding="utf-8")
    made_for = dict(re.findall(r"^(RUNTIME|ARCHITECTURE) :?\??= ([\w.]+)", makefile, re.MULTILINE))

    assert "python" + made_for["RUNTIME"] == TEMPLATE["Globals"]["Function"]["Runtime"]
    assert made_for["ARCHITECTURE"] == TEMPLATE["Parameters"]["Architecture"]["Default"]


def test_the_visibility_timeout_is_at_least_six_consumer_timeouts() -> None:
    hidden = RESOURCES["DeliveryQueue"]["Properties"]["VisibilityTimeout"]

    assert hidden >= 6 * FUNCTIONS["ConsumerFunction"]["Timeout"]


def test_the_dead_letter_queue_retains_messages_longer_than_the_delivery_queue() -> None:
    kept, dead = (
        RESOURCES[name]["Properties"]["MessageRetentionPeriod"] for name in ("DeliveryQueue", "DeadLetterQueue")
    )

    assert dead > kept


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_its_own_role_without_sam_policies(name: str) -> None:
    assert FUNCTIONS[name]["Role"] == {"GetAtt": f"{name.removesuffix('Function')}Role.Arn"}
    assert "Policies" not in FUNCTIONS[name]


def test_only_actions_without_resource_types_are_allowed_on_all_resources() -> None:
    on_all = {action for statement in STATEMENTS if statement["Resource"] == "*" for action in actions(statement)}

    assert on_all == {"lambda:ListEventSourceMappings", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_no_statement_allows_actions_by_wildcard() -> None:
    named = [action for statement in STATEMENTS for action in actions(statement)]

    assert named
    assert not [action for action in named if "*" in action]


ALARMS = {name: alarm["Properties"] for name, alarm in alarms().items()}
HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("name", ALARMS)
def test_no_alarm_evaluates_a_longer_time_than_cloudwatch_allows(name: str) -> None:
    """CloudWatch allows seven days, or one day if the periods are shorter than an hour."""
    period, periods = ALARMS[name]["Period"], ALARMS[name]["EvaluationPeriods"]
    most = TEMPLATE["Parameters"][periods["Ref"]]["MaxValue"] if isinstance(periods, dict) else periods

    assert period * most <= (DAY if period < HOUR else 7 * DAY)


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_descriptions_are_ascii_of_at_most_1024_characters(name: str) -> None:
    """CloudWatch accepts 1024 characters, and CloudFormation replaces characters outside ASCII with question marks."""
    description = ALARMS[name]["AlarmDescription"]

    assert len(description) <= 1024
    assert description.isascii()


@pytest.mark.parametrize("own", ["AlarmDescription", "MetricName"])
def test_no_alarm_inherits_the_description_or_metric_of_the_first_alarm(own: str) -> None:
    """The others copy the first one (<<: *alarm), and would inherit what they do not set."""
    first, *others = (properties[own] for properties in ALARMS.values())

    assert first not in others


def test_the_console_groups_list_every_parameter_once_in_the_templates_order() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert [name for group in groups for name in group["Parameters"]] == list(TEMPLATE["Parameters"])


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_every_parameter_has_a_description_and_a_constraint(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]

    assert parameter["Description"]
    assert {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"} & set(parameter)
    if "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"]
        assert re.search(parameter["AllowedPattern"], parameter["Default"])


@pytest.mark.parametrize("environment", ["default", "staging", "local"])
def test_every_environment_sets_known_parameters_to_allowed_values(environment: str) -> None:
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]
    given = configuration["deploy"]["parameters"].get("parameter_overrides", "").split()

    for name, value in (setting.split("=") for setting in given):
        parameter = TEMPLATE["Parameters"][name]
        assert value in {str(allowed) for allowed in parameter.get("AllowedValues", [value])}
    assert configuration["global"]["parameters"]["stack_name"].startswith("woohub")
