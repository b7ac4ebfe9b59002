"""A local stand-in for the part of Anthropic's Messages API that XAVOS uses, errors included.

Its rules and answers follow https://docs.anthropic.com/en/api/messages and …/errors.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

VERSION = "2023-06-01"
MODEL = "claude-of-the-checks"
USAGE = {"input_tokens": 1000, "output_tokens": 200}
# Error types by status. 529 is not an HTTP status; it means overloaded.
_ERRORS = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 529: "overloaded_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP status and its body."""

    status: int
    body: Mapping[str, Any]


def error(status: int, message: str = "an error of the checks") -> Answer:
    """An error in the format of the API."""
    return Answer(status=status, body={"type": "error", "error": {"type": _ERRORS[status], "message": message}})


def suggestion(summary: str, *suggestions: Mapping[str, str]) -> Answer:
    """A `tool_use` answer with these suggestions. The name of the tool comes from the request."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "", "input": {"summary": summary, "suggestions": suggestions}}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [block]}
    return Answer(status=200, body={**message, "stop_reason": "tool_use", "stop_sequence": None, "usage": USAGE})


@dataclass(slots=True, kw_only=True)
class MessagesApi:
    """The state of the server: its `url`, the requests in `asked`, and the `answers` that it gives in order."""

    key: str
    answers: list[Answer]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a request."""
        if path != "/v1/messages":
            return error(404)
        question: dict[str, Any] = json.loads(body)
        self.asked.append(question)
        if headers.get("x-api-key") != self.key:
            return error(401, "invalid x-api-key")
        given = self.answers.pop(0) if self.answers else error(400, "more requests than the check has answers")
        if given.status != 200:
            return given
        wrong = _wrong_with(headers, question)
        return error(400, wrong) if wrong else _with_tool(given, str(question["tool_choice"]["name"]))


def _wrong_with(headers: Mapping[str, str], question: Mapping[str, Any]) -> str | None:
    """Why the API would refuse the request; None where it would not."""
    if headers.get("anthropic-version") != VERSION:
        return "anthropic-version: header is required"
    if missing := {"model", "max_tokens", "messages"} - question.keys():
        return f"{sorted(missing)}: field required"
    choice = question.get("tool_choice") or {}
    if choice.get("type") != "tool" or choice.get("name") not in [tool["name"] for tool in question.get("tools", ())]:
        return "tool_choice: a tool must be forced, because the answers of this check are tool calls"
    return None


def _with_tool(answer: Answer, name: str) -> Answer:
    content = [{**block, "name": name} for block in answer.body["content"]]
    return Answer(status=answer.status, body={**answer.body, "content": content})


@contextmanager
def messages_api(key: str, *answers: Answer, before: Callable[[], None] | None = None) -> Iterator[MessagesApi]:
    """Run the server on a port of 127.0.0.1. It accepts this key, and calls `before` before each answer."""
    api = MessagesApi(key=key, answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = api.answer(self.path, headers, body)
            if before:
                before()
            sent = json.dumps(answer.body).encode()
            self.send_response(answer.status, "" if answer.status == 529 else None)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *arguments: object) -> None:
            """Log nothing. The requests are in `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield api
        finally:
            server.shutdown()
            serving.join()
