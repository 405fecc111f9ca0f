"""Injected faults look the same to a caller over a real socket and in process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from simulators.hubspot import InjectedFault, SimulatedPortal, running
from tests.support.clock import Clock
from tests.support.simulated import Calls, creates

SHORT_TIMEOUT = urllib3.Timeout(connect=5.0, read=0.3)


class PlainPool:
    """A real urllib3 pool that neither retries nor redirects."""

    def __init__(self) -> None:
        self.pool = urllib3.PoolManager()

    def request(self, method: str, url: str, **kwargs: object) -> urllib3.BaseHTTPResponse:
        """As PoolManager.request."""
        return self.pool.request(method, url, retries=False, **kwargs)  # type: ignore[arg-type]


@pytest.fixture(params=["http", "in process"])
def hubspot(request: pytest.FixtureRequest, raw: Calls, portal: SimulatedPortal) -> Iterator[Calls]:
    """A caller of the same portal, over HTTP or in process."""
    if request.param == "in process":
        yield raw
        return
    pool = PlainPool()
    with running(portal) as url:
        yield raw.using(transport=pool, base=url)
        pool.pool.clear()


STATUSES = [
    (500, "json", "INTERNAL_ERROR"),
    (503, "json", "SERVICE_UNAVAILABLE"),
    (423, "json", "LOCKED"),
    (477, "json", "MIGRATION_IN_PROGRESS"),
    (401, "json", "INVALID_AUTHENTICATION"),
    (403, "json", "MISSING_SCOPES"),
]


@pytest.mark.parametrize(("status", "body", "category"), STATUSES)
def test_a_status_fault_answers_with_status_category_and_retry_after(
    hubspot: Calls, portal: SimulatedPortal, status: int, body: str, category: str
) -> None:
    portal.faults.add(InjectedFault(status=status, body=body, retry_after="7"))

    answer = hubspot.objects("GET", "deals")

    assert (answer.status, answer.body["category"], answer.headers["Retry-After"]) == (status, category, "7")


@pytest.mark.parametrize("policy", ["TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY"])
def test_a_429_fault_has_the_requested_policy(hubspot: Calls, portal: SimulatedPortal, policy: str) -> None:
    portal.faults.add(InjectedFault(status=429, policy=policy))

    assert hubspot.objects("GET", "deals").body["policyName"] == policy


def test_an_html_fault_answers_with_an_html_page(hubspot: Calls, portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(status=502, body="html"))

    response = hubspot.transport.request(
        "GET", f"{hubspot.base}/crm/v3/objects/deals", headers={"Authorization": f"Bearer {hubspot.token}"}
    )

    assert (response.status, response.headers["Content-Type"].partition(";")[0]) == (502, "text/html")
    assert b"502 Bad Gateway" in response.data


@pytest.mark.parametrize(("when", "deals"), [("before", 0), ("half", 2), ("after", 3)])
def test_a_status_fault_fails_before_during_or_after_the_write(
    hubspot: Calls, portal: SimulatedPortal, when: str, deals: int
) -> None:
    portal.faults.add(InjectedFault(status=504, when=when))

    answer = hubspot.objects("POST", "deals/batch/create", creates(*[{"dealname": "x"}] * 3))

    assert (answer.status, len(portal.state()["deals"])) == (504, deals)


@pytest.mark.parametrize(
    ("kind", "when", "error", "deals"),
    [
        ("reset", "before", "Connection aborted", 0),
        ("reset", "after", "Connection aborted", 1),
        ("truncate", "after", "IncompleteRead", 1),
    ],
)
def test_a_reset_or_truncate_fault_breaks_the_response_before_or_after_the_write(
    hubspot: Calls, portal: SimulatedPortal, kind: str, when: str, error: str, deals: int
) -> None:
    portal.faults.add(InjectedFault(kind=kind, when=when))

    with pytest.raises(ProtocolError, match=error):
        hubspot.deal(dealname="x")

    assert len(portal.state()["deals"]) == deals


@pytest.mark.parametrize(("when", "deals"), [("before", 0), ("after", 1)])
def test_a_hold_fault_times_out_before_or_after_the_write(
    hubspot: Calls, portal: SimulatedPortal, when: str, deals: int
) -> None:
    portal.faults.add(InjectedFault(kind="hold", when=when))

    with pytest.raises(ReadTimeoutError):
        hubspot.using(timeout=SHORT_TIMEOUT).deal(dealname="x")

    assert len(portal.state()["deals"]) == deals


def test_a_drip_fault_sends_a_complete_response(hubspot: Calls, portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(kind="drip", hold_s=0.1))

    hubspot.deal(dealname="x")

    assert len(portal.state()["deals"]) == 1


def test_an_omit_fault_leaves_results_out_of_a_batch(hubspot: Calls, portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(kind="omit", when="after"))

    answer = hubspot.objects("POST", "deals/batch/create", creates(*[{"dealname": "x"}] * 4))

    assert (answer.status, len(answer.body["results"]), len(portal.state()["deals"])) == (201, 2, 4)


def test_a_fault_matches_by_path_method_skip_and_count(hubspot: Calls, portal: SimulatedPortal, clock: Clock) -> None:
    portal.faults.add(InjectedFault(path="/deals$", method="GET", skip=1, count=2, until=clock.now + 60))

    statuses = [hubspot.objects("GET", path).status for path in ("contacts", "deals", "deals", "deals", "deals")]

    assert statuses == [200, 200, 503, 503, 200]


def test_a_fault_ends_at_its_until_time(hubspot: Calls, portal: SimulatedPortal, clock: Clock) -> None:
    portal.faults.add(InjectedFault(until=clock.now + 60))
    during = hubspot.objects("GET", "deals").status
    clock.sleep(60)

    assert (during, hubspot.objects("GET", "deals").status) == (503, 200)


def test_random_faults_are_the_same_for_the_same_seed(hubspot: Calls, portal: SimulatedPortal) -> None:
    def play() -> list[int]:
        portal.reset()
        portal.faults.add(InjectedFault(probability=0.5))
        return [hubspot.objects("GET", "deals").status for _ in range(20)]

    first = play()

    assert set(first) == {200, 503}
    assert first == play()


def test_a_failed_call_counts_against_the_rate_limit(hubspot: Calls, portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(status=500, count=2))

    for _ in range(3):
        hubspot.objects("GET", "deals")

    assert (portal.limits.used_in_window(), portal.limits.peak) == (3, 3)


@pytest.mark.parametrize("fault", [{"kind": "flood"}, {"when": "later"}, {"state": 500}])
def test_an_unknown_fault_gets_400(hubspot: Calls, fault: dict[str, object]) -> None:
    assert hubspot.control("POST", "faults", fault).status == 400
