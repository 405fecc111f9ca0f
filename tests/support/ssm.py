"""A fake of SSM with one parameter, the watermark."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class Ssm:
    """The parameter, last modified at `made`, and all values written to it; the next `refuse` writes fail."""

    made: datetime
    value: str = "{}"
    written: list[str] = field(default_factory=list)
    refuse: int = 0

    def get_parameter(self, *, Name: str) -> dict[str, Any]:
        assert Name == "/stack/watermark"
        return {"Parameter": {"Value": self.value, "LastModifiedDate": self.made, "Version": 1 + len(self.written)}}

    def put_parameter(self, *, Name: str, Value: str, Type: str, Overwrite: bool) -> dict[str, Any]:
        assert (Name, Type, Overwrite) == ("/stack/watermark", "String", True)
        assert len(Value.encode()) <= 4096  # a standard parameter holds no more
        if self.refuse:
            self.refuse -= 1
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "PutParameter")
        self.value = Value
        self.written.append(Value)
        return {}
