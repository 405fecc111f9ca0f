"""What a month costs: the arithmetic, the prices, and docs/costs.md."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import template
from generators.costs import assumptions, page, prices, stack
from generators.costs.__main__ import main
from generators.costs.bill import by_service, largest, total
from generators.costs.cases import Case
from generators.costs.month import CONSUMER, GOVERNOR, INGEST, RECONCILE, Month, traced
from generators.costs.prices import Price
from tests.unit.test_template import FUNCTIONS, RESOURCES

DEPLOYED = stack.deployed()
ASSUMED = assumptions.load()
PRICES = prices.load()
USED = [set(Month(1, replace(DEPLOYED, architecture=one), ASSUMED).quantities()) for one in stack.ARCHITECTURES]

# A month of 730 hours has 2,628,000 seconds, 43,800 minutes, 2,920 quarters of an hour.
STACK = stack.Stack(
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
    "calls_per_swept_batch": 2,
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
BUSY = Month(2_628_000, STACK, ROUND)  # one delivery a second


def a_case(deliveries: float, **changes: float) -> Case:
    return Case(Month(deliveries, DEPLOYED, ASSUMED | changes), PRICES)


# Known answers, worked out by hand


def test_a_poller_takes_along_what_it_receives_within_the_window() -> None:
    assert BUSY.batches == 1_314_000  # one of five pollers gets one more of the five in five seconds: two in a batch


def test_a_sweep_queues_each_change_once_and_a_young_one_twice() -> None:
    assert BUSY.swept == pytest.approx(2_920_000)  # 2,628,000 x 2/3 changes, 10 of 15 minutes once more
    assert BUSY.swept_batches == pytest.approx(294_920)  # a tenth, and one for each run


def test_a_quiet_shops_changes_are_swept_one_by_one() -> None:
    assert Month(900, STACK, ROUND).swept_batches == pytest.approx(
        1_100
    )  # 1,000 in batches of their own, and a tenth on top


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
    assert BUSY.quantities()[name] == pytest.approx(quantity, rel=1e-9)


def test_rare_requests_are_all_traced_and_of_many_a_twentieth() -> None:
    assert traced(1_000, 5) == pytest.approx(1_000, rel=0.001)
    assert traced(2_628_000_000, 5) == pytest.approx(2_628_000 * 50.95)  # of 1,000 a second: one, and 5 % of 999


def test_the_consumers_traces_are_counted_beside_those_of_the_api() -> None:
    assert BUSY.traces > traced(2_628_000, 5) + traced(1_608_920, 5) > 2_628_000


def test_metrics_are_billed_for_the_hours_in_which_they_are_written() -> None:
    assert Month(1e-6, STACK, ROUND).custom_metrics == pytest.approx(6, abs=1e-6)
    # 1/19 of them 9 deliveries and 10 messages of sweeps: one an hour on average, so none in one hour of e
    per_hour = Month(730 * 9 / 19, STACK, ROUND)
    assert per_hour.custom_metrics == pytest.approx(6 + 10 * (1 - 1 / 2.718281828), rel=1e-6)


def test_a_large_order_is_billed_as_several_requests_to_sqs() -> None:
    large = replace(BUSY, assumed=ROUND | {"order_kb": 65})

    # two chunks instead of one for each delivery, sent and received; eleven (650 KB) instead of one for ten swept
    assert large.sqs_requests - BUSY.sqs_requests == pytest.approx(2 * 2_628_000 + 10 * (292_000 + 294_920))


def test_a_price_is_for_so_many_units_and_the_free_ones_are_taken_off() -> None:
    price = Price("SQS", "million requests", 1_000_000, 0.40, free=1_000_000)

    assert price.of(2_500_000) == 1.0
    assert price.of(2_500_000, free_tier=True) == pytest.approx(0.6)
    assert price.of(999_999, free_tier=True) == 0


def test_the_bill_adds_up_by_service_and_the_web_acl_is_not_in_the_total() -> None:
    bill = by_service(BUSY.quantities(), PRICES)

    assert bill["Lambda"] == pytest.approx(0.856728 + 12.8801844)  # 966,009 x 0.0000133334
    assert bill["Secrets Manager"] == pytest.approx(1.2 + 0.2774)
    assert bill["Web ACL"] == pytest.approx(5 + 2 + 1.5768)
    assert total(bill) == pytest.approx(sum(bill.values()) - bill["Web ACL"])


def test_the_largest_items_come_first() -> None:
    assert largest({"Web ACL": 9, "SQS": 1, "Lambda": 3, "SNS": 0, "X-Ray": 2}) == ["Lambda", "X-Ray", "SQS"]


# Laws

deliveries = st.integers(1, 100_000_000)


@given(deliveries, deliveries)
def test_more_events_never_cost_less(some: int, others: int) -> None:
    fewer, more = a_case(min(some, others)), a_case(max(some, others))

    assert fewer.total <= more.total
    assert fewer.total_with_free_tier <= more.total_with_free_tier


@given(deliveries, st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_larger_orders_never_cost_less(count: int, one: float, other: float) -> None:
    assert a_case(count, order_kb=min(one, other)).total <= a_case(count, order_kb=max(one, other)).total


@given(deliveries)
def test_the_free_tier_never_costs_more(count: int) -> None:
    assert 0 < a_case(count).total_with_free_tier <= a_case(count).total


# The template


def test_the_template_is_read_with_its_defaults() -> None:
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "One"}}
    ratio = [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a / b"}]
    function = {
        "MemorySize": 512,
        "Events": {"Often": {"Type": "Schedule", "Properties": {"Schedule": "rate(2 hours)"}}},
    }
    template = {
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

    assert stack.read(template) == stack.Stack(
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
    assert set(Month(1, DEPLOYED, ASSUMED).invocations) == set(FUNCTIONS)


def test_every_resource_of_the_template_is_priced_or_known_to_be_free() -> None:
    assert {one["Type"] for one in RESOURCES.values()} - stack.PRICED - stack.FREE == set()


def test_no_alarm_is_of_the_dearer_kind_that_looks_more_than_once_a_minute() -> None:
    periods = [
        one["Properties"].get("Period", 60) for one in RESOURCES.values() if one["Type"] == "AWS::CloudWatch::Alarm"
    ]

    assert min(periods) >= 60


# Prices and assumptions


def test_every_price_in_use_is_listed_and_every_listed_price_is_in_use() -> None:
    assert set.union(*USED) == set(PRICES)


@pytest.mark.parametrize("region", [prices.REGION, page.OTHER_REGION])
def test_every_price_says_where_it_is_published(region: str) -> None:
    listed = prices.read(prices.PRICES)
    listed.pop("looked_up")

    assert all(one["page"].startswith("https://aws.amazon.com/") for one in listed.values())
    assert set(prices.load(region=region)) == set(listed)


@pytest.mark.parametrize("name", ASSUMED)
def test_every_assumption_matters(name: str) -> None:
    one, twice = (Month(1_000_000, DEPLOYED, ASSUMED | {name: ASSUMED[name] * times}) for times in (1, 20))

    assert one.quantities() != twice.quantities()


def test_every_largest_item_has_something_said_about_it() -> None:
    assert set(page.LEVERS) == {price.service for price in PRICES.values()} - {"Web ACL"}


# The page and the command


def test_the_page_is_what_the_program_computes() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.markdown(), "python -m generators.costs --write renews it"


def test_the_readme_has_the_same_figures() -> None:
    readme = (template.TEMPLATE.parent / "README.md").read_text(encoding="utf-8")
    some, many = (round(case.total) for case in page.usual()[1:])

    assert f"about {some} dollars a month for up to 30,000 deliveries and {many} for a million" in readme


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "An event is one delivery by the store" in said
    assert "python -m generators.costs --events 12000 --order-kb 20 --region eu-west-1" in said


def test_ones_own_case_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--events", "12000", "500"]) == 0

    said = capsys.readouterr().out
    assert f"{a_case(12_000).total:.2f}" in said
    assert f"{a_case(500).total:.2f}" in said


def test_ones_own_case_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--events", "12000", "--order-kb", "100", "--assume", "pollers=2", "--json"]) == 0

    (found,) = json.loads(capsys.readouterr().out)
    assert found["total_usd"] == pytest.approx(a_case(12_000, order_kb=100, pollers=2).total)
    assert found["deliveries"] == 12_000


def test_another_architecture_has_its_own_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--events", "12000", "--architecture", "x86_64", "--json"]) == 0

    (found,) = json.loads(capsys.readouterr().out)
    assert found["usd"]["Lambda"] > a_case(12_000).bill["Lambda"]


def test_prices_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "prices.toml"
    text = prices.PRICES.read_text(encoding="utf-8")
    own.write_text(text.replace("eu-west-1 = 3.50", "eu-central-1 = 3.70").replace("eu-west-1 = ", "eu-central-1 = "))

    assert main(["--events", "1000000", "--prices", str(own), "--region", "eu-central-1", "--json"]) == 0

    (found,) = json.loads(capsys.readouterr().out)
    assert found["usd"]["API Gateway"] == pytest.approx(3.70)


def test_a_price_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(prices.PRICES.read_text(encoding="utf-8").replace("us-east-1 = 5.00", 'us-east-1 = "five"', 1))

    with pytest.raises(SystemExit):
        main(["--prices", str(own)])

    assert "the price traces cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--write", "--events", "5"], "leave the other options out"),
        (["--events", "0"], "--events"),
        (["--order-kb", "7000"], "--order-kb"),
        (["--region", "mars-1"], "no price for mars-1; known: us-east-1, eu-west-1"),
        (["--assume", "pollerz=2"], "no assumption is called 'pollerz'"),
        (["--assume", "pollers=0"], "pollers=0: a number above 0 is needed"),
        (["--assume", "pollers"], "a number above 0 is needed"),
        (["--prices", "no-such-file.toml"], "no-such-file.toml"),
        (["--prices", str(Path(__file__).parents[2] / "pyproject.toml")], "has no price for alarms, api_requests"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
