"""Reads a vocabulary: the concepts, prompts and thresholds for zero-shot tags and captions.

docs/models.md describes the file. Nothing here needs a model.
"""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.canonical import canonical_json
from schemas.deal_values import ExactShare, OneLine, refuse_repeats
from schemas.errors import InputError

GENERAL = Path(__file__).parent / "vocabularies" / "general.toml"
_MAX_BYTES = 1 << 20
_MAX_SHOWN_FAULTS = 5
_MAX_CONCEPTS = 10_000
_BLANKS = ("{}", "{a}")


def _check_template(value: str) -> str:
    if sum(value.count(blank) for blank in _BLANKS) != 1 or value.count("{") != 1:
        raise ValueError('must have one "{}" or "{a}", which stands for the concept')
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Category(_Section):
    """Concepts that are asked for alike."""

    name: OneLine
    concepts: list[OneLine] = Field(min_length=1)
    prompts: list[OneLine] = Field(min_length=1, max_length=100)
    # Least cosine of medium and concept for a tag.
    min_score: ExactShare
    most: int = Field(ge=1, le=100)
    # How the best concept appears in the caption; "" if it does not.
    phrase: str = ""

    @field_validator("concepts")
    @classmethod
    def _check_concepts(cls, values: list[str]) -> list[str]:
        for value in values:
            if ";" in value or value != value.strip():
                raise ValueError(f"{value!r} has a semicolon, or blanks around it")
        return refuse_repeats(values)

    @field_validator("prompts")
    @classmethod
    def _check_prompts(cls, values: list[str]) -> list[str]:
        return refuse_repeats([_check_template(value) for value in values])

    @field_validator("phrase")
    @classmethod
    def _check_phrase(cls, value: str) -> str:
        if not value:
            return value
        if not value.isprintable():
            raise ValueError("must be one line, without control characters")
        return _check_template(value)

    def texts(self, concept: str) -> list[str]:
        """Returns the prompts for a concept, whose mean is its vector."""
        return [fill(prompt, concept) for prompt in self.prompts]

    @property
    def threshold(self) -> float:
        """The least score of a tag."""
        return float(Decimal(self.min_score))


class Vocabulary(_Section):
    """The concepts that pictures are compared with."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$")]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
    caption: OneLine  # "{}" stands for the phrases of the best tags
    caption_parts: int = Field(ge=1, le=20)
    most: int = Field(ge=1, le=100)
    categories: list[Category] = Field(min_length=1)

    @field_validator("caption")
    @classmethod
    def _check_caption(cls, value: str) -> str:
        return _check_template(value)

    @model_validator(mode="after")
    def _check_categories(self) -> Vocabulary:
        refuse_repeats([category.name for category in self.categories])
        # Vectors are stored by both names, with a colon between them.
        if any(":" in category.name for category in self.categories):
            raise ValueError("a category's name has a colon")
        if sum(len(category.concepts) for category in self.categories) > _MAX_CONCEPTS:
            raise ValueError(f"there are more than {_MAX_CONCEPTS:,} concepts")
        return self

    @cached_property
    def identity(self) -> str:
        """Its name and the digest of what it says."""
        digest = hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()
        return f"{self.name}@sha256-{digest}"


def fill(template: str, concept: str) -> str:
    """Returns a template with a concept in its place; `{a}` adds "a" or "an" if it takes one."""
    return template.replace("{a}", _with_article(concept)).replace("{}", concept)


def _with_article(concept: str) -> str:
    head = concept.split(" of ")[0]
    is_plural = head.endswith("s") and not head.endswith(("ss", "us", "is"))
    if is_plural or head[0].isupper():
        return concept
    return f"{'an' if head[0] in 'aeiou' else 'a'} {concept}"


def load_vocabulary(path: Path) -> Vocabulary:
    """Reads a vocabulary.

    Raises:
        InputError: It cannot be read, or is not valid; the message lists the faults.
    """
    try:
        data = path.read_bytes()
        if len(data) > _MAX_BYTES:
            raise ValueError(f"{len(data):,} bytes, at most {_MAX_BYTES:,} are read")
        return Vocabulary.model_validate(tomllib.loads(data.decode("utf-8")))
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise _invalid(path, "; ".join(faults[:_MAX_SHOWN_FAULTS])) from error
    except OSError as error:
        raise _invalid(path, f"{error.strerror or error}; looked for in {Path.cwd()}") from error
    except (ValueError, RecursionError) as error:  # the last: too deep a list
        raise _invalid(path, str(error)[:200]) from error


def _invalid(path: Path, why: str) -> InputError:
    return InputError(
        "The vocabulary cannot be used",
        f"{path}: {why}",
        "Correct the file that captions.vocabulary names; docs/models.md describes it.",
    )
