"""When the configuration is read, which version is in force, and what happens if it cannot be read."""

from __future__ import annotations

import pytest

from tests.support.bucket import BROKEN, CUSTOM_STATUS, Bucket
from tests.support.clock import Clock
from woohub.configuration import (
    MAPPING_KEY,
    MAX_AGE_LACKING_S,
    MAX_AGE_S,
    MAX_OBJECT_BYTES,
    STORES_KEY,
    Configuration,
    ConfigurationUnreadable,
)
from woohub.mapping.fields import load_mapping
from woohub.stores import FIRST


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def stage(configuration: Configuration) -> str:
    return configuration.current().mapping.pipeline.stage("awaiting-pickup")


SECOND_STORE = '{"stores": {"second": {}}}'
DEFAULT, CUSTOM = load_mapping().pipeline.default_stage, "on_hold"


def test_without_a_bucket_the_defaults_are_in_force_and_s3_is_not_called() -> None:
    def no_client() -> None:
        raise AssertionError("there is no bucket")

    assert stage(Configuration(no_client, "")) == DEFAULT  # type: ignore[arg-type]


def test_a_changed_overlay_is_in_force_after_a_minute(bucket: Bucket, clock: Clock) -> None:
    configuration = bucket.configuration(clock)
    before = stage(configuration)
    bucket.put(MAPPING_KEY, CUSTOM_STATUS)

    meanwhile = stage(configuration)
    clock.sleep(MAX_AGE_S)

    assert (before, meanwhile, stage(configuration)) == (DEFAULT, DEFAULT, CUSTOM)


def test_a_slow_answer_of_s3_does_not_delay_the_next_check(
    bucket: Bucket, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`woohub erase` waits a minute, after which no function may use the previous list."""
    configuration = bucket.configuration(clock)
    monkeypatch.setattr(bucket, "_called", lambda _call: clock.sleep(4))
    stage(configuration)
    bucket.put(MAPPING_KEY, CUSTOM_STATUS)

    clock.sleep(MAX_AGE_S - 4)

    assert stage(configuration) == CUSTOM


def test_the_defaults_are_in_force_after_an_overlay_is_removed(bucket: Bucket, clock: Clock) -> None:
    bucket.put(MAPPING_KEY, CUSTOM_STATUS)
    configuration = bucket.configuration(clock)
    configuration.current()
    bucket.objects.clear()
    clock.sleep(MAX_AGE_S)

    assert stage(configuration) == DEFAULT


def test_the_bucket_is_listed_once_a_minute_and_an_unchanged_object_read_once(bucket: Bucket, clock: Clock) -> None:
    bucket.put(MAPPING_KEY, CUSTOM_STATUS)
    configuration = bucket.configuration(clock)
    for _ in range(121):
        configuration.current()
        clock.sleep(1)

    assert bucket.calls == ["list", MAPPING_KEY, "list", "list"]


def test_a_new_store_is_known_at_its_first_message(bucket: Bucket, clock: Clock) -> None:
    configuration = bucket.configuration(clock)
    configuration.current()
    bucket.put(STORES_KEY, SECOND_STORE)
    clock.sleep(MAX_AGE_LACKING_S)

    assert "second" in configuration.current({"second"}).mappings


def test_messages_of_a_removed_store_cost_at_most_one_listing_in_some_seconds(bucket: Bucket, clock: Clock) -> None:
    configuration = bucket.configuration(clock)

    for _ in range(int(MAX_AGE_S)):
        configuration.current({FIRST, "gone"})
        clock.sleep(1)

    assert bucket.calls == ["list"] * int(MAX_AGE_S / MAX_AGE_LACKING_S)


def test_messages_of_known_stores_cost_no_further_listing(bucket: Bucket, clock: Clock) -> None:
    bucket.put(STORES_KEY, SECOND_STORE)
    configuration = bucket.configuration(clock)
    configuration.current()
    bucket.calls.clear()

    clock.sleep(MAX_AGE_S / 2)
    configuration.current({FIRST, "second"})

    assert bucket.calls == []


def test_an_unchanged_configuration_is_the_same_object(bucket: Bucket, clock: Clock) -> None:
    configuration = bucket.configuration(clock)
    first = configuration.current()
    clock.sleep(MAX_AGE_S)

    assert configuration.current() is first


def test_an_unrelated_object_in_the_bucket_is_not_read(bucket: Bucket, clock: Clock) -> None:
    bucket.put("notes.txt", "x" * (MAX_OBJECT_BYTES + 1))
    bucket.configuration(clock).current()

    assert bucket.calls == ["list"]


def test_the_last_configuration_stays_in_force_while_s3_is_down(bucket: Bucket, clock: Clock) -> None:
    bucket.put(MAPPING_KEY, CUSTOM_STATUS)
    configuration = bucket.configuration(clock)
    configuration.current()
    bucket.is_down = True
    clock.sleep(MAX_AGE_S)

    assert stage(configuration) == CUSTOM


def test_a_new_process_raises_configuration_unreadable_while_s3_is_down(bucket: Bucket, clock: Clock) -> None:
    bucket.is_down = True
    configuration = bucket.configuration(clock)
    with pytest.raises(ConfigurationUnreadable, match="S3 did not return"):
        configuration.current()
    bucket.is_down = False

    assert stage(configuration) == DEFAULT


def test_an_invalid_overlay_is_reported_and_no_older_one_stays_in_force(bucket: Bucket, clock: Clock) -> None:
    configuration = bucket.configuration(clock)
    configuration.current()
    bucket.put(MAPPING_KEY, BROKEN)
    clock.sleep(MAX_AGE_S)

    for _ in range(2):
        with pytest.raises(ConfigurationUnreadable, match=r"mapping\.toml: deal\.amount\.as: 'euros'") as failure:
            configuration.current()
        assert failure.value.policy == "config"


def test_a_repaired_overlay_is_in_force_at_once(bucket: Bucket, clock: Clock) -> None:
    bucket.put(MAPPING_KEY, BROKEN)
    configuration = bucket.configuration(clock)
    with pytest.raises(ConfigurationUnreadable):
        configuration.current()
    bucket.put(MAPPING_KEY, CUSTOM_STATUS)

    assert stage(configuration) == CUSTOM


def test_an_object_over_the_size_limit_is_not_downloaded(bucket: Bucket, clock: Clock) -> None:
    bucket.put(MAPPING_KEY, "#" * (MAX_OBJECT_BYTES + 1))

    with pytest.raises(ConfigurationUnreadable, match="bytes"):
        bucket.configuration(clock).current()
    assert bucket.calls == ["list"]


def test_the_mapping_of_a_further_store_has_its_own_overlay_and_keys() -> None:
    bucket = Bucket()
    bucket.put("stores.json", '{"stores": {"second": {}}}')
    bucket.put("mapping.toml", CUSTOM_STATUS)
    bucket.put("stores/second/mapping.toml", '[stages]\ncompleted = { label = "Sent" }\n')

    version = bucket.configuration(Clock()).current()

    second = version.mappings["second"]
    assert [second.pipeline.stage("awaiting-pickup"), second.deal_key(12)] == ["on_hold", "second-12"]
    assert ["Sent" in {stage.label for stage in mapping.pipeline.stages} for mapping in (version.mapping, second)] == [
        False,
        True,
    ]
    assert "woocommerce_customer_id_second" in second.contact_properties


def test_an_overlay_of_an_unknown_store_is_ignored() -> None:
    bucket = Bucket()
    bucket.put("stores/gone/mapping.toml", BROKEN)

    assert list(bucket.configuration(Clock()).current().mappings) == [""]
