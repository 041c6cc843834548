"""The web application of `fairshard serve`: it gives addresses of files, and describes itself."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.pull.grant_addresses import FILES
from pipelines.serve.access import Gate, RefusedError
from schemas.errors import FairshardError
from schemas.grant import GrantedFiles, Refused, SignedRequest

DESCRIPTION = "/openapi.json"
_MAX_BODY_BYTES = 1 << 20
_log = logging.getLogger(__name__)


def make_app(gate: Gate) -> Starlette:
    """Returns the application.

    Args:
        gate: What checks requests. One is answered at a time, since each is logged.
    """
    turn = threading.Lock()

    def answer(asked: SignedRequest) -> GrantedFiles:
        with turn:
            return gate.answer(asked, datetime.now(UTC))

    async def files(request: Request) -> Response:
        try:
            asked = SignedRequest.model_validate_json(await _body(request))
        except (ValidationError, ClientDisconnect) as error:
            return _json(Refused(refused="malformed", detail=_first_fault(error)), 400)
        try:
            return _json(await run_in_threadpool(answer, asked), 200)
        except RefusedError as error:
            return _json(error.refused, 400 if error.refused.refused == "malformed" else 403)
        except FairshardError as error:
            _log.error("%s", error)  # the buyer is told nothing of the output
            return Response(status_code=503)

    async def description(request: Request) -> Response:
        return JSONResponse(openapi())

    return Starlette(
        routes=[Route(FILES, files, methods=["POST"]), Route(DESCRIPTION, description)]
    )


def openapi() -> dict[str, object]:
    """Returns the application's description, OpenAPI 3.1, from the records' own schemas."""
    schemas: dict[str, object] = {}
    for model in (SignedRequest, GrantedFiles, Refused):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    answers = {
        "200": _content("GrantedFiles", "Addresses of the files, in the order asked."),
        "400": _content("Refused", "The request has not the described form."),
        "403": _content("Refused", "The grant does not allow it, and why."),
        "503": {"description": "The agency's output cannot be read now."},
    }
    operation = {
        "operationId": "files",
        "summary": "Get short-lived addresses of a deal's files",
        "requestBody": {"required": True, **_content("SignedRequest", "A grant and a request.")},
        "responses": answers,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fairshard entitlement", "version": "1"},
        "paths": {FILES: {"post": operation}},
        "components": {"schemas": schemas},
    }


def _content(model: str, description: str) -> dict[str, object]:
    reference = {"$ref": f"#/components/schemas/{model}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


async def _body(request: Request) -> bytes:
    """Returns a request's body; what is beyond the limit is not read."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            break  # no JSON any more, so that it is refused as malformed
    return bytes(body[:_MAX_BODY_BYTES])


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"]))
        return f"{where}: {fault['msg']}"[:200]
    return "the request broke off"


def _json(record: BaseModel, status: int) -> JSONResponse:
    return JSONResponse(record.model_dump(mode="json"), status_code=status)
