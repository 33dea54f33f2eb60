"""Redaction with the official SDKs: what the provider is sent, what the client sees, what is put back, what is kept."""

import functools
import json
import re

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

import dialects
from dialects import ALL, CHAT, WITH_TOOLS, answer_text, json_events, refusal_of, streamed_text
from harness import KEY, Gateway, wait_until

MASK = """schema = 1
[[policy]]
id = "mask"
type = "pii"
entities = { EMAIL_ADDRESS = "redact", CREDIT_CARD = "redact" }
[[policy]]
id = "keys"
type = "secrets"
kinds = { private-key = "redact", provider-key = "redact" }
"""
RESTORE = """schema = 1
[[policy]]
id = "names"
type = "pii"
on = ["prompt", "tool_args", "tool_result"]
entities = { EMAIL_ADDRESS = "redact" }
redaction = "placeholder"
restore = true
"""
MAIL, CARD = "bob@example.com", "4111 1111 1111 1111"
# A key that opens nothing: made for this file.
PEM = ("-----BEGIN PRIVATE KEY-----\nMIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKx7Vt2Rk3ZyQm8f\n"
       "Lr0Xc5uWn1Tb9vGd4Jh6Kp2YsAeMzNqRwUiOoP7lSxFgHjBkCvDtEy3Za8Qn5Wm1\n-----END PRIVATE KEY-----")
SECRET = "[SECRET:private-key]"
PROMPT = f"Write to {MAIL} ümläut \"quoted\" and pay with {CARD}.\n{PEM}\nThanks\t😀"
MASKED = f"Write to [EMAIL_ADDRESS] ümläut \"quoted\" and pay with [CREDIT_CARD].\n{SECRET}\nThanks\t😀"
SAID = f"Ask {MAIL}, or charge {CARD}: {PEM} bye"
SAID_MASKED = f"Ask [EMAIL_ADDRESS], or charge [CREDIT_CARD]: {SECRET} bye"
CUTS = ("", "cut=1", "cut=3", "cut=8 segment=5")
ARGUMENTS = {"to": MAIL, "cards": [CARD, 4111111111111111], "note": f"ü {MAIL}"}
ARGUMENTS_MASKED = {"to": "[EMAIL_ADDRESS]", "cards": ["[CREDIT_CARD]", "[CREDIT_CARD]"], "note": "ü [EMAIL_ADDRESS]"}
BACK = "I wrote to <EMAIL_ADDRESS_2> and <EMAIL_ADDRESS_1>, not to <EMAIL_ADDRESS_9> or <b>."
PUT_BACK = "I wrote to eve@example.com and bob@example.com, not to <EMAIL_ADDRESS_9> or <b>."
EVERY = pytest.mark.parametrize("dialect", ALL, ids=dialects.ids)
TOOLED = pytest.mark.parametrize("dialect", WITH_TOOLS, ids=dialects.ids)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])


@pytest.fixture(scope="module")
def masking(mock):
    gateway = Gateway(mock.url, policies={"mask.toml": MASK})
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def restoring(mock):
    gateway = Gateway(mock.url, policies={"restore.toml": RESTORE})
    yield gateway
    gateway.close()


def openai_at(url):
    return openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0, timeout=20)


def anthropic_at(url):
    return anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=20)


@functools.cache  # one that nobody holds closes its connections
def google_at(url):
    return genai.Client(api_key=KEY, http_options={"base_url": url, "timeout": 20_000})


# ---- Each SDK's ways to ask: what was said -----------------------------------------------------------------------------

def chat(url, text, model):
    answer = openai_at(url).chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content


def chat_streamed(url, text, model):
    with openai_at(url).chat.completions.stream(model=model, messages=[{"role": "user", "content": text}]) as stream:
        said = "".join(e.delta for e in stream if e.type == "content.delta")
        assert stream.get_final_completion().choices[0].message.content == said
    return said


def responses(url, text, model):
    return openai_at(url).responses.create(model=model, input=text).output_text


def responses_streamed(url, text, model):
    with openai_at(url).responses.stream(model=model, input=text) as stream:
        events = list(stream)
        final = stream.get_final_response().output_text
    said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    repeats = [e.text for e in events if e.type == "response.output_text.done"]
    assert repeats == [said] and final == said
    return said


def messages(url, text, model):
    message = anthropic_at(url).messages.create(model=model, max_tokens=99, messages=[{"role": "user", "content": text}])
    return message.content[0].text


def messages_streamed(url, text, model):
    with anthropic_at(url).messages.stream(model=model, max_tokens=99, messages=[{"role": "user", "content": text}]) as stream:
        said = "".join(stream.text_stream)
        assert stream.get_final_text() == said
    return said


def generate(url, text, model):
    return google_at(url).models.generate_content(model=model, contents=text).text


def generate_streamed(url, text, model):
    return "".join(c.text or "" for c in google_at(url).models.generate_content_stream(model=model, contents=text))


WAYS = [chat, chat_streamed, responses, responses_streamed, messages, messages_streamed, generate, generate_streamed]
ASK = pytest.mark.parametrize("ask", WAYS, ids=lambda way: way.__name__)


def escaped(text):
    return json.dumps(text, ensure_ascii=False)[1:-1]


def sent(mock, model):
    return mock.seen_for(model)[-1]["body"]


# ---- Prompts -----------------------------------------------------------------------------------------------------------

@ASK
def test_a_prompt_reaches_the_provider_masked_and_otherwise_byte_for_byte(masking, mock, ask):
    model = mock.says("fine")
    ask(mock.url, PROMPT, model)
    plain = sent(mock, model)
    assert ask(masking.url, PROMPT, model) == "fine"
    masked = sent(mock, model)
    assert escaped(PROMPT) in plain or json.dumps(PROMPT)[1:-1] in plain
    for spelled in (escaped, lambda text: json.dumps(text)[1:-1]):
        for value, mask in ((MAIL, "[EMAIL_ADDRESS]"), (CARD, "[CREDIT_CARD]"), (PEM, SECRET)):
            plain = plain.replace(spelled(value), mask)
    assert masked == plain
    clean = ask(masking.url, MASKED, model) and sent(mock, model)
    assert clean == masked, "what is masked already stays as it is"


@TOOLED
@STREAM
def test_the_history_of_tools_is_masked_in_every_dialect(masking, mock, dialect, stream):
    model = mock.says("fine")
    parts = dialect.tool_result(f"found {MAIL}", "lookup", ARGUMENTS)
    answer = dialect.post(masking, parts, model, stream)
    assert answer.status_code == 200 and refusal_of(dialect, answer) == ""
    expected = dialect.tool_result("found [EMAIL_ADDRESS]", "lookup", ARGUMENTS_MASKED)
    got = json.loads(sent(mock, model))
    for name, value in expected.items():
        assert normal(got[name]) == normal(value)


def normal(value):
    """Arguments that stand as JSON in a string are compared as JSON."""
    if isinstance(value, dict):
        return {k: json.loads(v) if k == "arguments" and isinstance(v, str) else normal(v) for k, v in value.items()}
    return [normal(v) for v in value] if isinstance(value, list) else value


# ---- Answers -----------------------------------------------------------------------------------------------------------

@ASK
def test_an_answer_is_masked_at_every_cut_and_its_repeats_agree(masking, mock, ask):
    for cut in CUTS:
        assert ask(masking.url, "hi", mock.says(SAID, cut)) == SAID_MASKED, cut


@EVERY
def test_no_byte_of_it_is_in_the_answer(masking, mock, dialect):
    for stream in (False, True):
        for cut in CUTS:
            answer = dialect.ask(masking, "hi", mock.says(SAID, cut), stream)
            assert refusal_of(dialect, answer) == "" and answer.status_code == 200
            said = streamed_text(dialect, answer.text) if stream else answer_text(dialect, answer.json())
            assert said == SAID_MASKED
            for part in ("bob@", "4111", "MIICdw", "Lr0Xc5"):
                assert part not in answer.text, (stream, cut)


@EVERY
@STREAM
def test_an_answer_with_nothing_in_it_passes_byte_for_byte(masking, mock, dialect, stream):
    model = mock.says("nothing to see, ümläut <EMAIL_ADDRESS_1>", "cut=5")
    ids = re.compile(r'"(id|created|created_at|responseId|item_id)":\s*("[^"]*"|\d+)')
    direct = dialect.post(mock, dialect.user("hi"), model, stream)
    through = dialect.ask(masking, "hi", model, stream)
    assert ids.sub("", through.text) == ids.sub("", direct.text)


# ---- Tool calls --------------------------------------------------------------------------------------------------------

def chat_call(url, model):
    tools = dialects.CHAT.tools([("send", "", {})])["tools"]
    made = openai_at(url).chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}], tools=tools)
    yield json.loads(made.choices[0].message.tool_calls[0].function.arguments)
    with openai_at(url).chat.completions.stream(model=model, messages=[{"role": "user", "content": "hi"}],
                                                tools=tools) as stream:
        yield json.loads(stream.get_final_completion().choices[0].message.tool_calls[0].function.arguments)


def responses_call(url, model):
    tools = dialects.RESPONSES.tools([("send", "", {})])["tools"]
    made = openai_at(url).responses.create(model=model, input="hi", tools=tools)
    yield json.loads(next(i for i in made.output if i.type == "function_call").arguments)
    with openai_at(url).responses.stream(model=model, input="hi", tools=tools) as stream:
        events = list(stream)
        final = stream.get_final_response()
    yield json.loads("".join(e.delta for e in events if e.type == "response.function_call_arguments.delta"))
    yield json.loads(next(e for e in events if e.type == "response.function_call_arguments.done").arguments)
    yield json.loads(next(i for i in final.output if i.type == "function_call").arguments)


def messages_call(url, model):
    options = {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}],
               "tools": dialects.ANTHROPIC.tools([("send", "", {})])["tools"]}
    made = anthropic_at(url).messages.create(**options)
    yield next(b for b in made.content if b.type == "tool_use").input
    with anthropic_at(url).messages.stream(**options) as stream:
        yield next(b for b in stream.get_final_message().content if b.type == "tool_use").input


def generate_call(url, model):
    tool = types.Tool(function_declarations=[{"name": "send", "description": "", "parameters": {"type": "object"}}])
    config = types.GenerateContentConfig(tools=[tool], automatic_function_calling={"disable": True})
    models = google_at(url).models
    yield models.generate_content(model=model, contents="hi", config=config).function_calls[0].args
    chunks = list(models.generate_content_stream(model=model, contents="hi", config=config))
    yield next(c.function_calls for c in chunks if c.function_calls)[0].args


CALL = pytest.mark.parametrize("call", [chat_call, responses_call, messages_call, generate_call], ids=lambda c: c.__name__)


@CALL
def test_arguments_of_a_call_are_masked_and_stay_json(masking, mock, call):
    for cut in CUTS:
        model = mock.model(f"tool=send args={json.dumps(ARGUMENTS, ensure_ascii=False, separators=(',', ':'))} {cut}")
        for arguments in call(masking.url, model):
            assert arguments == ARGUMENTS_MASKED, cut


# ---- Placeholders and the way back -------------------------------------------------------------------------------------

@ASK
def test_placeholders_are_put_back_at_every_cut(restoring, mock, ask):
    prompt = "Write to bob@example.com, then to eve@example.com, then to Bob@example.com."
    for cut in CUTS:
        model = mock.says(BACK, cut)
        assert ask(restoring.url, prompt, model) == PUT_BACK, cut
        assert escaped("Write to <EMAIL_ADDRESS_1>, then to <EMAIL_ADDRESS_2>, then to <EMAIL_ADDRESS_1>.") in sent(mock, model)
        assert "@example.com" not in sent(mock, model)


@EVERY
def test_nothing_of_another_request_is_put_back(restoring, mock, dialect):
    dialect.ask(restoring, "to bob@example.com")
    for stream in (False, True):
        answer = dialect.ask(restoring, "to nobody", mock.says(BACK, "cut=2"), stream)
        said = streamed_text(dialect, answer.text) if stream else answer_text(dialect, answer.json())
        assert said == BACK


@TOOLED
def test_placeholders_in_arguments_are_put_back_and_escaped(restoring, mock, dialect):
    arguments = {"to": "<EMAIL_ADDRESS_1>", "body": "Dear <EMAIL_ADDRESS_1>,\n\"hi\""}
    real = {"to": "o'neil+x@example.com", "body": "Dear o'neil+x@example.com,\n\"hi\""}
    for cut in CUTS:
        model = mock.model(f"tool=send args={json.dumps(arguments)} {cut}")
        parts = {**dialect.user("Write to o'neil+x@example.com"), **dialect.tools([("send", "", {})])}
        for stream in (False, True):
            answer = dialect.post(restoring, parts, model, stream)
            assert answer.status_code == 200, answer.text
            assert real in list(arguments_in(dialect, answer, stream)), (cut, stream, answer.text)


def arguments_in(dialect, answer, stream):
    bodies = json_events(answer.text) if stream else [answer.json()]
    if dialect is CHAT:
        calls = [c["delta" if stream else "message"].get("tool_calls") or [] for b in bodies for c in b["choices"]]
        yield json.loads("".join(c["function"].get("arguments", "") for found in calls for c in found))
    elif dialect is dialects.RESPONSES:
        outputs = bodies[-1]["response"]["output"] if stream else bodies[0]["output"]
        if stream:
            yield json.loads("".join(b["delta"] for b in bodies if b["type"] == "response.function_call_arguments.delta"))
        yield next(json.loads(i["arguments"]) for i in outputs if i["type"] == "function_call")
    elif dialect is dialects.ANTHROPIC and stream:
        yield json.loads("".join(b["delta"].get("partial_json", "") for b in bodies if b["type"] == "content_block_delta"))
    elif dialect is dialects.ANTHROPIC:
        yield from (b["input"] for b in bodies[0]["content"] if b["type"] == "tool_use")
    else:
        yield from (p["functionCall"]["args"] for b in bodies for c in b["candidates"]
                    for p in c.get("content", {}).get("parts", []) if "functionCall" in p)


# ---- Hashes, records ---------------------------------------------------------------------------------------------------

HASH = {"hash.toml": MASK.replace('CREDIT_CARD = "redact" }', 'CREDIT_CARD = "redact" }\nredaction = "hash"')}


def hashed(gateway, mock, text=f"to {MAIL}"):
    model = mock.says("fine")
    assert CHAT.ask(gateway, text, model).status_code == 200
    return re.search(r"\[EMAIL_ADDRESS:([0-9a-f]{8})\]", sent(mock, model))[1]


@pytest.mark.parametrize("sealed", [False, True], ids=["data directory", "master key"])
def test_hashes_outlive_a_restart_and_are_the_installations_own(mock, make_gateway, tmp_path, sealed):
    key = tmp_path / "master.key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    args = ("--master-key-file", key) if sealed else ()
    data = tmp_path / "data"
    data.mkdir()
    first = make_gateway(policies=HASH, args=args, data=data)
    hashes = {hashed(first, mock) for _ in range(8)}  # over both loops
    assert len(hashes) == 1
    assert hashed(first, mock, "to eve@example.com") not in hashes
    first.stop()
    again = make_gateway(policies=HASH, args=args, data=data)
    assert hashed(again, mock) in hashes
    # The master key decides where there is one; else what the data directory keeps.
    other = make_gateway(policies=HASH, args=args)
    assert (hashed(other, mock) in hashes) == sealed


def test_the_record_says_redact_and_no_value(masking, mock):
    shown = len(masking.records())
    CHAT.ask(masking, f"to {MAIL}", mock.says("fine"))
    record = wait_until(lambda: masking.records()[shown:])[-1]
    assert record["verdict"] == "REDACT"
    decision = record["decisions"][0]
    assert (decision["policy"], decision["rule"], decision["verdict"]) == ("mask", "EMAIL_ADDRESS", "REDACT")
    assert MAIL not in json.dumps(record)


HELD = MASK + """
[[policy]]
id = "held"
type = "keyword"
keywords = ["falcon"]
on = ["prompt", "response"]
action = "approval"
"""


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
@pytest.mark.parametrize("level", ["full", "redacted"])
def test_reviewers_and_records_are_shown_what_is_redacted(mock, make_gateway, level, stream):
    gateway = make_gateway(policies={"held.toml": HELD}, settings='[streams]\nmode = "buffer"\n')
    assert gateway.admin("PATCH", "/v1/tenants/default", {"content_level": level}).status_code == 200

    def texts(kept):
        return [part["text"] for part in kept]

    def held(text, model):
        answer = wait_until(lambda: (lambda a: a if a.status_code == 403 else None)(CHAT.ask(gateway, text, model, stream)))
        review = gateway.admin("GET", f"/v1/reviews/{answer.headers['x-capsem-review']}").json()["data"]
        run = gateway.admin("GET", f"/v1/runs/{review['run_id']}/content").json()["data"]
        return answer, review, run

    wait_until(lambda: gateway.admin("GET", "/v1/tenants/default").json()["data"]["content_level"] == level)
    CHAT.ask(gateway, "hello")  # another look at the directory, so that the level is in force
    asked, review, run = held(f"falcon for {MAIL}", "gpt-4o")
    assert texts(review["preview"]) == ["falcon for [EMAIL_ADDRESS]"]
    assert MAIL not in json.dumps(run)

    model = mock.says(f"falcon says {MAIL}", "cut=3")
    answered, review, run = held("hi", model)
    assert texts(review["preview"]) == ["hi", "falcon says [EMAIL_ADDRESS]"]
    assert MAIL not in json.dumps(run)
    # The answer that was kept is what leaves once it is approved.
    approved = gateway.admin("POST", f"/v1/reviews/{review['id']}/approve", {})
    assert approved.status_code == 200, approved.text
    again = wait_until(lambda: (lambda a: a if a.status_code == 200 else None)(CHAT.ask(gateway, "hi", model, stream)))
    said = streamed_text(CHAT, again.text) if stream else answer_text(CHAT, again.json())
    assert said == "falcon says [EMAIL_ADDRESS]" and MAIL not in again.text


def test_reviewers_of_the_check_api_are_shown_what_is_redacted(make_gateway):
    gateway = make_gateway(policies={"held.toml": HELD})
    assert gateway.admin("PATCH", "/v1/tenants/default", {"content_level": "full"}).status_code == 200

    def asked():
        answer = gateway.http.post("/v1/evaluate", headers=dialects.BEARER, json={"input": f"falcon for {MAIL}", "targetKey": "x"})
        return gateway.admin("GET", f"/v1/reviews/{answer.json()['data']['reviewRequestId']}").json()["data"]
    shown = wait_until(lambda: asked()["preview"])
    assert [part["text"] for part in shown] == ["falcon for [EMAIL_ADDRESS]"]
