"""What HubSpot's words mean; whole answers are read in tests/integration/test_hubspot.py."""

from __future__ import annotations

import pytest
from urllib3 import HTTPResponse

from woohub.errors import HubSpotUnavailable
from woohub.hubspot.answers import ends, parse, problem_of

RECORDED = {
    "an embedded list": (
        {
            "status": "error",
            "message": 'Property values were not valid: [{"isValid":false,"message":"Email address x is invalid",'
            '"error":"INVALID_EMAIL","name":"email"}]',
            "category": "VALIDATION_ERROR",
        },
        ("INVALID_EMAIL", ("email",)),
    ),
    "a list of errors": (
        {
            "category": "VALIDATION_ERROR",
            "errors": [{"code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}}],
        },
        ("PROPERTY_DOESNT_EXIST", ("x",)),
    ),
    "words": ({"message": 'Property "x" does not exist'}, ("PROPERTY_DOESNT_EXIST", ("x",))),
    "a list of words": ({"errors": [{"message": "Email address x is invalid"}]}, ("INVALID_EMAIL", ())),
    "nothing": ({}, ("", ())),
    "odd shapes": ({"errors": ["?"], "context": [], "message": None, "category": None}, ("", ())),
}


@pytest.mark.parametrize(("body", "expected"), RECORDED.values(), ids=RECORDED.keys())
def test_every_shape_of_error_body_is_read(body: dict[str, object], expected: tuple[str, tuple[str, ...]]) -> None:
    problem = problem_of(400, body)

    assert (problem.code, problem.properties) == expected


def test_of_several_complaints_each_is_about_its_own_property() -> None:
    absent = {"code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}}
    other = {"code": "INVALID_OPTION", "context": {"propertyName": ["country"]}}

    problem = problem_of(400, {"errors": [other, absent]})

    assert (problem.properties, problem.absent) == (("country", "x"), ("x",))


def test_a_complaint_that_names_properties_elsewhere_is_about_all_of_them() -> None:
    problem = problem_of(400, {"message": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}})

    assert problem.absent == ("x",)


@pytest.mark.parametrize(
    "row", [{"to": []}, {"from": "1"}, {"from": {"id": "1"}, "to": [{}]}, {"from": {"id": "1"}, "to": {"id": "2"}}]
)
def test_a_row_that_names_no_association_is_as_good_as_no_answer(row: dict[str, object]) -> None:
    with pytest.raises(HubSpotUnavailable, match="no association"):
        ends(row, "/read")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"category": "INTERNAL_ERROR", "message": "Cannot read jane@mail.example"}', "503 INTERNAL_ERROR"),
        (b"<h1>Jane</h1>", r"503 with no usable body \(13 bytes\)"),
    ],
)
def test_an_answer_without_a_verdict_is_named_by_its_category_and_not_in_hubspots_words(
    body: bytes, words: str
) -> None:
    with pytest.raises(HubSpotUnavailable, match=f"^HubSpot answered {words}$"):
        parse(HTTPResponse(body, status=503), "/read")
