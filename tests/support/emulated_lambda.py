"""Lambda of the emulated AWS."""

from __future__ import annotations

import io
import zipfile

from local_stack.settings import ROOT
from local_stack.stack import Stack


def end_warm_processes(stack: Stack, name: str) -> None:
    """Make the next run of this function a cold start, without cached secrets."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.write(ROOT / "functions" / name / "app.py", "app.py")
    function = getattr(stack, f"{name}_function")
    stack.client("lambda").update_function_code(FunctionName=function, ZipFile=code.getvalue())
