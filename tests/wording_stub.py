"""A real HTTP server that speaks the protocol of chat completions, and says what a test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, bytes, dict[str, str]]
Answers = Callable[[dict[str, Any]], Reply | str]


@dataclass
class Stub:
    """Where it listens, what it was asked, and what it answers next."""

    base_url: str
    answer: Answers
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)


def completion(content: str | None, **choice: Any) -> bytes:
    """A chat completion with that text, as servers send it."""
    message = {"role": "assistant", "content": content}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "stub-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        },
        ensure_ascii=False,
    ).encode()


def facts_of_request(body: dict[str, Any]) -> dict[str, str]:
    """The facts that a request gives."""
    found: dict[str, str] = json.loads(body["messages"][-1]["content"])
    return found


def echo(body: dict[str, Any]) -> str:
    """A model that says just what it is told."""
    return json.dumps(facts_of_request(body), ensure_ascii=False)


@contextmanager
def serve(answer: Answers = echo) -> Iterator[Stub]:
    """The server, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it the second packet of an answer waits for an acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            stub.raw.append(text)
            body = json.loads(text)
            stub.asked.append(body)
            stub.headers.append({k.lower(): v for k, v in self.headers.items()})
            said = stub.answer(body)
            status, content, headers = (
                (200, completion(said), {}) if isinstance(said, str) else said
            )
            if self.path != "/v1/chat/completions":
                status, content, headers = 404, b"{}", {}
            drip = headers.pop("x-drip", None)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                if drip:
                    for at in range(len(content)):
                        self.wfile.write(content[at : at + 1])
                        self.wfile.flush()
                        time.sleep(float(drip))
                else:
                    self.wfile.write(content)
            except OSError:
                pass  # the caller hung up, as it should

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = Stub(f"http://127.0.0.1:{server.server_port}/v1", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
