"""What a month costs: the arithmetic, the prices, and docs/costs.md."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import costs, template
from generators.costs import ASSUMED, CONSUMER, GOVERNOR, INGEST, PRICES, RECONCILE, Stack, Workload, month, traced
from tests.support.template import RESOURCES, TEMPLATE

DEPLOYED = Stack.read(TEMPLATE)
PRICED = {
    "AWS::Serverless::Function",
    "AWS::Serverless::Api",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SNS::Subscription",
    "AWS::WAFv2::WebACL",
}
FREE = {
    "AWS::Serverless::LayerVersion",
    "AWS::SSM::Parameter",  # standard ones
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::QueryDefinition",  # a query is billed by what it reads
    "AWS::WAFv2::WebACLAssociation",
    "AWS::WAFv2::IPSet",
}

# A month of 730 hours has 2,628,000 seconds, 43,800 minutes, 2,920 quarters of an hour.
STACK = Stack(
    alarms=17,
    dashboards=1,
    secrets=3,
    web_acl_rules=2,
    memory_gb={INGEST: 0.25, CONSUMER: 0.5, GOVERNOR: 0.25, RECONCILE: 0.5},
    schedules={GOVERNOR: 60, RECONCILE: 900},
    window_s=5,
    retention_days=73,
    architecture="arm64",
)
ROUND = ASSUMED | {
    "deliveries_per_order": 3,
    "order_kb": 5,
    "calls_per_order": 9,
    "calls_per_reconciled_batch": 2,
    "definition_calls": 2,
    "hubspot_call_ms": 200,
    "ingest_ms": 40,
    "consumer_ms": 100,
    "governor_ms": 100,
    "reconcile_ms": 3000,
    "init_ms": 1000,
    "warm_minutes": 10,
    "pollers": 5,
    "poll_s": 20,
    "ingest_log_bytes": 1000,
    "delivery_log_bytes": 500,
    "call_log_bytes": 100,
    "batch_log_bytes": 500,
    "governor_log_bytes": 400,
    "reconcile_log_bytes": 2000,
    "lambda_log_bytes": 500,
    "traced_percent": 5,
    "call_bytes": 2000,
    "answer_bytes": 1000,
    "secret_minutes": 5,
    "alarm_mails": 20,
    "metrics_every_hour": 6,
    "metrics_with_deliveries": 10,
}
BUSY = Workload.of(2_628_000, STACK, ROUND)  # one delivery a second
BUSY_QUANTITIES = BUSY.quantities(STACK, ROUND)


# Known answers, worked out by hand


def test_a_pollers_batch_holds_what_it_receives_within_the_window() -> None:
    assert (
        BUSY.batches == 1_314_000
    )  # one of five pollers receives one more of the five in five seconds: two in a batch


def test_reconcile_queues_each_change_once_and_a_recent_one_twice() -> None:
    assert BUSY.reconciled == pytest.approx(2_920_000)  # 2,628,000 x 2/3 changes, 10 of 15 minutes once more
    assert BUSY.reconciled_batches == pytest.approx(294_920)  # a tenth, and one for each run


def test_a_quiet_shops_changes_are_reconciled_alone() -> None:
    # 1,000 in batches of their own, and a tenth on top
    assert Workload.of(900, STACK, ROUND).reconciled_batches == pytest.approx(1_100)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("api_requests", 2_628_000),
        ("lambda_requests", 4_283_640),  # 2,628,000 + 1,314,000 + 294,920 + 43,800 + 2,920
        # calls: 2,628,000 x 9/3 + 294,920 x 2 + 2,920 x 2 = 8,479,680; starts: 4,380, reconcile 2,920; seconds:
        # ingest 105,120 + 4,380, consumer 160,892 + 1,695,936 + 4,380, governor 4,380 + 4,380, reconcile 8,760 + 2,920
        ("lambda_gb_seconds_arm64", 966_009),  # 27,375 + 930,604 + 2,190 + 5,840
        # 657,000 empty, 2,628,000 x 2, (292,000 + 294,920) x 1, 1,608,920 x 2
        ("sqs_requests", 9_717_760),
        ("custom_metrics", 16),
        ("alarms", 17),
        ("dashboards", 1),
        # 2.628 + 2.774 + 0.847968 + 0.80446 + 0.01752 + 0.00584 + 2.14182
        ("log_gb", 9.219608),
        ("log_gb_months", 22.1270592),  # 73 days are 2.4 months of 730 hours
        ("secrets", 3),
        ("secret_calls", 55_480),  # 43,800 + 8,760 + 2,920
        ("mails", 20),
        ("gb_out", 19.58736),  # 8,479,680 x 2,000 + 2,628,000 x 1,000 bytes
        ("web_acl_requests", 2_628_000),
    ],
)
def test_a_busy_months_quantities(name: str, quantity: float) -> None:
    assert BUSY_QUANTITIES[name] == pytest.approx(quantity, rel=1e-9)


def test_rare_requests_are_all_traced_and_of_many_a_twentieth() -> None:
    assert traced(1_000, 5) == pytest.approx(1_000, rel=0.001)
    assert traced(2_628_000_000, 5) == pytest.approx(2_628_000 * 50.95)  # of 1,000 a second: one, and 5 % of 999


def test_the_consumers_traces_are_counted_beside_those_of_the_api() -> None:
    assert BUSY_QUANTITIES["traces"] > traced(2_628_000, 5) + traced(1_608_920, 5) > 2_628_000


def test_metrics_are_billed_for_the_hours_in_which_they_are_written() -> None:
    idle = month(1e-6, ROUND, stack=STACK)["quantities"]
    # 1/19 of them 9 deliveries and 10 messages of reconcile: one an hour on average, so none in one hour of e
    hourly = month(730 * 9 / 19, ROUND, stack=STACK)["quantities"]

    assert idle["custom_metrics"] == pytest.approx(6, abs=1e-6)
    assert hourly["custom_metrics"] == pytest.approx(6 + 10 * (1 - 1 / 2.718281828), rel=1e-6)


def test_a_large_order_is_billed_as_several_requests_to_sqs() -> None:
    large = BUSY.quantities(STACK, ROUND | {"order_kb": 65})

    # two chunks instead of one for each delivery, sent and received; eleven (650 KB) instead of one for ten reconciled
    more = 2 * 2_628_000 + 10 * (292_000 + 294_920)
    assert large["sqs_requests"] - BUSY_QUANTITIES["sqs_requests"] == pytest.approx(more)


def test_a_price_is_for_so_many_units_and_the_free_tier_is_subtracted() -> None:
    assert costs.bill({"sqs_requests": 2_500_000}) == {"SQS": 1.0}
    assert costs.bill({"sqs_requests": 2_500_000}, free_tier=True) == {"SQS": pytest.approx(0.6)}
    assert costs.bill({"sqs_requests": 999_999}, free_tier=True) == {"SQS": 0}


def test_the_bill_adds_up_by_service_and_the_web_acl_is_not_in_the_total() -> None:
    bill = costs.bill(BUSY_QUANTITIES)

    assert bill["Lambda"] == pytest.approx(0.856728 + 12.8801844)  # 966,009 x 0.0000133334
    assert bill["Secrets Manager"] == pytest.approx(1.2 + 0.2774)
    assert bill["Web ACL"] == pytest.approx(5 + 2 + 1.5768)
    assert costs.total(bill) == pytest.approx(sum(bill.values()) - bill["Web ACL"])


# Laws

deliveries = st.integers(1, 100_000_000)


def total_usd(count: int, **changes: float) -> float:
    usd: float = month(count, ASSUMED | changes, stack=DEPLOYED)["total_usd"]
    return usd


@given(deliveries, deliveries)
def test_more_events_never_cost_less(some: int, others: int) -> None:
    assert total_usd(min(some, others)) <= total_usd(max(some, others))


@given(deliveries, st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_larger_orders_never_cost_less(count: int, some_kb: float, other_kb: float) -> None:
    assert total_usd(count, order_kb=min(some_kb, other_kb)) <= total_usd(count, order_kb=max(some_kb, other_kb))


@given(deliveries)
def test_the_free_tier_never_costs_more(count: int) -> None:
    assert 0 < month(count, stack=DEPLOYED)["total_usd_with_free_tier"] <= total_usd(count)


# The template


def test_the_template_is_read_with_its_defaults() -> None:
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "One"}}
    ratio = [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a / b"}]
    function = {
        "MemorySize": 512,
        "Events": {"Often": {"Type": "Schedule", "Properties": {"Schedule": "rate(2 hours)"}}},
    }
    source = {
        "Parameters": {"Days": {"Default": 14}, "Chip": {"Default": "x86_64"}},
        "Globals": {"Function": {"MemorySize": 256, "Architectures": [{"Ref": "Chip"}]}},
        "Resources": {
            "Alarm": alarm,
            "RatioAlarm": alarm | {"Properties": {"Metrics": ratio}},
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}},
            "Sometimes": {"Type": "AWS::Serverless::Function", "Properties": function},
            "Usual": {"Type": "AWS::Serverless::Function", "Properties": {}},
        },
    }

    assert Stack.read(source) == Stack(
        alarms=3,  # an expression over metrics costs as many as these are
        dashboards=0,
        secrets=0,
        web_acl_rules=0,
        memory_gb={"Sometimes": 0.5, "Usual": 0.25},
        schedules={"Sometimes": 7200},
        window_s=0,
        retention_days=14,
        architecture="x86_64",
    )


def test_every_function_of_the_template_is_counted() -> None:
    functions = {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"}

    assert set(Workload.of(1, DEPLOYED, ASSUMED).invocations) == functions


def test_every_resource_of_the_template_is_priced_or_known_to_be_free() -> None:
    assert {resource["Type"] for resource in RESOURCES.values()} - PRICED - FREE == set()


def test_no_alarm_is_of_the_expensive_kind_that_is_evaluated_more_than_once_a_minute() -> None:
    alarms = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::CloudWatch::Alarm"]

    assert min(alarm["Properties"].get("Period", 60) for alarm in alarms) >= 60


# Prices and assumptions


def test_every_price_in_use_is_listed_and_every_listed_price_is_in_use() -> None:
    stacks = [replace(DEPLOYED, architecture=architecture) for architecture in ("arm64", "x86_64")]

    assert set().union(*(month(1, stack=stack)["quantities"] for stack in stacks)) == set(PRICES)


@pytest.mark.parametrize("name", ASSUMED)
def test_every_assumption_matters(name: str) -> None:
    usual = month(1_000_000, stack=DEPLOYED)
    larger = month(1_000_000, ASSUMED | {name: ASSUMED[name] * 20}, stack=DEPLOYED)

    assert usual["quantities"] != larger["quantities"]


# The page and the command


def test_the_page_is_what_the_program_computes() -> None:
    assert costs.PAGE.read_text(encoding="utf-8") == costs.page(), "python -m generators.costs --write renews it"


def test_the_readme_has_the_same_figures() -> None:
    readme = (template.TEMPLATE.parent / "README.md").read_text(encoding="utf-8")
    some, many = (round(total_usd(count)) for count in costs.PAGE_DELIVERIES[1:])

    assert f"about {some} dollars a month for up to 30,000 deliveries and {many} for a million" in readme


def test_a_shops_own_case_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert costs.main(["--events", "12000", "500"]) == 0

    printed = capsys.readouterr().out
    assert f"{total_usd(12_000):.2f}" in printed
    assert f"{total_usd(500):.2f}" in printed


def test_a_shops_own_case_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert costs.main(["--events", "12000", "--order-kb", "100", "--assume", "pollers=2", "--json"]) == 0

    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["total_usd"] == pytest.approx(total_usd(12_000, order_kb=100, pollers=2))
    assert printed["deliveries"] == 12_000


def test_another_architecture_and_another_region_have_prices_of_their_own() -> None:
    x86 = month(12_000, stack=replace(DEPLOYED, architecture="x86_64"))
    ireland = month(12_000, region=costs.OTHER_REGION)

    assert x86["usd"]["Lambda"] > month(12_000)["usd"]["Lambda"]
    assert ireland["usd"]["CloudWatch Logs"] > month(12_000)["usd"]["CloudWatch Logs"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--events", "0"], "0: a number above 0 is needed"),
        (["--region", "mars-1"], "mars-1"),
        (["--assume", "pollerz=2"], "no assumption is called 'pollerz'"),
        (["--assume", "pollers=0"], "0: a number above 0 is needed"),
        (["--assume", "pollers=inf"], "inf: a number above 0 is needed"),
        (["--assume", "pollers"], "could not convert"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        costs.main(arguments)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err
