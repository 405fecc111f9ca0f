"""The further stores of a stack: their entries in its configuration, secrets, watermarks and alarms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from woohub import stores, stores_file
from woohub.configuration import (
    STORES_KEY,
    ConfigurationUnreadable,
    ConfigurationVersion,
    StoredObject,
    parse,
    read_objects,
)
from woohub.errors import InvalidParameter
from woohub.metrics import COUNTED_APART
from woohub.reconcile.watermark import START, Watermark, WatermarkParameter
from woohub.stores import StoreSettings
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.stack import stack_configuration
from woohub_cli.stack.stacks import Stack
from woohub_cli.stack.stored_objects import replace

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

COPIED_ALARM_FIELDS = (  # from the first store's alarms
    *("Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold"),
    *("ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions", "ActionsEnabled"),
)
DAYS_TO_RESTORE = 7  # Secrets Manager keeps a removed store's secrets so long


def with_stores(stack: Stack, wanted: Mapping[str, StoreSettings]) -> ConfigurationVersion:
    """Return the configuration with these further stores. Raises WrongUsage if they conflict."""
    objects = read_objects(stack.aws.s3, stack.output(stack_configuration.OUTPUT))
    content = stores_file.write(wanted)
    try:
        stores_file.read(content, parse(objects).mapping.order_key_prefix)
    except InvalidParameter as error:
        raise WrongUsage(f"{error}; --prefix and --customer-id choose others, so nothing was changed") from error
    return parse({**objects, STORES_KEY: StoredObject("", content)})


def put(stack: Stack, name: str, settings: StoreSettings | None) -> None:
    """Add a further store, or remove it (None), and keep changes that others made meanwhile.

    The bucket keeps all versions. Raises ChangedMeanwhile if somebody writes at this very moment.
    """
    s3, bucket = stack.aws.s3, stack.output(stack_configuration.OUTPUT)
    objects = read_objects(s3, bucket)
    others = {other: row for other, row in parse(objects).stores.items() if other != name}
    body = stores_file.write({**others, name: settings} if settings else others)
    stored = objects.get(STORES_KEY)
    replace(s3, bucket, STORES_KEY, body, stored.etag if stored else None, ContentType="application/json")


def reconciled(stack: Stack) -> str | None:
    """Return when the store's last complete reconcile run began; None if there was none or it is not known."""
    try:
        mark = WatermarkParameter(stack.aws.ssm, stack.output("WatermarkParameter")).read()
    except InvalidParameter:
        return None
    return f"{mark.completed}Z" if isinstance(mark, Watermark) and mark.completed else None


def names(stack: Stack) -> list[str]:
    """Return the names of the further stores; empty if the configuration cannot be read, which other checks report."""
    try:
        return sorted(stack_configuration.current(stack).stores)
    except ConfigurationUnreadable:
        return []


def make_secret(stack: Stack, name: str, value: Mapping[str, Any], what: str) -> Step:
    """Create a secret of a store, unless it exists.

    One that was removed within the last days is restored with this value.
    """
    client, text = stack.aws.secrets, json.dumps(value)
    try:
        removed = client.describe_secret(SecretId=name).get("DeletedDate")
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=name, SecretString=text, Description=f"woohub {stack.service}: {what}")
        return Step(what, Result.CREATED)
    if not removed:
        return Step(what, Result.OK, "there already")
    client.restore_secret(SecretId=name)
    client.put_secret_value(SecretId=name, SecretString=text)
    return Step(what, Result.CREATED)


def make_watermark(stack: Stack, store: str) -> Step:
    """Create the watermark of a store, unless it exists. Reading the store then starts from now."""
    client, what = stack.aws.ssm, "watermark"
    try:
        name = stores.watermark_parameter(stack.service, store)
        client.put_parameter(Name=name, Value=START, Type="String", Overwrite=False)
    except client.exceptions.ParameterAlreadyExists:
        return Step(what, Result.OK, "there already")
    return Step(what, Result.CREATED, "the store's changes are read from now on")


def forget(stack: Stack, store: str) -> Iterator[Step]:
    """Remove the secrets and the watermark of a store."""
    for name in (stores.webhook_secret(stack.service, store), stores.access_secret(stack.service, store)):
        with suppress(stack.aws.secrets.exceptions.ResourceNotFoundException):
            stack.aws.secrets.delete_secret(SecretId=name, RecoveryWindowInDays=DAYS_TO_RESTORE)
    yield Step("secrets", Result.REMOVED, f"AWS keeps them for {DAYS_TO_RESTORE} days")
    with suppress(stack.aws.ssm.exceptions.ParameterNotFound):
        stack.aws.ssm.delete_parameter(Name=stores.watermark_parameter(stack.service, store))
    yield Step("watermark", Result.REMOVED)


def make_alarms(stack: Stack, store: str) -> Step:
    """Create the store's own alarms, as copies of the first store's.

    Only a count by store can show its silence, or a wrong secret.
    """
    client: CloudWatchClient = stack.aws.metrics
    of_first = list(_alarms_of_first(stack))
    for alarm in of_first:
        client.put_metric_alarm(
            **{name: alarm[name] for name in COPIED_ALARM_FIELDS if name in alarm},
            AlarmName=f"{_prefix(stack, store)}{alarm['MetricName']}",
            AlarmDescription=f"The store {store} (commands: --store {store}). {alarm.get('AlarmDescription', '')}"[
                :1024
            ],
            Dimensions=[*alarm["Dimensions"], {"Name": "store", "Value": store}],
        )
    return Step("alarms", Result.OK, f"{len(of_first)} of its own: silence, wrong secret, reconcile")


def remove_alarms(stack: Stack, store: str) -> Step:
    """Remove the alarms that `make_alarms` created."""
    client: CloudWatchClient = stack.aws.metrics
    alarms = client.describe_alarms(AlarmNamePrefix=_prefix(stack, store), MaxRecords=100)["MetricAlarms"]
    if alarms:
        client.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])
    return Step("alarms", Result.REMOVED)


def _prefix(stack: Stack, store: str) -> str:
    return f"{stack.service}-stores-{store}-"


def _alarms_of_first(stack: Stack) -> Iterator[Any]:
    """Yield the first store's alarms on metrics that are counted by store. Their only dimension is the stack."""
    wanted = [{"Name": "service", "Value": stack.service}]
    for page in stack.aws.metrics.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.service}-"):
        for alarm in page["MetricAlarms"]:
            if alarm.get("MetricName") in COUNTED_APART and alarm.get("Dimensions") == wanted:
                yield alarm
