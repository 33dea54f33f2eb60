"""The coverage contract through the real program: the keyword in every field that
`capsem coverage --json` lists, in requests, answers and stream events of every dialect."""

import functools
import json
import subprocess

import pytest

import field_sample
from dialects import ANTHROPIC, BEARER, GEMINI
from harness import KEY, capsem_binary

WORD = "capsem_block"
GEMINI_HEADERS = GEMINI.headers
# dialect: path, path of a stream, headers, members that a clean request has
ROUTES = {
    "openai_chat": ("/v1/chat/completions", None, BEARER, {"messages": []}),
    "openai_completions": ("/v1/completions", None, BEARER, {"prompt": "hi"}),
    "openai_responses": ("/v1/responses", None, BEARER, {"input": "hi"}),
    "openai_embeddings": ("/v1/embeddings", None, BEARER, {"input": "hi"}),
    "gemini": ("/v1beta/models/{model}:generateContent", "/v1beta/models/{model}:streamGenerateContent?alt=sse",
               GEMINI_HEADERS, {"contents": []}),
    "gemini_interactions": ("/v1beta/interactions", None, GEMINI_HEADERS, {"input": "hi"}),
    "anthropic": ("/v1/messages", None, ANTHROPIC.headers, {"messages": []}),
    "anthropic_complete": ("/v1/complete", None, ANTHROPIC.headers, {"prompt": "hi"}),
}


@functools.cache
def rows() -> list[dict]:
    run = subprocess.run([capsem_binary(), "coverage", "--json"], capture_output=True, text=True, timeout=20, check=True)
    return json.loads(run.stdout)


def cases(dialect: str, where: str):
    """(path, alternative, row) of every field that must be inspected."""
    for row in rows():
        if row["dialect"] == dialect and row["where"] == where and row["treatment"] not in ("unseen", "tokens"):
            for alternative in range(field_sample.alternatives(row["path"])):
                yield row["path"], alternative, row


def is_refused(response) -> bool:
    text = response.text
    return f"Detected '{WORD}'" in text and WORD not in text.replace(f"Detected '{WORD}'", "")


def shown(passed) -> str:
    return f"{len(passed)} fields let it pass, among them:\n" + "\n".join(map(str, passed[:12]))


def test_every_dialect_has_rows():
    listed = {row["dialect"] for row in rows()}
    assert set(ROUTES) <= listed
    assert len(rows()) > 300


# Gemini reads every name in camel case and in snake case.
@pytest.mark.parametrize("dialect,spelling", [(d, "as written") for d in ROUTES] + [("gemini", "snake")])
def test_t17_the_keyword_in_every_request_field_is_refused(debug_gateway, mock, dialect, spelling):
    path, _, headers, _ = ROUTES[dialect]
    passed = []
    before = mock.count()
    for field, alternative, row in cases(dialect, "request"):
        spelled = field_sample.snake if spelling == "snake" else lambda name: name
        body = field_sample.sample(row, WORD, alternative, spelled)
        if "{model}" not in path:
            body = {"model": "m", **body}
        response = debug_gateway.http.post(path.replace("{model}", "m"), json=body, headers=headers)
        if response.status_code != 403 or not is_refused(response):
            passed.append((field, alternative, response.status_code, response.text[:200]))
    assert not passed, shown(passed)
    assert mock.count() == before


@pytest.mark.parametrize("dialect", ROUTES)
def test_t17_the_keyword_in_every_answer_field_is_refused(debug_gateway, mock, dialect):
    path, _, headers, clean = ROUTES[dialect]
    passed = []
    for field, alternative, row in cases(dialect, "response"):
        model = mock.answers(field_sample.sample(row, WORD, alternative))
        response = debug_gateway.http.post(path.replace("{model}", model), json={"model": model, **clean} if "{model}" not in path else clean,
                                           headers=headers)
        if response.status_code != 403 or not is_refused(response):
            passed.append((field, alternative, response.status_code, response.text[:200]))
    assert not passed, shown(passed)


@pytest.mark.parametrize("dialect", [d for d in ROUTES if d != "openai_embeddings"])
def test_t17_the_keyword_in_every_stream_field_is_refused(debug_gateway, mock, dialect):
    path, stream_path, headers, clean = ROUTES[dialect]
    passed = []
    for field, alternative, row in cases(dialect, "stream"):
        name = field_sample.event_name(field, alternative)
        event = (f"event: {name}\n" if name else "") + f"data: {json.dumps(field_sample.sample(row, WORD, alternative))}\n\n"
        model = mock.streams([event])
        body = clean if stream_path else {"model": model, "stream": True, **clean}
        response = debug_gateway.http.post((stream_path or path).replace("{model}", model), json=body, headers=headers)
        if not is_refused(response):
            passed.append((field, alternative, response.status_code, response.text[:200]))
    assert not passed, shown(passed)


@pytest.mark.parametrize("dialect", ROUTES)
def test_a_field_that_no_row_names_is_refused_too(debug_gateway, mock, dialect):
    path, stream_path, headers, clean = ROUTES[dialect]
    unknown = {"something_new": {"deep": [WORD]}}
    base = {} if "{model}" in path else {"model": "m"}
    post = lambda url, body: debug_gateway.http.post(url, json=body, headers=headers)
    assert post(path.replace("{model}", "m"), {**base, **clean, **unknown}).status_code == 403
    model = mock.answers(unknown)
    body = clean if "{model}" in path else {"model": model, **clean}
    assert post(path.replace("{model}", model), body).status_code == 403
    if dialect == "openai_embeddings":
        return
    model = mock.streams([f"data: {json.dumps(unknown)}\n\n"])
    body = clean if stream_path else {"model": model, "stream": True, **clean}
    assert is_refused(post((stream_path or path).replace("{model}", model), body))


def test_the_table_is_for_people_too():
    run = subprocess.run([capsem_binary(), "coverage"], capture_output=True, text=True, timeout=20, check=True)
    assert "messages[].content" in run.stdout and KEY not in run.stdout
