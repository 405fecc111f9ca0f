"""The errors of calls to AWS, and AWS's code for each."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (BotoCoreError, ClientError)  # whatever keeps a call from succeeding: no response, or a refusal


def aws_code(error: Exception) -> str:
    """AWS's error code, such as AccessDeniedException; without a response, the exception's name."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
