"""Print what CloudFormation makes of template.yaml, with all that SAM adds to it. Runs in sam's environment.

    .venv-sam/bin/python tools/generators/expanded.py template.yaml [NAME=VALUE...]

Parameters that are not named have their defaults.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
PLACES = ("CodeUri", "ContentUri")


class NoManagedPolicies:
    """The list of managed policies for SAM's translator: empty, since the template names none."""

    def load(self) -> dict[str, str]:
        """Return ARNs by policy name."""
        return {}


def expanded(text: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the expanded template. Code is at the S3 key that `sam deploy` would use, by its content."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.disable(logging.WARNING)  # the translator warns of features that AWS may switch on
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for place in PLACES:
            if place in properties:
                properties[place] = f"s3://artifacts/{_digest(ROOT / properties[place])}"
    transformed: dict[str, Any] = transform(template, parameters, NoManagedPolicies())
    return transformed


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


if __name__ == "__main__":
    file, *given = sys.argv[1:]
    parameters = dict(parameter.split("=", 1) for parameter in given)
    json.dump(expanded(Path(file).read_text(encoding="utf-8"), parameters), sys.stdout, indent=1)
