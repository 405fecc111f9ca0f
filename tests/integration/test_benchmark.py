"""The benchmark counts right, and the naive flow fails in the ways it is said to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark import __main__ as program
from benchmark import artifacts, coldstart, costs, document, figures, plot, report, runs
from benchmark.account import Clock, account, counted, make_known
from benchmark.figures import Figure, Goal, Listing, Report, Section
from benchmark.judge import Wrong, judged
from benchmark.naive import Naive
from benchmark.runs import CONTENDERS, NAIVE_1, NAIVE_5, WOOHUB
from benchmark.work import START, Person, Wave, delivery, new_orders, order, pairs, status_changes
from simulators.hubspot import Fault

INGEST = [artifacts.ROOT / "functions" / "ingest", artifacts.ROOT / "layers" / "shared"]
RIGHT = Wrong(missing=0, duplicated=0, stale=0, alone=0, in_any_way=0)


def a_pair(*, seconds_apart: float) -> Wave:
    """One order created and, some seconds later, completed."""
    created = order(1, Person(1), status="pending", created=START, modified=START)
    completed = created | {"status": "completed"}
    first, second = (
        delivery("order.created", created, START),
        delivery("order.updated", completed, START + seconds_apart),
    )
    return Wave([first, second], [completed])


# --- The naive flow ---


def test_a_new_order_costs_the_naive_flow_five_calls() -> None:
    scene = NAIVE_1.scene()

    assert scene.done(new_orders(1, START)).calls == 5
    assert dict(scene.portal.calls) == {
        "POST objects/<object_type>/search": 2,
        "POST objects/<object_type>": 2,
        "PUT links/<object_type>/<object_id>/associations/<to_type>/<to_id>": 1,
    }


def test_the_naive_flow_is_right_once_the_index_has_caught_up() -> None:
    scene, wave = NAIVE_1.scene(), a_pair(seconds_apart=30)

    scene.done(wave)

    assert judged(scene.portal, wave.orders) == RIGHT


def test_the_naive_flow_doubles_the_deal_of_a_known_customer_within_the_lag_of_the_index() -> None:
    scene, wave = NAIVE_1.scene(), a_pair(seconds_apart=1)
    make_known(scene.portal, scene.clock, [Person(1)])

    scene.done(wave)

    assert judged(scene.portal, wave.orders) == replace(RIGHT, duplicated=1, in_any_way=1)


def test_the_naive_flow_loses_the_second_delivery_of_a_new_customer_within_the_lag_of_the_index() -> None:
    scene, wave = NAIVE_1.scene(), a_pair(seconds_apart=1)

    scene.done(wave)

    assert judged(scene.portal, wave.orders) == replace(RIGHT, stale=1, in_any_way=1)
    assert scene.flow.given_up == 1


def test_the_naive_flow_tries_each_call_seven_times_and_backs_off_a_second_at_first() -> None:
    scene = NAIVE_1.scene()
    scene.portal.faults.add(Fault(status=503))

    count = scene.done(new_orders(1, START))

    assert count.calls == 7
    assert count.seconds == pytest.approx(1 + 2 + 4 + 8 + 16 + 32 + 7 * 0.08)
    assert scene.flow.given_up == 1


def test_five_naive_workers_share_the_work_in_the_same_virtual_time() -> None:
    one, five = NAIVE_1.scene(), NAIVE_5.scene()
    wave = new_orders(2, START)

    assert one.done(wave).seconds == pytest.approx(10 * 0.08)
    assert five.done(wave).seconds == pytest.approx(5 * 0.08)


# --- woohub ---


def test_a_hundred_new_orders_of_known_and_new_customers_cost_woohub_five_calls() -> None:
    assert runs.calls(WOOHUB, orders=100) == runs.Calls(new=5, changed=3, unchanged=2, cold=2)


def test_woohub_is_right_within_the_lag_of_the_index() -> None:
    scene, wave = WOOHUB.scene(), a_pair(seconds_apart=3)

    scene.done(wave)

    assert judged(scene.portal, wave.orders) == RIGHT


def test_woohub_works_off_what_hubspot_did_not_take_at_first() -> None:
    scene, wave = WOOHUB.scene(), new_orders(5, START)
    scene.portal.faults.add(Fault(status=503, until=START + 600))

    scene.done(wave)

    assert judged(scene.portal, wave.orders) == RIGHT
    assert scene.flow.given_up == 0


@pytest.mark.parametrize("outage_s", runs.OUTAGES_S)
def test_a_backlog_that_waited_for_an_outage_to_end_goes_on_with_full_calls(outage_s: float) -> None:
    found = runs.Recovery.after(outage_s, orders=400)

    assert found.orders_per_s >= 150
    assert found.calls_per_100 <= 6


# --- Counting and judging ---


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda one: one.name)
def test_the_same_run_gives_the_same_figures(contender: runs.Contender) -> None:
    assert runs.rush(contender, seed=3, chaos=True) == runs.rush(contender, seed=3, chaos=True)


def test_calls_are_those_the_simulator_counted_and_refused_ones_count_too() -> None:
    clock = Clock()
    portal = account(clock)
    portal.faults.add(Fault(status=429, count=1))
    make_known(portal, clock, [Person(1)])

    count = counted(portal, clock, lambda: Naive(portal, clock).work_off(new_orders(1, START).deliveries))

    assert (count.calls, count.answers_429) == (portal.counters()["total"], 1) == (6, 1)


Harm = Callable[[dict[str, Any]], object]
HARMS: dict[str, tuple[Harm, Wrong]] = {
    "missing": (lambda portal: portal["deals"].clear(), replace(RIGHT, missing=1, in_any_way=1)),
    "stale": (
        lambda portal: portal["deals"][0]["properties"].update(dealstage="failed"),
        replace(RIGHT, stale=1, in_any_way=1),
    ),
    "alone": (lambda portal: portal["deals"][0]["contacts"].clear(), replace(RIGHT, alone=1, in_any_way=1)),
    "somebody else's": (
        lambda portal: portal["contacts"][0]["properties"].update(email="other@shop.example"),
        replace(RIGHT, alone=1, in_any_way=1),
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_wrong_in_the_account_is_seen(harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, wave = WOOHUB.scene(), new_orders(1, START)
    scene.done(wave)
    state = scene.portal.state()
    do, expected = HARMS[harm]

    do(state)
    monkeypatch.setattr(scene.portal, "state", lambda: state)

    assert judged(scene.portal, wave.orders) == expected


def test_the_work_is_as_described() -> None:
    wave = pairs(START)
    bodies = [json.loads(one.body) for one in wave.deliveries]
    created, updated = bodies[::2], bodies[1::2]
    same = sum(before == after for before, after in zip(created, updated, strict=True))
    statuses = {(before["status"], after["status"]) for before, after in zip(created, updated, strict=True)}

    assert (len(bodies), same) == (400, 160)
    assert statuses == {("processing", "processing"), ("pending", "processing")}
    assert sum(body["customer_id"] == 0 for body in created) == 60
    assert len({body["billing"]["email"] for body in created}) == 150


def test_a_status_change_is_newer_than_the_order() -> None:
    wave = new_orders(1, START)
    (later,) = status_changes(wave.orders, ["completed"], at=START + 60).orders

    assert later["date_modified_gmt"] > wave.orders[0]["date_modified_gmt"]


def test_the_rate_leaves_out_the_warm_up() -> None:
    assert runs.rate([1, 2, 3, 12, 14, 16, 18, 20], since=10) == pytest.approx(0.5)


def test_processor_time_inside_the_connection_is_added_up() -> None:
    class Busy:
        def request(self, *_: Any, **__: Any) -> str:
            sum(range(2_000_000))
            return "answer"

    metered = costs.Metered(Busy())  # type: ignore[arg-type]

    assert metered.request("GET", "/") == "answer"
    assert metered.inside > 0


def test_ingest_is_measured_at_its_work_in_a_process_of_its_own() -> None:
    found = costs.ingest_footprint(INGEST)

    assert found.event_ms > 0
    assert found.peak_mib > 1


# --- Cold starts and sizes ---


def test_a_start_is_timed_and_names_what_it_imported_even_of_pythons_own() -> None:
    found = coldstart.run(INGEST)

    assert found.wall_ms > 0
    assert found.processor_ms > 0
    assert {"app", "woohub.delivery.webhooks", "botocore.client", "json"} <= found.modules


def test_a_function_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise ValueError('the environment variable QUEUE_URL is not set')")

    with pytest.raises(RuntimeError, match="QUEUE_URL is not set"):
        coldstart.run([tmp_path])


def test_the_time_of_a_start_is_shared_out_among_those_whose_modules_they_are() -> None:
    trace = """\
import time: self [us] | cumulative | imported package
import time:      9000 |       9000 | site
import time:       100 |        100 |         pydantic_core._pydantic_core
import time:       300 |        400 |       pydantic
import time:       100 |        500 |     woohub.mapping
import time:       200 |        200 |     json
import time:       300 |       1000 | app
"""

    found = coldstart.shares(trace)

    assert found == {"pydantic-core": 0.1, "pydantic": 0.3, coldstart.OWN: 0.4, "": 0.2}


def test_the_dearest_packages_come_first_and_only_packages() -> None:
    packages = frozenset({"boto3", "botocore", "pydantic"})
    owners = {"boto3": 1.0, "botocore": 9.0, "pydantic": 5.0, coldstart.OWN: 50.0, "": 20.0}

    assert coldstart.Start(100, 100, 10, packages, owners).dearest(2) == ["botocore", "pydantic"]


def test_a_size_is_that_of_the_files_and_of_their_zip(tmp_path: Path) -> None:
    (tmp_path / "python" / "woohub").mkdir(parents=True)
    (tmp_path / "python" / "woohub" / "sync.py").write_bytes(b"#" * 5000)

    found = artifacts.size(tmp_path)

    assert found.unzipped == 5.0
    assert 0 < found.zipped < 1


def test_a_function_finds_its_modules_in_the_order_of_lambda(tmp_path: Path) -> None:
    path = artifacts.Artifacts(tmp_path).path("governor")

    assert [str(folder.relative_to(tmp_path)) for folder in path] == [
        "GovernorFunction",
        "DependenciesLayer/python",
        "SharedLayer/python",
    ]


# --- Goals and papers ---


def a_report(value: float, goal: Goal | None) -> Report:
    """A report with all its sections, whose every figure is this one."""
    values = {contender.name: value for contender in CONTENDERS}
    titles = (figures.CALLS, figures.SPEED, figures.CALM, figures.CHAOS, figures.MACHINE, figures.OTHERWISE)
    listing = Listing("Cold starts", ("wall ms", "packages"), [("ingest", 193.64, "boto3, urllib3")], "On one machine.")
    return Report([Section(title, [Figure("calls", values, goal)]) for title in titles], [listing])


@pytest.mark.parametrize(
    ("value", "goal", "verdict"),
    [
        (5, Goal(5), "reached"),
        (5.1, Goal(5), "missed"),
        (150, Goal(150, at_least=True), "reached"),
        (149, Goal(150, at_least=True), "missed"),
        (0.1, Goal(0), "missed"),
        (7, None, ""),
    ],
)
def test_a_goal_is_reached_or_missed(value: float, goal: Goal | None, verdict: str) -> None:
    found = a_report(value, goal)

    assert found.figures[0].verdict == verdict
    assert bool(found.missed) == (verdict == "missed")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.04, "0.04"), (1.25, "1.25"), (13.333, "13.3"), (698.3, "698"), (1065.5, "1,066")]
)
def test_numbers_are_short_and_small_ones_are_not_nothing(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_page_and_the_picture_show_every_figure(tmp_path: Path) -> None:
    document.write(a_report(12.5, Goal(10)), docs=tmp_path)

    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert page.count("| calls | 12.5 | 12.5 | **12.5** | ≤ 10 | missed |") == 6
    assert "0 of 6 goals are reached" in page
    assert "benchmarks.svg" in page
    assert "| ingest | 194 | boto3, urllib3 |\n\nOn one machine.\n" in page
    assert plot.svg(a_report(12.5, None)).count(">12.5</text>") == 6


@pytest.mark.parametrize(("value", "code"), [(10, 0), (11, 1)])
def test_the_program_ends_with_an_error_when_a_goal_is_missed(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "measured", lambda _: a_report(value, Goal(10)))

    assert program.main(["--json"]) == code
    printed = json.loads(capsys.readouterr().out)
    assert printed["missed"] == 6 * code
    assert printed["sections"][0]["figures"][0]["values"]["woohub"] == value
    assert printed["listings"][0]["rows"] == [["ingest", 193.64, "boto3, urllib3"]]


def test_the_table_says_by_how_much_a_goal_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "measured", lambda _: a_report(11, Goal(10)))

    program.main([])

    assert "missed: HubSpot calls, calls: 11, the goal is ≤ 10" in capsys.readouterr().err


def test_the_table_ends_with_the_listings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(program, "measured", lambda _: a_report(10, Goal(10)))

    program.main([])

    words = " ".join(capsys.readouterr().out.split())
    assert words.endswith("Cold starts wall ms packages ingest 194 boto3, urllib3 On one machine.")
