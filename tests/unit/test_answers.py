"""What HubSpot's error bodies mean; whole answers are read in tests/integration."""

from __future__ import annotations

import pytest
from urllib3 import HTTPResponse

from woohub.errors import HubSpotUnavailable
from woohub.hubspot.answers import ends, parse, problem_of

RECORDED = {
    "list embedded in the message": (
        {
            "status": "error",
            "message": 'Property values were not valid: [{"isValid":false,"message":"Email address x is invalid",'
            '"error":"INVALID_EMAIL","name":"email"}]',
            "category": "VALIDATION_ERROR",
        },
        ("INVALID_EMAIL", ("email",)),
    ),
    "list of errors": (
        {
            "category": "VALIDATION_ERROR",
            "errors": [{"code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}}],
        },
        ("PROPERTY_DOESNT_EXIST", ("x",)),
    ),
    "message only": ({"message": 'Property "x" does not exist'}, ("PROPERTY_DOESNT_EXIST", ("x",))),
    "list of messages": ({"errors": [{"message": "Email address x is invalid"}]}, ("INVALID_EMAIL", ())),
    "empty body": ({}, ("", ())),
    "unexpected types": ({"errors": ["?"], "context": [], "message": None, "category": None}, ("", ())),
}


@pytest.mark.parametrize(("body", "expected"), RECORDED.values(), ids=RECORDED.keys())
def test_problem_of_reads_code_and_properties_from_every_error_shape(
    body: dict[str, object], expected: tuple[str, tuple[str, ...]]
) -> None:
    problem = problem_of(400, body)

    assert (problem.code, problem.properties) == expected


def test_an_absent_property_is_read_from_its_own_error_among_several() -> None:
    absent = {"code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}}
    other = {"code": "INVALID_OPTION", "context": {"propertyName": ["country"]}}

    problem = problem_of(400, {"errors": [other, absent]})

    assert (problem.properties, problem.absent) == (("country", "x"), ("x",))


def test_an_absent_property_is_read_from_the_context_of_the_whole_answer() -> None:
    problem = problem_of(400, {"message": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}})

    assert problem.absent == ("x",)


@pytest.mark.parametrize(
    "row", [{"to": []}, {"from": "1"}, {"from": {"id": "1"}, "to": [{}]}, {"from": {"id": "1"}, "to": {"id": "2"}}]
)
def test_a_row_without_an_association_raises_hubspot_unavailable(row: dict[str, object]) -> None:
    with pytest.raises(HubSpotUnavailable, match="no association"):
        ends(row, "/read")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"category": "INTERNAL_ERROR", "message": "Cannot read jane@mail.example"}', "503 INTERNAL_ERROR"),
        (b"<h1>Jane</h1>", r"503 with no usable body \(13 bytes\)"),
    ],
    ids=["JSON", "web page"],
)
def test_a_503_is_reported_by_category_or_size_without_hubspots_message(body: bytes, words: str) -> None:
    with pytest.raises(HubSpotUnavailable, match=f"^HubSpot answered {words}$"):
        parse(HTTPResponse(body, status=503), "/read")
