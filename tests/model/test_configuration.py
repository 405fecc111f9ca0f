"""Somebody breaks the stack's configuration while orders come: nothing is lost, and all is written after the repair."""

from __future__ import annotations

import pytest

from tests.model.day import HOUR, MINUTE, Day
from tests.support.bucket import BROKEN, Bucket
from woohub.configuration import MAPPING_KEY

COMMENTED = "# nothing differs\n"
UNREADABLE = {
    "a mistake": BROKEN.encode(),
    "no text": b"\xff\xfe",
}


@pytest.fixture
def day() -> Day:
    return Day(gap=60, bucket=Bucket())


def bucket(day: Day) -> Bucket:
    assert day.plant.bucket
    return day.plant.bucket


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=list(UNREADABLE))
def test_a_broken_mapping_loses_nothing_and_work_goes_on_a_minute_after_the_repair(day: Day, content: bytes) -> None:
    bucket(day).objects[MAPPING_KEY] = content
    day.world.sleep(3 * MINUTE)

    written = day.landed()
    calls = day.passes(HOUR)
    state = day.plant.breaker_parameter().read()
    assert (state.state, state.policy, day.landed(), calls) == ("open", "config", written, 0)

    bucket(day).put(MAPPING_KEY, COMMENTED)
    day.world.sleep(MINUTE + 1)
    assert day.breaker() == "closed"
    assert day.close() <= 20 * MINUTE
    assert len(day.plant.dead_letters) == 0


def test_a_silent_s3_stops_nobody_who_knows_the_configuration(day: Day) -> None:
    bucket(day).is_down = True

    before = day.landed()
    day.world.sleep(20 * MINUTE)

    assert day.landed() > before
    assert day.breaker() == "closed"


def test_a_process_that_starts_while_s3_is_silent_waits_for_it(day: Day) -> None:
    bucket(day).is_down = True
    day.plant.cold_start()
    day.world.sleep(20 * MINUTE)
    assert day.breaker() == "open"

    bucket(day).is_down = False
    day.world.sleep(MINUTE + 1)
    assert day.breaker() == "closed"
    assert day.close() <= 20 * MINUTE
    assert len(day.plant.dead_letters) == 0


def test_a_pushed_status_is_used_by_a_running_process_within_a_minute(day: Day) -> None:
    bucket(day).put(MAPPING_KEY, 'stages.completed.statuses = ["processing"]')
    day.world.sleep(MINUTE + 1)
    before = {row["id"] for row in day.plant.portal.state()["deals"]}

    day.world.sleep(10 * MINUTE)

    made = [row["properties"] for row in day.plant.portal.state()["deals"] if row["id"] not in before]
    stages = {deal["dealstage"] for deal in made if deal["woocommerce_order_status"] == "processing"}
    assert stages == {"completed"}
