"""The `dcanary.yml` file: its format, its errors, and the record it becomes."""

from dcanary.pipeline.candid import to_candid
from dcanary.pipeline.errors import FieldError, PipelineFileError
from dcanary.pipeline.loader import FILE_NAME, load_pipeline, parse_pipeline
from dcanary.pipeline.model import PipelineFile
from dcanary.pipeline.references import Installation
from dcanary.pipeline.schema import json_schema

__all__ = [
    "FILE_NAME",
    "FieldError",
    "Installation",
    "PipelineFile",
    "PipelineFileError",
    "json_schema",
    "load_pipeline",
    "parse_pipeline",
    "to_candid",
]
