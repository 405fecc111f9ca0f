"""Write objects of the stack's bucket only if nobody changed them since they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from woohub.aws_errors import aws_code
from woohub_cli.cli_errors import Trouble

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHANGED_MEANWHILE = ("PreconditionFailed", "ConditionalRequestConflict")  # S3's answers to a conditional write


class ChangedMeanwhile(Trouble):
    """Somebody else wrote the object after it was read; nothing was changed."""


def replace(s3: S3Client, bucket: str, key: str, content: bytes | None, etag: str | None, **more: Any) -> str:
    """Write the object, or remove it (None), and return the version's id.

    `etag` is the object's ETag when it was read, None if it did not exist. Raises ChangedMeanwhile, and botocore's
    errors.
    """
    stored: Any
    unchanged: Any = {"IfMatch": etag} if etag else {}
    try:
        if content is None:
            stored = s3.delete_object(Bucket=bucket, Key=key, **unchanged)
        else:
            stored = s3.put_object(Bucket=bucket, Key=key, Body=content, **unchanged or {"IfNoneMatch": "*"}, **more)
    except ClientError as error:
        if aws_code(error) not in CHANGED_MEANWHILE:
            raise
        raise ChangedMeanwhile(
            f"somebody else has changed {key} in the stack's bucket meanwhile, so nothing was written: "
            "look at it (`woohub mapping pull`, `woohub store list`), then run the command again"
        ) from error
    return str(stored.get("VersionId", ""))
