"""The simulator's own controls, its page, its server and its command."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import urllib3
from urllib3.exceptions import ReadTimeoutError

from simulators.hubspot import InProcessTransport, SimulatedPortal, create_app, running
from simulators.hubspot.__main__ import main
from tests.support.clock import Clock
from tests.support.simulated import Calls


def test_state_shows_records_associations_and_request_counts(raw: Calls) -> None:
    contact = raw.contact(email="a@shop.example")
    deal = raw.deal(dealname="Order 1", contact=contact)

    state = raw.control("GET", "state").body

    assert state["contacts"][0]["properties"]["email"] == "a@shop.example"
    assert state["deals"][0]["contacts"] == [contact]
    assert state["associations"] == [{"deal": deal, "contact": contact}]
    assert state["requests"]["by_route"] == {"POST objects/<object_type>": 2}


def test_the_request_log_excludes_control_requests(raw: Calls) -> None:
    raw.objects("GET", "deals")
    raw.control("GET", "state")

    log = raw.control("GET", "requests").body

    assert [(call["method"], call["path"], call["status"]) for call in log] == [
        ("GET", "/crm/objects/2026-09/deals", 200)
    ]


def test_reset_empties_the_portal_and_can_provision_it(raw: Calls) -> None:
    raw.contact(email="a@shop.example")

    raw.control("POST", "reset")
    bare = raw.objects("GET", "deals/1", idProperty="woocommerce_order_id").status
    raw.control("POST", "reset", {"provisioned": True})

    assert raw.control("GET", "state").body["contacts"] == []
    assert (bare, raw.objects("GET", "deals/1", idProperty="woocommerce_order_id").status) == (400, 404)


def test_settings_can_be_changed_at_run_time(raw: Calls) -> None:
    changed = raw.control("POST", "settings", {"currencies": ["USD", "GBP"], "search_lag_s": 0})

    assert (changed.body["currencies"], changed.body["search_lag_s"]) == (["USD", "GBP"], 0)
    assert raw.deal(dealname="x", deal_currency_code="GBP")
    assert raw.control("POST", "settings", {"no_such": 1}).status == 400


def test_faults_can_be_added_and_removed(raw: Calls) -> None:
    raw.control("POST", "faults", {"status": 503, "path": "deals"})
    during = raw.objects("GET", "deals").status
    listed = raw.control("GET", "faults").body
    raw.control("DELETE", "faults")

    assert (during, listed[0]["hits"], raw.objects("GET", "deals").status) == (503, 1, 200)


def test_latency_passes_on_the_callers_clock(portal: SimulatedPortal, raw: Calls, clock: Clock) -> None:
    portal.change_settings({"latency_ms": 80})
    before = clock.now

    raw.objects("GET", "deals")

    assert clock.now - before == pytest.approx(0.08)


def test_latency_above_the_callers_timeout_raises_read_timeout_after_the_write(
    portal: SimulatedPortal, raw: Calls
) -> None:
    portal.change_settings({"latency_ms": 30_000})

    with pytest.raises(ReadTimeoutError):
        raw.deal(dealname="x")

    assert len(portal.state()["deals"]) == 1


def test_the_page_shows_deals_contacts_and_requests(raw: Calls) -> None:
    contact = raw.contact(email="jane@shop.example", firstname="Jane", lastname="<Doe>")
    raw.deal(dealname="Order 1 & more", pipeline="ecommerce_sales", dealstage="completed", contact=contact)

    response = raw.transport.request("GET", f"{raw.base}/")

    page = response.data.decode()
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    for text in (
        "jane@shop.example",
        "Jane &lt;Doe&gt;",
        "Order 1 &amp; more",
        "Completed",
        "/crm/objects/2026-09/deals",
    ):
        assert text in page


def test_the_page_refers_to_no_other_url(raw: Calls) -> None:
    page = raw.transport.request("GET", f"{raw.base}/").data.decode()

    assert "http://" not in page
    assert "https://" not in page


def test_the_simulator_serves_over_http(portal: SimulatedPortal) -> None:
    with running(portal) as url, urllib3.PoolManager() as pool:
        calls = Calls(pool, base=url)
        contact = calls.contact(email="a@shop.example")

        assert calls.objects("GET", f"contacts/{contact}").status == 200


def test_http_responses_have_no_simulator_headers(portal: SimulatedPortal) -> None:
    portal.change_settings({"latency_ms": 1})

    with running(portal) as url, urllib3.PoolManager() as pool:
        answer = Calls(pool, base=url).objects("GET", "deals")

    assert [name for name in answer.headers if name.startswith("X-Simulator")] == []


def test_a_port_in_use_exits_with_1_and_a_message(portal: SimulatedPortal, capsys: pytest.CaptureFixture[str]) -> None:
    with running(portal) as url:
        port = url.rpartition(":")[2]
        code = main(["--port", port])

    assert code == 1
    assert f"port {port} of 127.0.0.1 cannot be used: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_sigterm_or_sigint(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "simulators.hubspot", "--port", "0", "--token", "t", "--provisioned"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603
        urllib3.PoolManager() as pool,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        calls = Calls(pool, base=url, token="t")
        deal = calls.deal(woocommerce_order_id="1")
        process.send_signal(number)
        code = process.wait(timeout=20)

    assert (bool(deal), code) == (True, 0)


def test_the_transport_accepts_json_fields_and_pool_manager_arguments(portal: SimulatedPortal) -> None:
    transport = InProcessTransport(create_app(portal))
    headers = {"Authorization": "Bearer pat-na1-simulator"}

    created = transport.request(
        "POST", "http://x/crm/v3/objects/contacts", json={"properties": {"email": "a@shop.example"}}, headers=headers
    )
    read = transport.request(
        "GET",
        "http://x/crm/v3/objects/contacts/a%40shop.example",
        fields={"idProperty": "email"},
        headers=headers,
        timeout=urllib3.Timeout(total=5.0),
        retries=False,
        redirect=False,
    )

    assert (created.status, read.json()["id"]) == (201, created.json()["id"])


def test_faults_are_injected_after_a_reset(raw: Calls) -> None:
    raw.control("POST", "reset", {"provisioned": True})
    raw.control("POST", "faults", {"status": 503})

    assert raw.objects("GET", "contacts").status == 503
