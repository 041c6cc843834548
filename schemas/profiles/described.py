"""Describes the fields of a model in its JSON Schema by the docstrings below them.

Pydantic can do that (`use_attribute_docstrings`), but then it parses the source of each model when
its module is imported, in every command, although few ask for the schema.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class DescribedModel(BaseModel):
    """A model of fields that are all required, of one type, and described below each."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Returns the model's JSON Schema; pydantic calls it."""
        schema = handler(core_schema)
        fields = handler.resolve_ref_schema(schema)["properties"]
        for name, text in _descriptions(cls).items():
            fields[name]["description"] = text
        return schema


def _descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Returns the docstrings of a model's fields, inherited ones included, by name."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if issubclass(part, DescribedModel):
            found |= _own_descriptions(part)
    return {name: text for name, text in found.items() if text}


def _own_descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Returns the docstring of each field that a model declares itself; "" without one."""
    [source] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    if not isinstance(source, ast.ClassDef):
        raise AssertionError("the source of a class is a class")
    return {
        field.target.id: _text_of(below)
        for field, below in pairwise([*source.body, ast.Pass()])
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if field.target.id in model.model_fields
    }


def _text_of(statement: ast.stmt) -> str:
    """Returns the text that a statement consists of; "" if it is no docstring."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return inspect.cleandoc(value.value)
    return ""
