"""A captioner behind an OpenAI-compatible HTTP endpoint, such as vLLM, on a host of the deal."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypedDict, cast

from PIL import Image

from pipelines.fetch.hosts import HttpLocation, parse_hosts, resolve_http
from pipelines.fetch.http import send
from pipelines.fetch.http_request import Sent
from pipelines.fetch.response_head import ResponseHead
from pipelines.vision.caption_text import CaptionFailure, clean_caption
from pipelines.vision.captioner_plugin import safe
from schemas.canonical import canonical_json
from schemas.deal_captions import EndpointTerms
from schemas.errors import BadRecord, InputError

KEY_VARIABLE = "FAIRSHARD_CAPTIONER_KEY"
SCHEMES = ("https://", "http://")
_MAX_ANSWER_BYTES = 1 << 18
_MAX_LIST_BYTES = 1 << 22
_JPEG_QUALITY = 90
_REACH_TIMEOUT_S = 10.0
_MAX_SHOWN_MODELS = 5
# Increased when other requests are sent for the same settings.
_REQUEST_VERSION = 1
# Shorter keys are words such as EMPTY, for servers that want none.
_LEAST_SECRET_CHARS = 12
_KEY = re.compile(r"[!-~]{1,4096}")
_SYNTAX = "Give https://host/v1#model, and list the host in captions.endpoint.hosts"


def is_endpoint(name: str) -> bool:
    """Returns whether a captioner's name in a deal is the address of an endpoint."""
    return name.startswith(SCHEMES)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that was checked against the deal's hosts.

    Attributes:
        base: Where the API begins, such as /v1 on its host.
        model: The model's name there.
        terms: The deal's settings.
    """

    base: HttpLocation
    model: str
    terms: EndpointTerms

    @property
    def identity(self) -> str:
        """The model's name and version, and a digest of all that the answers depend on."""
        settings = {
            "request": _REQUEST_VERSION,
            "address": f"{self.base.scheme}://{self.base.host}:{self.base.port}{self.base.target}",
            "model": self.model,
            **{name: getattr(self.terms, name) for name in ("prompt", "version", "max_tokens")},
        }
        digest = hashlib.sha256(canonical_json(settings)).hexdigest()
        return "@".join((safe(self.model), safe(self.terms.version), f"sha256-{digest}"))

    def at(self, path: str) -> HttpLocation:
        """Returns the location of a path below the base."""
        return replace(self.base, target=f"{self.base.target.rstrip('/')}/{path}")


def parse_endpoint(name: str, terms: EndpointTerms) -> Endpoint:
    """Parses `https://host/v1#model`; nothing is sent.

    Raises:
        InputError: It is malformed, or its host is not listed.
    """
    address, _, model = name.partition("#")
    try:
        base = resolve_http(address, parse_hosts(terms.hosts))
        if not model or not model.isprintable():
            raise ValueError("the model's name after # is missing")
        if "?" in base.target:
            raise ValueError("a query in the address")
    except ValueError as error:
        which = f"{name} ({error})"
        raise InputError("The captioner's address is not valid", which, _SYNTAX) from error
    return Endpoint(base, model, terms)


def read_key() -> str:
    """Returns the endpoint's key from the environment; "" if it needs none.

    Raises:
        InputError: It cannot be sent in a header; the message does not show it.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if key and not _KEY.fullmatch(key):
        raise InputError(
            "The captioner's key is not valid",
            f"{KEY_VARIABLE}: {len(key)} characters",
            "Set it to printable ASCII characters without blanks.",
        )
    return key


def check_endpoint(endpoint: Endpoint) -> None:
    """Asks the endpoint for its models, so that a run does not begin with one that is not there.

    Raises:
        InputError: It cannot be reached, refuses the key, or does not have the model.
    """
    heads: list[ResponseHead] = []
    sent = Sent("GET", _headers(read_key()), None, _REACH_TIMEOUT_S)
    try:
        data = send(endpoint.at("models"), sent, _MAX_LIST_BYTES, heads.append)
    except BadRecord as error:
        status = heads[-1].status if heads else 0
        if status in (401, 403):
            raise InputError(
                "The captioner's endpoint refuses the key",
                f"HTTP {status} from {endpoint.base.host}",
                f"Set the environment variable {KEY_VARIABLE}.",
            ) from error
        if status in (404, 405):
            return  # it is there, and lists no models
        raise InputError(
            "The captioner's endpoint cannot be used",
            error.detail,
            "Start it, or correct models.captioner and captions.endpoint.hosts.",
        ) from error
    names = _model_names(data)
    if names and endpoint.model not in names:
        raise InputError(
            "The captioner's endpoint does not have this model",
            endpoint.model[:200],
            f"It has: {', '.join(name[:100] for name in names[:_MAX_SHOWN_MODELS])}",
        )


def _model_names(data: bytes) -> list[str]:
    """Returns the models in an answer whose names can be shown; none if it is not a list."""
    try:
        names = [str(one["id"]) for one in json.loads(data)["data"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return [name for name in names if name.isprintable()]


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


@dataclass(frozen=True)
class HttpCaptioner:
    """Asks an endpoint for captions, several pictures at once.

    Attributes:
        endpoint: The endpoint.
        key: Its key, or "".
    """

    endpoint: Endpoint
    key: str = field(repr=False)

    @property
    def identity(self) -> str:
        """The identity under which its captions are stored."""
        return self.endpoint.identity

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.endpoint.terms.concurrency, "caption")

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """Returns a caption, or why there is none, for each RGB picture."""
        return list(self._threads.map(self._ask, images))

    def _ask(self, image: Image.Image) -> str | CaptionFailure:
        terms = self.endpoint.terms
        headers = {**_headers(self.key), "Content-Type": "application/json"}
        sent = Sent("POST", headers, self._request(image), float(terms.timeout_s))
        try:
            data = send(self.endpoint.at("chat/completions"), sent, _MAX_ANSWER_BYTES)
        except BadRecord as error:
            return CaptionFailure(error.detail)
        found = _caption_in(data)
        said = found.detail if isinstance(found, CaptionFailure) else found
        if len(self.key) >= _LEAST_SECRET_CHARS and (self.key in said or self.key.encode() in data):
            return CaptionFailure("the answer has the endpoint's key in it")
        return found

    def _request(self, image: Image.Image) -> bytes:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=_JPEG_QUALITY)
        url = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
        request = {
            "model": self.endpoint.model,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": self.endpoint.terms.prompt},
                        {"type": "image_url", "image_url": {"url": url}},
                    ],
                }
            ],
            "max_tokens": self.endpoint.terms.max_tokens,
            "temperature": 0,
            "seed": 0,
        }
        return json.dumps(request).encode()


class _Message(TypedDict):
    content: str


class _Choice(TypedDict):
    message: _Message
    finish_reason: str


class _Completion(TypedDict):
    """What is read of an answer, if it is what it should be."""

    choices: list[_Choice]


def _caption_in(data: bytes) -> str | CaptionFailure:
    try:
        answer = cast("_Completion", json.loads(data.decode("utf-8")))
        choice = answer["choices"][0]
        text = choice["message"]["content"]
        if not isinstance(text, str):
            raise TypeError("content is not text")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        return CaptionFailure(f"the answer is not a chat completion ({type(error).__name__})")
    if choice.get("finish_reason") == "length":
        return CaptionFailure("the caption was cut off; raise captions.endpoint.max_tokens")
    if choice.get("finish_reason") == "content_filter":
        return CaptionFailure("the endpoint's filter left out the caption or parts of it")
    return clean_caption(text)


def load_endpoint(name: str, terms: EndpointTerms) -> HttpCaptioner:
    """Returns the captioner that a deal names by its address.

    Raises:
        InputError: The address or the key is not valid.
    """
    return HttpCaptioner(parse_endpoint(name, terms), read_key())
