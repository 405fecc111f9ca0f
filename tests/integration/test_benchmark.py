"""The benchmark's figures are right, and the naive flow fails as docs/benchmarks.md describes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark import __main__ as program
from benchmark import commerce, functions, measures
from benchmark.account import create_contacts
from benchmark.figures import Figure
from benchmark.measures import CONTENDERS, NAIVE_1, NAIVE_5, WOOHUB, WRONG, wrong_orders
from benchmark.orders import (
    START_S,
    Person,
    Workload,
    delivery,
    new_orders,
    order,
    status_changes,
    two_deliveries_each,
)
from simulators.hubspot import InjectedFault
from simulators.hubspot.definitions import OBJECT_TYPES

INGEST = [functions.ROOT / "functions" / "ingest", functions.ROOT / "layers" / "shared"]
NOTHING_WRONG = dict.fromkeys(WRONG, 0)


def an_order_created_and_completed(*, seconds_apart: float) -> Workload:
    """One order created and, some seconds later, completed."""
    created = order(1, Person(1), status="pending", created=START_S, modified=START_S)
    completed = created | {"status": "completed"}
    first, second = (
        delivery("order.created", created, START_S),
        delivery("order.updated", completed, START_S + seconds_apart),
    )
    return Workload([first, second], [completed])


def test_a_new_order_costs_the_naive_flow_five_calls() -> None:
    run = NAIVE_1.start()

    assert run.process(new_orders(1, START_S)).calls == 5
    assert dict(run.portal.calls) == {
        "POST objects/<object_type>/search": 2,
        "POST objects/<object_type>": 2,
        "PUT links/<object_type>/<object_id>/associations/<to_type>/<to_id>": 1,
    }


def test_naive_flow_is_right_when_the_second_delivery_comes_after_the_index_lag() -> None:
    run, workload = NAIVE_1.start(), an_order_created_and_completed(seconds_apart=30)

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == NOTHING_WRONG


def test_naive_flow_duplicates_the_deal_of_a_known_customer_within_the_index_lag() -> None:
    run, workload = NAIVE_1.start(), an_order_created_and_completed(seconds_apart=1)
    create_contacts(run.portal, run.clock, [Person(1)])

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == NOTHING_WRONG | {"duplicated": 1, "in any way": 1}


def test_naive_flow_loses_the_second_delivery_of_a_new_customer_within_the_index_lag() -> None:
    run, workload = NAIVE_1.start(), an_order_created_and_completed(seconds_apart=1)

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == NOTHING_WRONG | {"stale": 1, "in any way": 1}
    assert run.flow.dead_letters == 1


def test_naive_flow_tries_a_call_seven_times_with_doubled_waits_from_1_s() -> None:
    run = NAIVE_1.start()
    run.portal.faults.add(InjectedFault(status=503))

    count = run.process(new_orders(1, START_S))

    assert count.calls == 7
    assert count.seconds == pytest.approx(1 + 2 + 4 + 8 + 16 + 32 + 7 * 0.08)
    assert run.flow.dead_letters == 1


def test_five_naive_workers_process_two_orders_in_half_the_virtual_time() -> None:
    alone, five = NAIVE_1.start(), NAIVE_5.start()
    workload = new_orders(2, START_S)

    assert alone.process(workload).seconds == pytest.approx(10 * 0.08)
    assert five.process(workload).seconds == pytest.approx(5 * 0.08)


def test_woohub_needs_five_calls_for_a_hundred_new_orders() -> None:
    assert measures.calls(WOOHUB, count=100) == {"new": 5, "changed": 3, "unchanged": 2, "cold": 2}


def test_woohub_is_right_within_the_index_lag() -> None:
    run, workload = WOOHUB.start(), an_order_created_and_completed(seconds_apart=3)

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == NOTHING_WRONG


def test_woohub_processes_all_orders_after_an_outage_without_dead_letters() -> None:
    run, workload = WOOHUB.start(), new_orders(5, START_S)
    run.portal.faults.add(InjectedFault(status=503, until=START_S + 600))

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == NOTHING_WRONG
    assert run.flow.dead_letters == 0


@pytest.mark.parametrize("outage_s", measures.OUTAGES_S)
def test_woohub_processes_a_backlog_after_an_outage_in_full_batches(outage_s: float) -> None:
    orders_per_s, calls_per_100 = measures.recovery(outage_s)

    assert orders_per_s >= 150
    assert calls_per_100 <= 6


@pytest.mark.parametrize("contender", [NAIVE_5, WOOHUB], ids=lambda contender: contender.name)
def test_the_same_seed_gives_the_same_figures(contender: measures.Contender) -> None:
    assert measures.rush(contender, seed=3, chaos=True) == measures.rush(contender, seed=3, chaos=True)


def test_counted_calls_equal_the_simulators_and_include_calls_answered_429() -> None:
    run = NAIVE_1.start()
    run.portal.faults.add(InjectedFault(status=429, count=1))
    create_contacts(run.portal, run.clock, [Person(1)])

    count = run.process(new_orders(1, START_S))

    assert (count.calls, count.answers_429) == (run.portal.counters()["total"], 1) == (6, 1)


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, tuple[Change, dict[str, int]]] = {
    "missing": (lambda portal: portal["deals"].clear(), NOTHING_WRONG | {"missing": 1, "in any way": 1}),
    "stale": (
        lambda portal: portal["deals"][0]["properties"].update(dealstage="failed"),
        NOTHING_WRONG | {"stale": 1, "in any way": 1},
    ),
    "without contact": (
        lambda portal: portal["deals"][0]["contacts"].clear(),
        NOTHING_WRONG | {"without contact": 1, "in any way": 1},
    ),
    "contact of somebody else": (
        lambda portal: portal["contacts"][0]["properties"].update(email="other@shop.example"),
        NOTHING_WRONG | {"without contact": 1, "in any way": 1},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_wrong_orders_counts_each_kind_of_error(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, workload = WOOHUB.start(), new_orders(1, START_S)
    run.process(workload)
    state = run.portal.state()
    apply, expected = CHANGES[change]

    apply(state)
    monkeypatch.setattr(run.portal, "state", lambda: state)

    assert wrong_orders(run.portal, workload.orders) == expected


def test_two_deliveries_each_has_the_documented_mix_of_orders() -> None:
    workload = two_deliveries_each(START_S)
    bodies = [json.loads(delivery.body) for delivery in workload.deliveries]
    created, updated = bodies[::2], bodies[1::2]
    same = sum(before == after for before, after in zip(created, updated, strict=True))
    statuses = {(before["status"], after["status"]) for before, after in zip(created, updated, strict=True)}

    assert (len(bodies), same) == (400, 160)
    assert statuses == {("processing", "processing"), ("pending", "processing")}
    assert sum(body["customer_id"] == 0 for body in created) == 60
    assert len({body["billing"]["email"] for body in created}) == 150


def test_status_changes_have_a_later_modification_date_than_their_orders() -> None:
    workload = new_orders(1, START_S)
    (later,) = status_changes(workload.orders, ["completed"], at=START_S + 60).orders

    assert later["date_modified_gmt"] > workload.orders[0]["date_modified_gmt"]


def test_rate_leaves_out_the_warm_up() -> None:
    assert measures.rate([1, 2, 3, 12, 14, 16, 18, 20], since=10) == pytest.approx(0.5)


def test_metered_http_adds_up_the_cpu_time_of_requests() -> None:
    class BusyHttp:
        def request(self, *_: Any, **__: Any) -> str:
            sum(range(2_000_000))
            return "answer"

    metered = functions.MeteredHttp(BusyHttp())  # type: ignore[arg-type]

    assert metered.request("GET", "/") == "answer"
    assert metered.inside_s > 0


def test_ingest_footprint_measures_time_and_memory() -> None:
    footprint = functions.ingest_footprint(INGEST)

    assert footprint.event_ms > 0
    assert footprint.peak_mib > 1


def test_probe_reports_cpu_time_and_all_imported_modules() -> None:
    start = functions.probe(INGEST)

    assert start["cpu_s"] > 0
    assert {"app", "woohub.delivery.signatures", "botocore.client", "json"} <= set(start["modules"])


def test_probe_raises_the_reason_why_a_function_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise ValueError('the environment variable QUEUE_URL is not set')")

    with pytest.raises(RuntimeError, match="QUEUE_URL is not set"):
        functions.probe([tmp_path])


def test_zipped_kb_is_the_size_of_the_compressed_files(tmp_path: Path) -> None:
    (tmp_path / "python" / "woohub").mkdir(parents=True)
    (tmp_path / "python" / "woohub" / "sync.py").write_bytes(b"#" * 5000)

    assert 0 < functions.zipped_kb(tmp_path) < 1


def test_lambda_path_is_in_the_search_order_of_lambda() -> None:
    built = {name: Path(name) for name in ("governor", "dependencies layer", "shared layer")}

    assert [str(folder) for folder in functions.lambda_path(built, "governor")] == [
        "governor",
        "dependencies layer/python",
        "shared layer/python",
    ]


def a_figure(value: float, **goal: float) -> Figure:
    return Figure("HubSpot calls", "calls", {contender.name: value for contender in CONTENDERS}, **goal)


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (a_figure(5, at_most=5), "reached"),
        (a_figure(5.1, at_most=5), "missed"),
        (a_figure(150, at_least=150), "reached"),
        (a_figure(149, at_least=150), "missed"),
        (a_figure(0.1, at_most=0), "missed"),
        (a_figure(7), ""),
    ],
)
def test_a_figure_reports_whether_its_goal_is_reached(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.04, "0.04"), (1.25, "1.25"), (13.333, "13.3"), (698.3, "698"), (1065.5, "1,066")]
)
def test_number_rounds_to_three_digits_but_not_to_zero(value: float, text: str) -> None:
    assert program.number(value) == text


def test_page_shows_each_figure_and_counts_reached_goals() -> None:
    page = program.page([a_figure(12.5, at_most=10), a_figure(3, at_least=2)])

    assert "| calls | 12.5 | 12.5 | **12.5** | ≤ 10 | missed |\n| calls | 3 | 3 | **3** | ≥ 2 | reached |\n" in page
    assert "1 of 2 goals are reached" in page


@pytest.mark.parametrize(("value", "code"), [(10, 0), (11, 1)])
def test_main_returns_1_when_a_goal_is_missed(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "measure", lambda _: [a_figure(value, at_most=10)])

    assert program.main(["--json"]) == code
    printed = json.loads(capsys.readouterr().out)
    assert printed["missed"] == code
    assert printed["sections"][0]["figures"][0]["values"]["woohub"] == value


def test_main_prints_each_figure_and_how_far_a_goal_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "measure", lambda _: [a_figure(11, at_most=10)])

    program.main([])

    captured = capsys.readouterr()
    assert " ".join(captured.out.split()).endswith("HubSpot calls calls 11 11 11 ≤ 10 missed")
    assert "missed: HubSpot calls, calls: 11, goal ≤ 10" in captured.err


def test_wrong_items_and_wrong_metrics_count_each_error() -> None:
    run = commerce.contender(commerce.LINE_ITEMS + commerce.METRICS).start()
    workload = new_orders(6, run.clock.now)
    run.process(workload)
    before = commerce.wrong_items(run.portal, workload.orders), commerce.wrong_metrics(run.portal, workload.orders)
    first, second = run.portal.state()["line_items"][:2]
    run.portal.objects.archive(OBJECT_TYPES["line_items"], first["id"])
    run.portal.objects.update(OBJECT_TYPES["line_items"], second["id"], {"properties": {"quantity": "77"}})
    contact = run.portal.state()["contacts"][0]["id"]
    run.portal.objects.update(OBJECT_TYPES["contacts"], contact, {"properties": {"woocommerce_orders": "9"}})

    assert not any(before[0].values())
    assert before[1] == 0
    assert {kind: n for kind, n in commerce.wrong_items(run.portal, workload.orders).items() if n} == {
        "missing": 1,
        "wrong": 1,
    }
    assert commerce.wrong_metrics(run.portal, workload.orders) == 1
