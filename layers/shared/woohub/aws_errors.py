"""The errors that a call to AWS may raise, and AWS's code for each."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (BotoCoreError, ClientError)  # no response; a response that says why AWS refused


def aws_code(error: Exception) -> str:
    """Return AWS's error code, such as AccessDeniedException, or the exception's name if AWS did not respond."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
