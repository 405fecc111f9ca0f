"""What a month costs: the arithmetic, the prices, and docs/costs.md."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import costs, template
from generators.costs import ASSUMED, PRICES, Month, bill, of_template, total, traced
from tests.support.template import FUNCTIONS, RESOURCES, TEMPLATE

PRICED = {
    "AWS::Serverless::Function",
    "AWS::Serverless::Api",
    "AWS::SQS::Queue",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SNS::Subscription",
    "AWS::WAFv2::WebACL",
}
FREE = {
    "AWS::S3::BucketPolicy",
    "AWS::Serverless::LayerVersion",
    "AWS::SSM::Parameter",  # standard ones
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::QueryDefinition",  # a query is billed by the bytes it reads
    "AWS::WAFv2::WebACLAssociation",
    "AWS::WAFv2::IPSet",
}

# A month of 730 hours has 2,628,000 seconds, 43,800 minutes, 2,920 quarters of an hour.
ASSUMPTIONS = {
    "alarms": 17,
    "secrets": 3,
    "ingest_mb": 256,
    "consumer_mb": 512,
    "governor_mb": 256,
    "reconcile_mb": 512,
    "governor_every_min": 1,
    "reconcile_every_min": 15,
    "window_s": 5,
    "retention_days": 73,
    "stores": 1,
    "configuration_objects": 3,
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
    "consumer_log_bytes": 500,
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
BUSY = Month(2_628_000, ASSUMPTIONS)  # one delivery a second
ALL_OPTIONS = dict.fromkeys(costs.OPTIONS.values(), 1)


def test_one_delivery_a_second_makes_batches_of_two_messages() -> None:
    # each of five pollers receives one of the five messages in five seconds, and one of them waits: two in a batch
    assert BUSY.batches == 1_314_000


def test_reconcile_queues_recent_changes_twice_and_others_once() -> None:
    assert BUSY.reconciled == pytest.approx(2_920_000)  # 2,628,000 x 2/3 changes, 10 of 15 minutes once more
    assert BUSY.reconciled_batches == pytest.approx(294_920)  # a tenth, and one for each run


def test_each_reconciled_change_of_a_quiet_shop_is_a_batch() -> None:
    # 1,000 changes, each a batch, and a tenth of them again
    assert Month(900, ASSUMPTIONS).reconciled_batches == pytest.approx(1_100)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("api_requests", 2_628_000),
        ("lambda_requests", 4_283_640),  # 2,628,000 + 1,314,000 + 294,920 + 43,800 + 2,920
        # calls: 2,628,000 x 9/3 + 294,920 x 2 + 2,920 x 2 = 8,479,680; starts: 4,380, reconcile 2,920; seconds:
        # ingest 105,120 + 4,380, consumer 160,892 + 1,695,936 + 4,380, governor 4,380 + 4,380, reconcile 8,760 + 2,920
        ("lambda_gb_seconds", 966_009),  # 27,375 + 930,604 + 2,190 + 5,840
        # 657,000 empty, 2,628,000 x 2, (292,000 + 294,920) x 1, 1,608,920 x 2
        ("sqs_requests", 9_717_760),
        ("s3_requests", 46_720),  # each minute by the consumer, each run by reconcile
        ("custom_metrics", 16),
        ("alarms", 17),
        ("dashboards", 0),
        ("traces", 0),
        # 2.628 + 2.774 + 0.847968 + 0.80446 + 0.01752 + 0.00584 + 2.14182
        ("log_gb", 9.219608),
        ("log_gb_months", 22.1270592),  # 73 days are 2.4 months of 730 hours
        ("secrets", 3),
        ("secret_calls", 55_480),  # 43,800 + 8,760 + 2,920
        ("mails", 20),
        ("gb_out", 19.58736),  # 8,479,680 x 2,000 + 2,628,000 x 1,000 bytes
    ],
)
def test_the_quantities_of_a_busy_month_equal_those_computed_by_hand(name: str, quantity: float) -> None:
    assert BUSY.quantities[name] == pytest.approx(quantity, rel=1e-9)


def test_all_rare_requests_are_traced_and_5_percent_of_frequent_ones() -> None:
    assert traced(1_000, 5) == pytest.approx(1_000, rel=0.001)
    assert traced(2_628_000_000, 5) == pytest.approx(2_628_000 * 50.95)  # of 1,000 a second: one, and 5 % of 999


def test_traces_include_those_of_the_api_and_the_consumer() -> None:
    traces = Month(2_628_000, ASSUMPTIONS | ALL_OPTIONS).quantities["traces"]

    assert traces > traced(2_628_000, 5) + traced(1_608_920, 5) > 2_628_000


def test_custom_metrics_are_billed_for_the_hours_with_data() -> None:
    idle = Month(1e-6, ASSUMPTIONS).quantities
    # in 19 hours 9 deliveries and 10 messages of reconcile: one an hour on average, so none in 1/e of the hours
    hourly = Month(730 * 9 / 19, ASSUMPTIONS).quantities

    assert idle["custom_metrics"] == pytest.approx(6, abs=1e-6)
    assert hourly["custom_metrics"] == pytest.approx(6 + 10 * (1 - 1 / 2.718281828), rel=1e-6)


def test_a_large_order_is_billed_as_several_requests_to_sqs() -> None:
    large = Month(2_628_000, ASSUMPTIONS | {"order_kb": 65}).quantities

    # two chunks instead of one for each delivery, sent and received; eleven (650 KB) instead of one for ten reconciled
    more = 2 * 2_628_000 + 10 * (292_000 + 294_920)
    assert large["sqs_requests"] - BUSY.quantities["sqs_requests"] == pytest.approx(more)


def test_the_free_tier_is_subtracted_from_the_bill() -> None:
    assert bill({"sqs_requests": 2_500_000}) == {"SQS": 1.0}
    assert bill({"sqs_requests": 2_500_000}, free_tier=True) == {"SQS": pytest.approx(0.6)}
    assert bill({"sqs_requests": 999_999}, free_tier=True) == {"SQS": 0}


def test_the_total_is_the_sum_of_all_services() -> None:
    dollars = bill(BUSY.quantities)

    assert dollars["Lambda"] == pytest.approx(0.856728 + 12.8801844)  # 966,009 x 0.0000133334
    assert dollars["Secrets Manager"] == pytest.approx(1.2 + 0.2774)
    assert total(2_628_000, ASSUMPTIONS) == pytest.approx(sum(dollars.values()))


def test_all_options_add_one_dashboard_and_the_detailed_metrics() -> None:
    plain, full = (Month(2_628_000, ASSUMPTIONS | options).quantities for options in ({}, ALL_OPTIONS))

    assert full["dashboards"] - plain["dashboards"] == 1
    assert full["custom_metrics"] - plain["custom_metrics"] == pytest.approx(len(costs.METRICS["detailed"]))


def test_a_further_store_costs_its_secrets_and_its_reconcile_runs() -> None:
    single, three = (Month(2_628_000, ASSUMPTIONS | {"stores": stores}).quantities for stores in (1, 3))

    assert three["secrets"] - single["secrets"] == 4
    assert three["secret_calls"] - single["secret_calls"] == 2 * (43_800 + 2_920)
    assert three["alarms"] == single["alarms"]
    assert three["custom_metrics"] - single["custom_metrics"] == 2 * len(costs.METRICS["of_a_further_store"])
    # two more runs of 3 s with 512 MB, and of the consumer's batches for them: 100 ms and two calls of 200 ms
    assert three["lambda_gb_seconds"] - single["lambda_gb_seconds"] == pytest.approx(2 * 2_920 * (1.5 + 0.25))


deliveries = st.integers(1, 100_000_000)


@given(deliveries, deliveries)
def test_more_deliveries_never_cost_less(some: int, others: int) -> None:
    assert total(min(some, others)) <= total(max(some, others))


@given(deliveries, st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_larger_orders_never_cost_less(count: int, some_kb: float, other_kb: float) -> None:
    assert total(count, {"order_kb": min(some_kb, other_kb)}) <= total(count, {"order_kb": max(some_kb, other_kb)})


@given(deliveries)
def test_the_free_tier_never_costs_more(count: int) -> None:
    assert 0 < total(count, free_tier=True) <= total(count)


@given(deliveries, st.integers(2, 50))
def test_several_stores_in_one_stack_never_cost_more_than_separate_stacks(count: int, stores: int) -> None:
    assert total(count, {"stores": stores}) <= stores * total(count / stores)


@pytest.mark.parametrize(("count", "dollars"), [(30_000, 9), (1_000_000, 25)])
def test_a_month_costs_no_more_than_the_goal(count: int, dollars: int) -> None:
    assert total(count) <= dollars


def test_of_template_reads_the_defaults_of_parameters() -> None:
    source = copy.deepcopy(TEMPLATE)
    source["Parameters"]["LogRetentionDays"]["Default"] = 14
    source["Parameters"]["CreateDashboard"]["Default"] = "true"
    source["Resources"]["GovernorFunction"]["Properties"]["MemorySize"] = 2048
    ratio = {"Metrics": [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a / b"}]}
    source["Resources"]["RatioAlarm"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": ratio}

    changed = {name: value for name, value in of_template(source).items() if value != ASSUMED[name]}

    # an alarm on an expression is billed for each of its metrics
    assert changed == {"retention_days": 14, "dashboards": True, "governor_mb": 2048, "alarms": ASSUMED["alarms"] + 2}


def test_every_function_of_the_template_is_counted() -> None:
    assert {f"{name.title()}Function" for name in Month(1).runs} == set(FUNCTIONS)


def test_the_lambda_price_is_that_of_the_templates_architecture() -> None:
    assert TEMPLATE["Parameters"]["Architecture"]["Default"] in PRICES["lambda_gb_seconds"]["unit"]


def test_every_resource_type_of_the_template_is_priced_or_free() -> None:
    assert {resource["Type"] for resource in RESOURCES.values()} - PRICED - FREE == set()


def test_no_alarm_has_a_period_below_a_minute() -> None:
    alarms = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::CloudWatch::Alarm"]

    assert min(alarm["Properties"].get("Period", 60) for alarm in alarms) >= 60


def test_the_listed_prices_are_those_in_use() -> None:
    assert set(Month(1).quantities) == set(PRICES)


@pytest.mark.parametrize("name", ASSUMED)
def test_every_assumption_changes_a_quantity(name: str) -> None:
    usual = {**ASSUMED, **ALL_OPTIONS, "stores": 2}
    larger = usual | {name: usual[name] * 20}

    assert Month(1_000_000, usual).quantities != Month(1_000_000, larger).quantities


def test_costs_md_equals_the_generated_page() -> None:
    assert costs.PAGE.read_text(encoding="utf-8") == costs.page(), (
        "`python -m generators.costs --write` updates the page"
    )


def test_the_readme_has_the_same_totals() -> None:
    readme = (template.TEMPLATE.parent / "README.md").read_text(encoding="utf-8")
    some, many = (round(total(count)) for count in costs.PAGE_DELIVERIES[1:])

    assert f"about {some} dollars a month for up to 30,000 deliveries and {many} for a million" in readme


def test_the_command_prints_the_total_for_other_assumptions(capsys: pytest.CaptureFixture[str]) -> None:
    assert costs.main(["--events", "12000", "500", "--assume", "order_kb", "100", "--assume", "stores", "3"]) == 0

    printed = capsys.readouterr().out
    changes = {"order_kb": 100, "stores": 3}
    assert f"{total(12_000, changes):.2f} | {total(500, changes):.2f}" in printed


@pytest.mark.parametrize("arguments", [["pollerz", "2"], ["pollers", "many"], ["pollers", "-1"]])
def test_an_invalid_assumption_exits_2_and_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        costs.main(["--assume", *arguments])

    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
