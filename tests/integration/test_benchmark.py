"""The benchmark counts right, and the naive flow fails in the ways it is said to."""

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
RIGHT = dict.fromkeys(WRONG, 0)


def a_pair(*, seconds_apart: float) -> Workload:
    """One order created and, some seconds later, completed."""
    created = order(1, Person(1), status="pending", created=START_S, modified=START_S)
    completed = created | {"status": "completed"}
    first, second = (
        delivery("order.created", created, START_S),
        delivery("order.updated", completed, START_S + seconds_apart),
    )
    return Workload([first, second], [completed])


# --- The naive flow ---


def test_a_new_order_costs_the_naive_flow_five_calls() -> None:
    run = NAIVE_1.start()

    assert run.process(new_orders(1, START_S)).calls == 5
    assert dict(run.portal.calls) == {
        "POST objects/<object_type>/search": 2,
        "POST objects/<object_type>": 2,
        "PUT links/<object_type>/<object_id>/associations/<to_type>/<to_id>": 1,
    }


def test_the_naive_flow_is_right_once_the_index_has_caught_up() -> None:
    run, workload = NAIVE_1.start(), a_pair(seconds_apart=30)

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == RIGHT


def test_the_naive_flow_doubles_the_deal_of_a_known_customer_within_the_lag_of_the_index() -> None:
    run, workload = NAIVE_1.start(), a_pair(seconds_apart=1)
    create_contacts(run.portal, run.clock, [Person(1)])

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == RIGHT | {"duplicated": 1, "in any way": 1}


def test_the_naive_flow_loses_the_second_delivery_of_a_new_customer_within_the_lag_of_the_index() -> None:
    run, workload = NAIVE_1.start(), a_pair(seconds_apart=1)

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == RIGHT | {"stale": 1, "in any way": 1}
    assert run.flow.dead_letters == 1


def test_the_naive_flow_tries_each_call_seven_times_and_backs_off_a_second_at_first() -> None:
    run = NAIVE_1.start()
    run.portal.faults.add(InjectedFault(status=503))

    count = run.process(new_orders(1, START_S))

    assert count.calls == 7
    assert count.seconds == pytest.approx(1 + 2 + 4 + 8 + 16 + 32 + 7 * 0.08)
    assert run.flow.dead_letters == 1


def test_five_naive_workers_share_the_work_in_the_same_virtual_time() -> None:
    alone, five = NAIVE_1.start(), NAIVE_5.start()
    workload = new_orders(2, START_S)

    assert alone.process(workload).seconds == pytest.approx(10 * 0.08)
    assert five.process(workload).seconds == pytest.approx(5 * 0.08)


# --- woohub ---


def test_a_hundred_new_orders_of_known_and_new_customers_cost_woohub_five_calls() -> None:
    assert measures.calls(WOOHUB, count=100) == {"new": 5, "changed": 3, "unchanged": 2, "cold": 2}


def test_woohub_is_right_within_the_lag_of_the_index() -> None:
    run, workload = WOOHUB.start(), a_pair(seconds_apart=3)

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == RIGHT


def test_woohub_processes_what_waited_for_an_outage_to_end() -> None:
    run, workload = WOOHUB.start(), new_orders(5, START_S)
    run.portal.faults.add(InjectedFault(status=503, until=START_S + 600))

    run.process(workload)

    assert wrong_orders(run.portal, workload.orders) == RIGHT
    assert run.flow.dead_letters == 0


@pytest.mark.parametrize("outage_s", measures.OUTAGES_S)
def test_a_backlog_that_waited_for_an_outage_to_end_is_processed_in_full_batches(outage_s: float) -> None:
    orders_per_s, calls_per_100 = measures.recovery(outage_s)

    assert orders_per_s >= 150
    assert calls_per_100 <= 6


# --- Counting and judging ---


@pytest.mark.parametrize("contender", [NAIVE_5, WOOHUB], ids=lambda contender: contender.name)
def test_the_same_run_gives_the_same_figures(contender: measures.Contender) -> None:
    assert measures.rush(contender, seed=3, chaos=True) == measures.rush(contender, seed=3, chaos=True)


def test_calls_are_those_the_simulator_counted_and_refused_ones_count_too() -> None:
    run = NAIVE_1.start()
    run.portal.faults.add(InjectedFault(status=429, count=1))
    create_contacts(run.portal, run.clock, [Person(1)])

    count = run.process(new_orders(1, START_S))

    assert (count.calls, count.answers_429) == (run.portal.counters()["total"], 1) == (6, 1)


Harm = Callable[[dict[str, Any]], object]
HARMS: dict[str, tuple[Harm, dict[str, int]]] = {
    "missing": (lambda portal: portal["deals"].clear(), RIGHT | {"missing": 1, "in any way": 1}),
    "stale": (
        lambda portal: portal["deals"][0]["properties"].update(dealstage="failed"),
        RIGHT | {"stale": 1, "in any way": 1},
    ),
    "alone": (lambda portal: portal["deals"][0]["contacts"].clear(), RIGHT | {"without contact": 1, "in any way": 1}),
    "somebody else's": (
        lambda portal: portal["contacts"][0]["properties"].update(email="other@shop.example"),
        RIGHT | {"without contact": 1, "in any way": 1},
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_wrong_in_the_account_is_seen(harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, workload = WOOHUB.start(), new_orders(1, START_S)
    run.process(workload)
    state = run.portal.state()
    do, expected = HARMS[harm]

    do(state)
    monkeypatch.setattr(run.portal, "state", lambda: state)

    assert wrong_orders(run.portal, workload.orders) == expected


def test_the_work_is_as_described() -> None:
    workload = two_deliveries_each(START_S)
    bodies = [json.loads(delivery.body) for delivery in workload.deliveries]
    created, updated = bodies[::2], bodies[1::2]
    same = sum(before == after for before, after in zip(created, updated, strict=True))
    statuses = {(before["status"], after["status"]) for before, after in zip(created, updated, strict=True)}

    assert (len(bodies), same) == (400, 160)
    assert statuses == {("processing", "processing"), ("pending", "processing")}
    assert sum(body["customer_id"] == 0 for body in created) == 60
    assert len({body["billing"]["email"] for body in created}) == 150


def test_a_status_change_is_newer_than_the_order() -> None:
    workload = new_orders(1, START_S)
    (later,) = status_changes(workload.orders, ["completed"], at=START_S + 60).orders

    assert later["date_modified_gmt"] > workload.orders[0]["date_modified_gmt"]


def test_the_rate_leaves_out_the_warm_up() -> None:
    assert measures.rate([1, 2, 3, 12, 14, 16, 18, 20], since=10) == pytest.approx(0.5)


def test_processor_time_inside_the_connection_is_added_up() -> None:
    class Busy:
        def request(self, *_: Any, **__: Any) -> str:
            sum(range(2_000_000))
            return "answer"

    metered = functions.MeteredHttp(Busy())  # type: ignore[arg-type]

    assert metered.request("GET", "/") == "answer"
    assert metered.inside_s > 0


def test_ingest_is_measured_at_work_in_a_process_of_its_own() -> None:
    footprint = functions.ingest_footprint(INGEST)

    assert footprint.event_ms > 0
    assert footprint.peak_mib > 1


# --- Cold starts and sizes ---


def test_a_start_is_timed_and_names_what_it_imported_even_of_pythons_own() -> None:
    start = functions.probe(INGEST)

    assert start["cpu_s"] > 0
    assert {"app", "woohub.delivery.signatures", "botocore.client", "json"} <= set(start["modules"])


def test_a_function_that_cannot_start_gives_its_reason(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise ValueError('the environment variable QUEUE_URL is not set')")

    with pytest.raises(RuntimeError, match="QUEUE_URL is not set"):
        functions.probe([tmp_path])


def test_a_size_is_that_of_the_zip_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "python" / "woohub").mkdir(parents=True)
    (tmp_path / "python" / "woohub" / "sync.py").write_bytes(b"#" * 5000)

    assert 0 < functions.zipped_kb(tmp_path) < 1


def test_a_functions_modules_are_searched_in_the_order_of_lambda() -> None:
    built = {name: Path(name) for name in ("governor", "dependencies layer", "shared layer")}

    assert [str(folder) for folder in functions.lambda_path(built, "governor")] == [
        "governor",
        "dependencies layer/python",
        "shared layer/python",
    ]


# --- Goals and output ---


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
def test_a_goal_is_reached_or_missed(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.04, "0.04"), (1.25, "1.25"), (13.333, "13.3"), (698.3, "698"), (1065.5, "1,066")]
)
def test_numbers_are_short_and_a_small_one_does_not_become_zero(value: float, text: str) -> None:
    assert program.number(value) == text


def test_the_page_shows_every_figure() -> None:
    page = program.page([a_figure(12.5, at_most=10), a_figure(3, at_least=2)])

    assert "| calls | 12.5 | 12.5 | **12.5** | ≤ 10 | missed |\n| calls | 3 | 3 | **3** | ≥ 2 | reached |\n" in page
    assert "1 of 2 goals are reached" in page


@pytest.mark.parametrize(("value", "code"), [(10, 0), (11, 1)])
def test_the_program_ends_with_an_error_when_a_goal_is_missed(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "measure", lambda _: [a_figure(value, at_most=10)])

    assert program.main(["--json"]) == code
    printed = json.loads(capsys.readouterr().out)
    assert printed["missed"] == code
    assert printed["sections"][0]["figures"][0]["values"]["woohub"] == value


def test_the_table_shows_every_figure_and_by_how_much_a_goal_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "measure", lambda _: [a_figure(11, at_most=10)])

    program.main([])

    captured = capsys.readouterr()
    assert " ".join(captured.out.split()).endswith("HubSpot calls calls 11 11 11 ≤ 10 missed")
    assert "missed: HubSpot calls, calls: 11, goal ≤ 10" in captured.err


def test_what_is_wrong_with_line_items_and_metrics_is_counted() -> None:
    run = commerce.contender(commerce.LINE_ITEMS + commerce.METRICS).start()
    workload = new_orders(6, run.clock.now)
    run.process(workload)
    right = commerce.wrong_items(run.portal, workload.orders), commerce.wrong_metrics(run.portal, workload.orders)
    first, second = run.portal.state()["line_items"][:2]
    run.portal.objects.archive(OBJECT_TYPES["line_items"], first["id"])
    run.portal.objects.update(OBJECT_TYPES["line_items"], second["id"], {"properties": {"quantity": "77"}})
    contact = run.portal.state()["contacts"][0]["id"]
    run.portal.objects.update(OBJECT_TYPES["contacts"], contact, {"properties": {"woocommerce_orders": "9"}})

    assert not any(right[0].values())
    assert right[1] == 0
    assert {kind: n for kind, n in commerce.wrong_items(run.portal, workload.orders).items() if n} == {
        "missing": 1,
        "wrong": 1,
    }
    assert commerce.wrong_metrics(run.portal, workload.orders) == 1
