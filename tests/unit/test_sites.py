"""Whether two addresses are the same site: another one has another host, port or path."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woohub.delivery.sites import is_another, site

SAME_SITE = {
    "https://shop.example/": [
        "https://shop.example",
        "http://shop.example",
        "HTTPS://SHOP.Example//",
        "https://www.shop.example/",
        "shop.example",
        "www.shop.example/",
        "//shop.example/",
        "https://shop.example:443/",
        "http://shop.example:80",
        "https://shop.example:/",
        "https://shop.example./",
        "https://user:password@shop.example/",
        "https://shop.example/?lang=de",
        " https://shop.example/\n",
    ],
    "https://shop.example/de/": ["shop.example/de", "https://www.shop.example/DE//"],
    "https://shop.example:8080/": ["http://www.shop.example:8080"],
    "https://münchen.example/": [
        "https://xn--mnchen-3ya.example",
        "https://MÜNCHEN.example",
        "www.XN--MNCHEN-3YA.example",
    ],
    "https://straße.example/": ["https://xn--strae-oqa.example/"],
    "https://магазин.example/": ["https://xn--80aairftm.example/"],
    "https://shop.example/café/": ["https://shop.example/caf%C3%A9", "https://shop.example/caf%c3%a9/"],
    "http://[::1]:8080/": ["https://[::1]:8080"],
}
OTHER_SITES = [
    "https://staging.shop.example/",
    "https://shop.example.staging.host/",
    "https://shop.example/staging/",
    "https://shop.example:8443/",
    "https://shop.example/de/",
    "https://www2.shop.example/",
    "https://shop.test/",
    "http://localhost/",
    "http://127.0.0.1/",
    "https://xn--shop-.example/",
    "https://shop.example:port/",
    "https://[shop.example/",
    "nonsense",
]


@pytest.mark.parametrize(("url", "other"), [(url, other) for url, others in SAME_SITE.items() for other in others])
def test_every_form_of_an_address_is_the_same_site(url: str, other: str) -> None:
    assert site(other) == site(url)
    assert not is_another(other, [url])


@pytest.mark.parametrize("source", OTHER_SITES)
def test_another_host_port_or_path_is_another_site(source: str) -> None:
    assert is_another(source, ["https://shop.example/"])


@pytest.mark.parametrize("source", ["https://shop.example/", "https://shop.de/", "http://www.shop.de"])
def test_a_source_matches_any_of_several_recorded_addresses(source: str) -> None:
    assert not is_another(source, ["https://shop.example", "https://shop.de"])


@pytest.mark.parametrize("sources", [[], [""], ["https://"]])
def test_no_source_is_another_site_without_a_recorded_address(sources: list[str]) -> None:
    assert not is_another("https://staging.shop.example/", sources)


@pytest.mark.parametrize("source", ["", " ", "/", "https://", "https:///"])
def test_a_source_without_host_is_not_another_site(source: str) -> None:
    assert not is_another(source, ["https://shop.example"])


labels = st.text(st.sampled_from("abcäöüßñжд名0-"), min_size=1, max_size=8).filter(
    lambda label: label.strip("-") == label
)
hosts = st.lists(labels, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, "example"]))
ports = st.sampled_from(["", ":8080", ":3000"])
paths = st.lists(st.text(st.sampled_from("abcé~_.%"), min_size=1, max_size=5), max_size=2)


@given(hosts, ports, paths, st.data())
def test_any_form_of_any_address_is_the_same_site(host: str, port: str, path: list[str], data: st.DataObject) -> None:
    written = [_punycode(host), host.replace("ß", "ẞ").upper().replace("ẞ", "ß"), f"www.{host}", f"{host}."]
    prefix = data.draw(st.sampled_from(["https://", "http://", "HTTP://", "//", ""]))
    ending = data.draw(st.sampled_from(["", "/", "//"]))
    default = data.draw(st.sampled_from(["", ":80", ":443"]))
    other = f"{prefix}{data.draw(st.sampled_from(written))}{port or default}/{'/'.join(path)}{ending}"

    assert site(other) == site(f"https://{host}{port}/{'/'.join(path)}")


def _punycode(host: str) -> str:
    parts = host.split(".")
    return ".".join(p if p.isascii() else f"xn--{p.encode('punycode').decode()}" for p in parts)


@given(hosts, hosts, paths, paths)
def test_different_hosts_or_paths_are_different_sites(
    host: str, another: str, path: list[str], another_path: list[str]
) -> None:
    first, second = (f"https://{name}/{'/'.join(rest)}" for name, rest in ((host, path), (another, another_path)))

    assert is_another(first, [second]) == (site(first) != site(second))
    assert is_another(f"https://staging.{host}/", [first])


@given(st.text(st.characters()), st.lists(st.text(st.characters()), max_size=2))
@example("\u00c2\x80", [])  # as Latin-1 these bytes are UTF-8, too
def test_any_text_is_the_same_site_as_itself(text: str, others: list[str]) -> None:
    assert not is_another(text, [*others, text])
    assert not is_another(text, [site(text)])


@pytest.mark.parametrize(
    "header",
    [
        "https://b\u00c3\u00bccher.example/",
        "https://b%C3%BCcher.example",
        "https://xn--bcher-kva.example/, https://x.example/",
    ],
)
def test_headers_changed_by_proxies_are_the_same_site(header: str) -> None:
    assert not is_another(header, ["https://b\u00fccher.example/"])


def test_the_source_null_is_not_another_site() -> None:
    assert not is_another("null", ["https://shop.example/"])
