"""The artifacts that are deployed to AWS, as packaging/Makefile builds them on any host."""

from __future__ import annotations

from pathlib import Path

from benchmark.functions import ROOT, build


def test_compiled_dependencies_are_for_lambdas_python_and_processor(tmp_path: Path) -> None:
    layer = build("DependenciesLayer", tmp_path / "layer") / "python"

    compiled = [file.name for file in layer.rglob("*.so")]
    assert compiled
    assert all(name.endswith(".cpython-313-aarch64-linux-gnu.so") for name in compiled)


def test_the_dependencies_layer_leaves_out_what_lambda_has(tmp_path: Path) -> None:
    layer = build("DependenciesLayer", tmp_path / "layer") / "python"

    packages = {path.name for path in layer.iterdir()}
    assert {"aws_lambda_powertools", "pydantic", "urllib3"} <= packages
    assert not {"boto3", "botocore", "s3transfer"} & packages


def test_the_shared_layer_has_every_file_of_the_package(tmp_path: Path) -> None:
    layer = build("SharedLayer", tmp_path / "layer") / "python"

    source = ROOT / "layers" / "shared"
    built_files = {path.relative_to(layer) for path in (layer / "woohub").rglob("*.*") if path.suffix != ".pyc"}
    source_files = {path.relative_to(source) for path in (source / "woohub").rglob("*.*") if path.suffix != ".pyc"}
    assert built_files == source_files
    assert Path("woohub/mapping/mapping.toml") in built_files


def test_a_function_is_built_as_one_file(tmp_path: Path) -> None:
    function = build("ConsumerFunction", tmp_path / "function")

    assert [path.name for path in function.glob("*.*")] == ["app.py"]
