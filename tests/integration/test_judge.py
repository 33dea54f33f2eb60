"""Judge services: a model of the operator's own, asked over HTTP before anything leaves."""

import http.server
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import dialects
from dialects import ALL, CHAT, refusal_of, streamed_text
from harness import Gateway, wait_until

BLOCKED = "Request blocked by security policy: "
EVERY = pytest.mark.parametrize("dialect", ALL, ids=dialects.ids)


class Stub:
    """Scores a text by the words in it; `behaves` says how it answers."""

    def __init__(self):
        stub = self
        self.asked, self.broken = [], 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stub.asked.append({**body, "path": self.path})
                try:
                    stub.answer(self, body["text"])
                except OSError:
                    stub.broken += 1

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/judge?v=1"

    def answer(self, handler, text):
        if "slowly" in text:
            time.sleep(1.5)
        status, body = 200, json.dumps({"score": 0.9 if "insult" in text else 0.1, "label": "rude"})
        if "garbage" in text:
            body = "<html>"
        elif "too high" in text:
            body = '{"score": 7}'
        elif "huge" in text:
            body = json.dumps({"score": 0.1, "label": "x" * 100_000})
        elif "failing" in text:
            status = 500
        elif "nobody" in text:
            return handler.connection.close()
        data = body.encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@pytest.fixture(scope="module")
def stub():
    stub = Stub()
    yield stub
    stub.server.shutdown()


def policy(stub, more="", deadline_ms=500):
    return {"judge.toml": f"""schema = 1
[[policy]]
id = "toxicity"
type = "judge"
url = "{stub.url}"
threshold = 0.8
deadline_ms = {deadline_ms}
on = ["prompt", "tool_result", "tool_args", "response"]
{more}
"""}


@pytest.fixture(scope="module")
def judged(mock, stub):
    gateway = Gateway(mock.url, policies=policy(stub))
    yield gateway
    gateway.close()


@EVERY
def test_r52_a_prompt_is_judged_before_the_provider_is_asked(judged, mock, stub, dialect):
    before = mock.count()
    for stream in (False, True):
        answer = dialect.ask(judged, "what an insult", stream=stream)
        assert refusal_of(dialect, answer) == f"{BLOCKED}Judged in prompt: rude(score=0.90, action=BLOCK)"
    assert mock.count() == before
    assert stub.asked[-1] == {"policy": "toxicity", "point": "prompt", "text": "what an insult", "path": "/judge?v=1"}
    assert refusal_of(dialect, dialect.ask(judged, "hello", mock.says("all is well"))) == ""


@EVERY
def test_an_answer_is_judged_before_it_leaves(judged, mock, dialect):
    for stream in (False, True):
        answer = dialect.ask(judged, "hello", mock.says("it begins well, but then an insult", "cut=5"), stream=stream)
        assert refusal_of(dialect, answer) == f"{BLOCKED}Judged in model response: rude(score=0.90, action=BLOCK)"
        assert "begins" not in answer.text
    clean = dialect.ask(judged, "hello", mock.says("all is well", "cut=3"), stream=True)
    assert streamed_text(dialect, clean.text) == "all is well"


def test_calls_and_results_are_judged(judged, mock, stub):
    answer = CHAT.post(judged, CHAT.tool_result("an insult from afar", "fetch", {"q": "x"}))
    assert "Judged in tool" in refusal_of(CHAT, answer)
    assert {"tool_result", "tool_args"} <= {a["point"] for a in stub.asked}
    for stream in (False, True):
        call = CHAT.ask(judged, "hello", mock.model('tool=send args={"text":"insult"}'), stream=stream)
        assert refusal_of(CHAT, call) == f"{BLOCKED}Judged in tool 'send' arguments: rude(score=0.90, action=BLOCK)"


def test_what_is_only_recorded_flows_at_once(make_gateway, mock, stub):
    gateway = make_gateway(policies=policy(stub, 'output = "log"'))
    answer = CHAT.ask(gateway, "hello", mock.says("an insult it is", "cut=3"), stream=True)
    assert streamed_text(CHAT, answer.text) == "an insult it is"
    record = wait_until(lambda: [r for r in gateway.records() if r.get("decisions")])[-1]
    decision = record["decisions"][-1]
    assert decision["policy"] == "toxicity" and decision["rule"] == "rude" and not decision["enforced"]


@pytest.mark.parametrize("text", ["slowly now", "garbage", "too high", "huge", "failing", "nobody"])
@pytest.mark.parametrize("on_error", ["block", "warn", "allow"])
def test_without_an_answer_on_error_decides_and_the_record_says_so(make_gateway, mock, stub, on_error, text):
    gateway = make_gateway(policies=policy(stub, f'on_error = "{on_error}"\nscope = "all"'))
    before = mock.count()
    began = time.monotonic()
    answer = CHAT.ask(gateway, text, mock.says("all is well"))
    assert time.monotonic() - began < 1.4
    if on_error == "block":
        assert answer.status_code >= 400 and mock.count() == before
        return
    assert answer.status_code == 200
    record = wait_until(lambda: [r for r in gateway.records() if r.get("not_checked")])[-1]
    assert "judge service" in json.dumps(record["not_checked"])
    assert ("inspection_failed" in json.dumps(record["decisions"])) == (on_error == "warn")


def test_a_client_that_leaves_ends_the_question(judged, mock, stub):
    before, open_files = mock.count(), judged.files_open()
    with pytest.raises(httpx.TimeoutException):
        CHAT.ask(judged, "slowly please", timeout=0.2)
    wait_until(lambda: [r for r in judged.records() if r.get("outcome") == "client_gone"])
    assert mock.count() == before
    assert CHAT.ask(judged, "hello", mock.says("all is well")).status_code == 200
    wait_until(lambda: judged.files_open() <= open_files + 4)


def test_what_is_refused_already_is_shown_to_no_judge(make_gateway, stub):
    both = {"debug.toml": "enabled = true\n", **policy(stub)}
    gateway = make_gateway(policies=both)
    asked = len(stub.asked)
    answer = CHAT.ask(gateway, "capsem_block and an insult")
    assert refusal_of(CHAT, answer) == f"{BLOCKED}Detected 'capsem_block' in prompt"
    assert len(stub.asked) == asked


def test_many_at_a_time(make_gateway, mock, stub):
    gateway = make_gateway(policies=policy(stub, deadline_ms=10_000))
    model = mock.says("all is well")

    def ask(i):
        return CHAT.ask(gateway, "insult" if i % 2 else "hello", model).status_code
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(64))) == [200, 403] * 32
