"""The web application of `fairshard serve`: it gives addresses of files, and describes itself.

It sends the files as well if the output is in a folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.pull.grant_addresses import FILES
from pipelines.serve.access import Gate, RefusedError
from pipelines.serve.objects import Objects
from pipelines.serve.tickets import OBJECT, QUERY_NAMES
from schemas.errors import FairshardError
from schemas.grant import GrantedFiles, Refused, SignedRequest

DESCRIPTION = "/openapi.json"
_MAX_BODY_BYTES = 1 << 20
_log = logging.getLogger(__name__)


def make_app(gate: Gate, objects: Objects | None = None) -> Starlette:
    """Returns the application, which answers requests at the same time, each in a thread.

    Args:
        gate: What checks requests.
        objects: What sends files; None if another service does.
    """

    async def files(request: Request) -> Response:
        try:
            asked = SignedRequest.model_validate_json(await _body(request))
        except (ValidationError, ClientDisconnect) as error:
            return _json(Refused(refused="malformed", detail=_first_fault(error)), 400)
        return await _allowed(lambda: _json(gate.answer(asked, datetime.now(UTC)), 200))

    async def description(request: Request) -> Response:
        return JSONResponse(openapi(objects is not None))

    routes = [Route(FILES, files, methods=["POST"]), Route(DESCRIPTION, description)]
    if objects is not None:
        answer = objects.endpoint(gate)

        async def file(request: Request) -> Response:
            return await _allowed(lambda: answer(request))

        routes.append(Route(OBJECT, file, methods=["GET"]))
    return Starlette(routes=routes)


async def _allowed(answer: Callable[[], Response]) -> Response:
    """Returns an answer that a thread makes, or why there is none."""
    try:
        return await run_in_threadpool(answer)
    except RefusedError as error:
        return _json(error.refused, 400 if error.refused.refused == "malformed" else 403)
    except FairshardError as error:
        _log.error("%s", error)  # the buyer is told nothing of the output
        return Response(status_code=503)


def openapi(sends_files: bool = False) -> dict[str, object]:
    """Returns the application's description, OpenAPI 3.1, from the records' own schemas.

    Args:
        sends_files: Whether it sends the files itself.
    """
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
    paths: dict[str, object] = {FILES: {"post": operation}}
    if sends_files:
        paths[OBJECT] = {"get": _object_operation()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fairshard entitlement", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _object_operation() -> dict[str, object]:
    text = {"schema": {"type": "string"}}
    names = [{"name": name, "in": "query", "required": True, **text} for name in QUERY_NAMES]
    data: dict[str, object] = {"application/octet-stream": {}}
    return {
        "operationId": "object",
        "summary": "Get a file, or a range of it, at an address that was given",
        "parameters": [*names, {"name": "Range", "in": "header", "required": False, **text}],
        "responses": {
            "200": {"description": "The file.", "content": data},
            "206": {"description": "The range.", "content": data},
            "400": {"description": "The range has not the form of one."},
            "403": _content("Refused", "The address has ended or is not allowed, and why."),
            "404": {"description": "The output lacks the file."},
            "416": {"description": "The file ends before the range."},
            "503": {"description": "The agency's output cannot be read now."},
        },
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
