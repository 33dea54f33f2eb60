"""R19-R33: what policies say, in every dialect, streamed and not."""

import json
import subprocess

import pytest

import dialects
from dialects import ALL, ANTHROPIC, BEARER, CHAT, COMPLETIONS, GEMINI, RESPONSES, WITH_TOOLS, refusal_of
from harness import PII_TOML, capsem_binary, wait_until

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
EVERY = pytest.mark.parametrize("dialect", ALL, ids=dialects.ids)
TOOLED = pytest.mark.parametrize("dialect", WITH_TOOLS, ids=dialects.ids)
BLOCKED = "Request blocked by security policy: "
CONTACT = [("contact_lookup", "Look up contact information by email", {"email": {"type": "string"}})]
WEATHER = [("get_weather", "Get weather", {"location": {"type": "string"}})]


def not_contacted(mock, call):
    """The answer of call(), after checking that the provider saw nothing of it."""
    before = mock.count()
    response = call()
    assert mock.count() == before
    return response


@EVERY
@STREAM
@pytest.mark.parametrize("word", ["capsem_block", "CAPSEM_BLOCK", "Capsem_Block"])
def test_r19_the_keyword_in_a_prompt_blocks_and_nothing_is_sent(gateway, mock, dialect, stream, word):
    response = not_contacted(mock, lambda: dialect.ask(gateway, f"Tell me about {word} technology",
                                                       stream=stream))
    assert response.status_code == 403
    assert response.json() == {"detail": BLOCKED + "Detected 'capsem_block' in prompt"}
    assert response.headers.get("x-should-retry") == "false"


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_r19_the_keyword_blocks_in_any_message(gateway, role):
    response = gateway.http.post("/v1/chat/completions", headers=BEARER, json={"model": "m", "messages": [
        {"role": role, "content": "x capsem_block y"}, {"role": "user", "content": "hello"}]})
    assert response.json() == {"detail": BLOCKED + "Detected 'capsem_block' in prompt"}


@TOOLED
@STREAM
@pytest.mark.parametrize("position", [0, 1, 2])
def test_r20_the_keyword_in_any_tools_name_blocks_with_the_routes_prefix(gateway, mock, dialect, stream, position):
    tools = [("one", "", {}), ("two", "", {})]
    tools.insert(position, ("dangerous_capsem_block", "A blocked tool", {}))
    parts = {**dialect.user("Use the dangerous tool"), **dialect.tools(tools)}
    response = not_contacted(mock, lambda: dialect.post(gateway, parts, stream=stream))
    prefix = dialect.stream_tool_prefix if stream else dialect.tool_prefix
    assert response.status_code == 403
    assert response.json() == {"detail": prefix + "Detected 'capsem_block' in tool name"}


@TOOLED
def test_r33_the_keyword_in_a_tools_description_or_schema_blocks(gateway, mock, dialect):
    for tool, where in ((("t", "does capsem_block", {}), "tool description"),
                        (("t", "", {"capsem_block": {"type": "string"}}), "tool definition"),
                        (("t", "", {"a": {"type": "string", "enum": ["capsem_block"]}}), "tool definition")):
        parts = {**dialect.user("hello"), **dialect.tools([tool])}
        response = not_contacted(mock, lambda: dialect.post(gateway, parts))
        assert response.status_code == 403
        assert response.json()["detail"] == dialect.tool_prefix + f"Detected 'capsem_block' in {where}"


@TOOLED
@STREAM
def test_r21_the_keyword_in_a_tool_result_blocks(gateway, mock, dialect, stream):
    parts = dialect.tool_result("sunny, capsem_block", "get_weather", {"location": "Paris"})
    response = not_contacted(mock, lambda: dialect.post(gateway, parts, stream=stream))
    assert response.json()["detail"] == BLOCKED + "Detected 'capsem_block' in tool response"


@TOOLED
@STREAM
@pytest.mark.parametrize("tool,arguments,where", [
    ("t", {"a": "x capsem_block"}, "tool arguments"), ("t", {"capsem_block": 1}, "tool arguments"),
    ("x_capsem_block", {}, "tool name")])
def test_r21_the_keyword_in_a_models_tool_call_blocks(gateway, mock, dialect, stream, tool, arguments, where):
    for more in ("", "cut=2", "cut=3 escape"):
        if dialect is GEMINI and "escape" in more and tool == "t" and "capsem_block" in arguments:
            continue
        model = mock.model(f"tool={tool} args={json.dumps(arguments)} {more}")
        response = dialect.post(gateway, {**dialect.user("hello"), **dialect.tools([(tool.replace("capsem_block", "y"), "", {})])},
                                model, stream)
        assert refusal_of(dialect, response) == BLOCKED + f"Detected 'capsem_block' in {where}", more
        assert "capsem_block\"" not in response.text.replace("\\", "").replace("Detected 'capsem_block'", "")


@EVERY
@STREAM
@pytest.mark.parametrize("cut", [0, 1, 3, 7])
def test_r21_the_keyword_in_an_answer_blocks_at_every_cut(gateway, mock, dialect, stream, cut):
    model = mock.says("Before. This holds cApSeM_bLoCk in it.", f"cut={cut}")
    response = dialect.ask(gateway, "hello", model, stream)
    assert refusal_of(dialect, response) == BLOCKED + "Detected 'capsem_block' in model response"
    if response.status_code == 200:
        text = dialects.streamed_text(dialect, response.text)
        assert "Before. This holds ".startswith(text) and "cap" not in text.lower()
    assert "cApSeM" not in response.text


@EVERY
@STREAM
def test_r21_an_answer_without_findings_arrives_whole(gateway, mock, dialect, stream):
    said = "Nothing here: capsem block, caps, em_block, 20°C — déjà vu 😀 capsem_bloc."
    for cut in (0, 1, 4):
        response = dialect.ask(gateway, "hello", mock.says(said, f"cut={cut}"), stream)
        assert refusal_of(dialect, response) == ""
        text = (dialects.streamed_text(dialect, response.text) if stream
                else dialects.answer_text(dialect, response.json()))
        assert text == said


@TOOLED
@STREAM
def test_r22_an_address_in_a_models_tool_call_blocks(gateway, dialect, stream):
    parts = {**dialect.user("test contact lookup tool for a test email"), **dialect.tools(CONTACT)}
    response = dialect.post(gateway, parts, stream=stream)
    assert refusal_of(dialect, response) == (
        BLOCKED + "PII detected in tool 'contact_lookup' arguments: "
        "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)")


@TOOLED
@STREAM
def test_r23_an_address_in_a_tool_result_blocks_under_the_name_the_result_has(gateway, mock, dialect, stream):
    parts = dialect.tool_result(json.dumps({"temperature": "20°C", "location": "PII test@gmail.com"}),
                                "get_weather", {"location": "Paris"})
    response = not_contacted(mock, lambda: dialect.post(gateway, parts, stream=stream))
    name = "get_weather" if dialect is GEMINI else "unknown"
    assert response.json()["detail"] == (
        BLOCKED + f"PII detected in tool '{name}' response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)")


def test_r23_the_record_resolves_the_name_through_the_call_id(make_gateway):
    gateway = make_gateway()
    CHAT.post(gateway, CHAT.tool_result("PII test@gmail.com", "get_weather", {"location": "Paris"}))
    record = wait_until(gateway.records)[-1]
    assert "get_weather" in json.dumps(record)


@EVERY
@STREAM
def test_r24_thirteen_addresses_and_two_names_are_counted(gateway, dialect, stream):
    response = dialect.ask(
        gateway, "My name is Elie - generate me an idea for an email address @gmail.com", stream=stream)
    told = refusal_of(dialect, response)
    if not stream:
        assert told == (BLOCKED + "PII detected in model response: EMAIL_ADDRESS(count=13, score=1.00, "
                        "action=BLOCK), PERSON(count=2, score=0.85, action=LOG)")
    else:  # a stream is cut at the first address, so it counts what came until then
        assert told.startswith(BLOCKED + "PII detected in model response: EMAIL_ADDRESS(count=")
    assert "@gmail.com" not in response.text


@EVERY
def test_r25_personal_data_in_a_prompt_blocks(gateway, mock, dialect):
    response = not_contacted(mock, lambda: dialect.ask(gateway, "write to jane.doe@example.com please"))
    assert response.json()["detail"] == (
        BLOCKED + "PII detected in prompt: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)")


def test_r26_the_first_check_in_order_is_the_one_reported(gateway):
    result = CHAT.tool_result("mail a@example.com", "f", {"x": 1})
    result["messages"][0]["content"] = "capsem_block"
    tools = CHAT.tools([("x_capsem_block", "", {})])
    assert "tool 'unknown' response" in CHAT.post(gateway, {**result, **tools}).json()["detail"]
    assert CHAT.post(gateway, {**CHAT.user("capsem_block"), **tools}).json()["detail"].endswith("in prompt")
    assert CHAT.post(gateway, {**CHAT.user("hi"), **tools}).json()["detail"].endswith("in tool name")


def test_r26_a_tool_call_is_reported_before_the_answers_text(gateway, mock):
    model = mock.model('say="capsem_block" tool=f args={"a":"capsem_block"}')
    response = CHAT.ask(gateway, "hello", model)
    assert response.json()["detail"].endswith("Detected 'capsem_block' in tool arguments")


def test_r27_policies_answer_in_file_name_order(gateway):
    response = CHAT.ask(gateway, "capsem_block and jane.doe@example.com")
    assert response.json()["detail"] == BLOCKED + "Detected 'capsem_block' in prompt"


def test_r27_confirm_holds_and_block_wins_over_it(gateway, make_gateway, mock):
    held = CHAT.ask(gateway, "call me at +1 212 555 0187 please, my phone number")
    assert held.status_code == 403
    assert held.json()["detail"].startswith("Request held for review: PII detected in prompt: PHONE_NUMBER(")
    both = CHAT.ask(gateway, "phone +1 212 555 0187, mail jane.doe@example.com")
    assert both.json()["detail"].startswith(BLOCKED)
    lax = make_gateway(settings='[engine]\nconfirm = "allow"\n')
    assert CHAT.ask(lax, "call me at +1 212 555 0187 please, my phone number").status_code == 200


def test_r27_log_lets_pass_and_is_recorded(make_gateway):
    gateway = make_gateway(policies={"pii.toml": PII_TOML.replace('EMAIL_ADDRESS = "BLOCK"', 'EMAIL_ADDRESS = "LOG"')})
    assert CHAT.ask(gateway, "write to jane.doe@example.com please").status_code == 200
    text = json.dumps(wait_until(gateway.records)[-1])
    assert "EMAIL_ADDRESS" in text and "jane.doe" not in text


def test_r28_content_parts_are_prompt_text(gateway):
    parts = {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "this is capsem_"}, {"type": "text", "text": "block across parts"}]}]}
    assert CHAT.post(gateway, {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "this is capsem_block"}]}]}).status_code == 403
    assert CHAT.post(gateway, parts).status_code == 403


@pytest.mark.parametrize("switch,ask", [
    ("check_prompts", lambda g, m: CHAT.ask(g, "mail a.b@example.com")),
    ("check_tool_responses", lambda g, m: CHAT.post(g, CHAT.tool_result("a.b@example.com", "f", {"x": 1}))),
    ("check_tool_args", lambda g, m: CHAT.ask(g, "hello", m.model('tool=f args={"e":"a.b@example.com"}'))),
    ("check_responses", lambda g, m: CHAT.ask(g, "hello", m.says("mail a.b@example.com")))],
    ids=["prompts", "tool_responses", "tool_args", "responses"])
def test_r29_each_check_can_be_switched_off(gateway, make_gateway, mock, switch, ask):
    assert ask(gateway, mock).status_code == 403
    off = make_gateway(policies={"pii.toml": PII_TOML.replace(f"{switch} = true", f"{switch} = false")})
    assert ask(off, mock).status_code == 200


def test_r29_types_that_are_not_listed_are_not_checked(gateway, make_gateway):
    only_cards = make_gateway(policies={"pii.toml": '[entity_decisions]\nCREDIT_CARD = "BLOCK"\n'})
    assert CHAT.ask(only_cards, "mail a.b@example.com").status_code == 200
    assert CHAT.ask(only_cards, "my card is 4111 1111 1111 1111").status_code == 403


@pytest.mark.parametrize("text,expected", [
    ("enabled = true\n", "PIIPolicy config must include 'entity_decisions'"),
    ('[entity_decisions]\nSHOE_SIZE = "BLOCK"\n', "Unknown PII entity type: SHOE_SIZE"),
    ('[entity_decisions]\nPERSON = "FORBID"\n', "Unknown verdict: FORBID"),
    ("enabled = = true\n", "pii.toml:1:")])
def test_r30_r32_a_broken_file_refuses_the_start(tmp_path, text, expected):
    (tmp_path / "pii.toml").write_text(text)
    for command in (["serve", "--port", "0", "--admin-port", "0", "--config-dir", tmp_path], ["policy", "check", tmp_path]):
        run = subprocess.run([capsem_binary(), *command], text=True, capture_output=True, timeout=20)
        assert run.returncode == 1, (command, run)
        assert expected in run.stdout + run.stderr


def test_r30_check_switches_inside_the_table_count_and_warn(make_gateway):
    gateway = make_gateway(policies={"pii.toml": '[entity_decisions]\nEMAIL_ADDRESS = "BLOCK"\ncheck_prompts = false\n'})
    assert CHAT.ask(gateway, "mail a.b@example.com").status_code == 200
    assert "check_prompts" in gateway.output


def test_r31_a_decision_record_has_the_originals_fields(make_gateway):
    gateway = make_gateway()
    CHAT.ask(gateway, "write to jane.doe@example.com please")
    record = wait_until(gateway.records)[-1]
    decision = record["decisions"][0]
    assert decision["policy"] == "PIIDetection" and decision["verdict"] == "BLOCK"
    assert decision["reason"] == "sensitive_data" and decision["callback"] == "on_model_call"
    assert len(decision["id"]) == 12 and int(decision["id"], 16) >= 0
    assert "EMAIL_ADDRESS(count=1" in decision["details"]


@pytest.mark.parametrize("policies", [{}, {"other.toml": "x = 1\n"}, {"pii.toml": PII_TOML.replace("enabled = true", "enabled = false")}],
                         ids=["empty", "unknown", "disabled"])
def test_r32_without_a_policy_debug_alone_is_in_force(make_gateway, policies):
    gateway = make_gateway(policies=policies)
    assert CHAT.ask(gateway, "capsem_block").status_code == 403
    assert CHAT.ask(gateway, "mail a.b@example.com").status_code == 200
    if "other.toml" in policies:
        assert "other.toml" in gateway.output


def test_r32_a_missing_directory_is_debug_alone(make_gateway, tmp_path):
    gateway = make_gateway(args=["--config-dir", tmp_path / "nowhere"])
    assert CHAT.ask(gateway, "capsem_block").status_code == 403


@pytest.mark.parametrize("dialect", [CHAT, COMPLETIONS, GEMINI], ids=dialects.ids)
@STREAM
def test_r33_every_choice_is_inspected(gateway, mock, dialect, stream):
    model = mock.model('choices=3 say="fine here" say="fine too" say="but capsem_block" cut=2')
    response = dialect.ask(gateway, "hello", model, stream)
    assert refusal_of(dialect, response).endswith("in model response")
    assert "capsem_" not in response.text.replace("'capsem_block'", "")


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, GEMINI, ANTHROPIC], ids=dialects.ids)
def test_r33_system_texts_are_prompts(gateway, dialect):
    response = dialect.post(gateway, dialect.system("be kind, capsem_block"))
    assert response.json()["detail"] == BLOCKED + "Detected 'capsem_block' in prompt"


@TOOLED
@pytest.mark.parametrize("arguments", [{"a": "capsem_block"}, {"capsem_block": "a"}])
def test_r33_tool_calls_in_the_history_are_inspected(gateway, mock, dialect, arguments):
    response = not_contacted(mock, lambda: dialect.post(
        gateway, dialect.tool_result("sunny", "get_weather", arguments)))
    assert response.json()["detail"].endswith("Detected 'capsem_block' in tool arguments")


@pytest.mark.parametrize("arguments", ["{broken capsem_block", "capsem_block", '{"a": "caps\\u0065m_block'])
def test_r33_arguments_that_do_not_parse_are_inspected(gateway, mock, arguments):
    body = CHAT.tool_result("sunny", "f", {})
    body["messages"][1]["tool_calls"][0]["function"]["arguments"] = arguments
    assert CHAT.post(gateway, body).status_code == 403
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]}}]}
    assert CHAT.ask(gateway, "hello", mock.answers(answer)).status_code == 403


def test_r33_a_function_response_in_any_part_is_inspected(gateway):
    part = {"functionResponse": {"name": "f", "response": {"x": "capsem_block"}}}
    for parts in ([part, {"text": "a"}], [{"text": "a"}, part]):
        for contents in ([{"role": "user", "parts": parts}, {"role": "user", "parts": [{"text": "b"}]}],
                         [{"role": "user", "parts": parts}]):
            response = GEMINI.post(gateway, {"contents": contents})
            assert response.json()["detail"].endswith("in tool response")


@pytest.mark.parametrize("body", [
    {"contents": {"parts": {"text": "x capsem_block"}}},
    {"contents": [{"parts": [{"text": "hi"}]}], "system_instruction": {"parts": [{"text": "capsem_block"}]}},
    {"contents": [{"parts": [{"text": "hi"}]}], "unknownField": {"x": "capsem_block"}},
    {"contents": [{"parts": [{"text": "hi"}]}], "labels": {"capsem_block": "x"}}])
def test_r33_geminis_other_spellings_and_unknown_fields_are_inspected(gateway, mock, body):
    assert not_contacted(mock, lambda: GEMINI.post(gateway, body)).status_code == 403


@STREAM
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, GEMINI, ANTHROPIC], ids=dialects.ids)
def test_r33_thoughts_are_inspected(gateway, mock, dialect, stream):
    model = mock.model('reasoning="I should say capsem_block" say="fine" cut=4')
    response = dialect.ask(gateway, "hello", model, stream)
    assert refusal_of(dialect, response).endswith("in model response")


@STREAM
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES], ids=dialects.ids)
def test_r33_refusals_and_log_probabilities_are_inspected(gateway, mock, dialect, stream):
    response = dialect.ask(gateway, "hello", mock.model('refusal="no capsem_block" cut=3'), stream)
    assert refusal_of(dialect, response).endswith("in model response")
    response = dialect.ask(gateway, "hello", mock.model('say="capsem_block" logprobs'), stream)
    assert refusal_of(dialect, response).endswith("in model response")


@STREAM
def test_javascript_callers_get_a_body_their_sdk_can_show(gateway, stream):
    reason = BLOCKED + "Detected 'capsem_block' in prompt"
    for headers in ({"x-stainless-lang": "js"}, {"user-agent": "OpenAI/JS 7.0"}, {"user-agent": "Anthropic/JS 1.0"}):
        response = CHAT.ask(gateway, "capsem_block", stream=stream, headers=headers)
        body = response.json()
        assert list(body) == ["detail", "error"] and body["detail"] == reason
        assert {"message": reason, "type": "policy_violation", "param": None,
                "code": "request_blocked"}.items() <= body["error"].items()
        assert len(body["error"]["run_id"]) == 36  # what a record can be looked up by (R42)


def test_token_arrays_are_refused_unless_allowed(gateway, make_gateway, mock):
    body = {"model": "m", "prompt": [1, 2, 3]}
    response = not_contacted(mock, lambda: gateway.http.post("/v1/completions", json=body, headers=BEARER))
    assert response.status_code in (400, 403)
    lax = make_gateway(settings="[engine]\nallow_token_arrays = true\n")
    assert lax.http.post("/v1/completions", json=body, headers=BEARER).status_code == 200
