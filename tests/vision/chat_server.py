"""A local server with the OpenAI-compatible endpoints that a captioner needs."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fetch.web_server import listening

# Returns status, headers and body, given the number of the request for its path, from 1.
Answer = Callable[[int], tuple[int, dict[str, str], bytes]]


def says(text: Any, finish: str = "stop") -> bytes:
    """Returns a chat completion with a text."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"choices": [choice]}).encode()


def always(body: bytes, status: int = 200, **headers: str) -> Answer:
    return lambda _: (status, {name.replace("_", "-"): v for name, v in headers.items()}, body)


def in_turn(*answers: Answer) -> Answer:
    return lambda count: answers[min(count, len(answers)) - 1](count)


@dataclass
class Chat:
    """A server's answers, and the requests that it got."""

    answer: Answer
    models: Answer
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lists: int = 0

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        return f"{self.host}/v1#vlm"


@contextmanager
def chatting(answer: Answer, models: Answer | None = None) -> Iterator[Chat]:
    chat = Chat(answer, models or always(b'{"data": [{"id": "vlm"}]}'))
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path == "/v1/models"
            chat.lists += 1
            self._send(chat.models(chat.lists))

        def do_POST(self) -> None:
            assert self.path == "/v1/chat/completions"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                chat.requests.append(json.loads(body))
                chat.headers.append(dict(self.headers.items()))
                count = len(chat.requests)
                chat.at_once += 1
                chat.most_at_once = max(chat.most_at_once, chat.at_once)
            try:
                found = chat.answer(count)
            finally:
                with lock:
                    chat.at_once -= 1
            self._send(found)

        def _send(self, found: tuple[int, dict[str, str], bytes]) -> None:
            status, headers, body = found
            with contextlib.suppress(OSError):  # the client may close the connection
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with listening(Handler) as chat.port:
        yield chat
