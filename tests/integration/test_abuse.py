"""T01-T10, T22, T24, T28-T36: what hostile peers send, over raw sockets."""

import gzip
import json
import socket
import time

import pytest

import raw
from dialects import BEARER, CHAT
from harness import CANARY, KEY, header, wait_until
from raw import Connection, chat_body, exchange, request

BODY = chat_body("capsem_block")  # whatever slips past inspection would be seen at the provider
CLEAN = chat_body("hello")


def refused(gateway, mock, data, statuses, timeout=5.0):
    """One of `statuses` (or a plain close, where None is among them), and nothing upstream."""
    before = mock.count()
    response = exchange(gateway.port, data, timeout)
    status = response[0] if response else None
    assert status in statuses, response
    assert mock.count() == before
    return response


def chunked(body: bytes, headers=("Transfer-Encoding: chunked",), data=None) -> bytes:
    encoded = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if data is None else data
    return request(length=False, headers=headers) + encoded


def with_line(old: bytes, new: bytes, body=CLEAN) -> bytes:
    data = request(body)
    assert old in data
    return data.replace(old, new, 1)


CL = b"Content-Length: %d" % len(CLEAN)
FRAMING = {
    "length and chunks": request(CLEAN, headers=["Transfer-Encoding: chunked"]),
    "chunks of an unknown coding": chunked(CLEAN, ["Transfer-Encoding: xchunked"]),
    "chunks not last": chunked(CLEAN, ["Transfer-Encoding: chunked, identity"]),
    "chunks twice": chunked(CLEAN, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]),
    "chunks behind a vertical tab": chunked(CLEAN, ["Transfer-Encoding: \x0bchunked"]),
    "gzip, chunked": chunked(CLEAN, ["Transfer-Encoding: gzip, chunked"]),
    "two lengths": with_line(CL, CL + b"\r\nContent-Length: 3"),
    "length with a plus": with_line(CL, b"Content-Length: +%d" % len(CLEAN)),
    "length in hex": with_line(CL, b"Content-Length: 0x%x" % len(CLEAN)),
    "negative length": with_line(CL, b"Content-Length: -1"),
    "list of lengths": with_line(CL, CL + b", %d" % (len(CLEAN) + 1)),
    "huge length": with_line(CL, b"Content-Length: 99999999999999999999999"),
    "empty length": with_line(CL, b"Content-Length:"),
    "space before the colon": with_line(b"Content-Length:", b"Content-Length :"),
    "folded header": with_line(b"Content-Type: application/json", b"Content-Type: application/json\r\n x: y"),
    "space before the first header": with_line(b"Host:", b" Host:"),
    "header without a colon": with_line(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nNoColon"),
    "control byte in a name": with_line(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nX\x01Y: z"),
    "NUL in a value": with_line(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nX-A: a\x00b"),
    "bare CR in a value": with_line(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nX-A: a\rb"),
    "no Host": with_line(b"Host: 127.0.0.1\r\n", b""),
    "two Hosts": with_line(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nHost: 127.0.0.1"),
    "two spaces in the request line": with_line(b"POST /v1", b"POST  /v1"),
    "tab in the request line": with_line(b"POST /v1", b"POST\t/v1"),
    "unknown version": with_line(b"HTTP/1.1\r\n", b"HTTP/1.9\r\n"),
    "version 2": with_line(b"HTTP/1.1\r\n", b"HTTP/2.0\r\n"),
    "no version": with_line(b" HTTP/1.1\r\n", b"\r\n"),
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "chunk size in 0x": chunked(CLEAN, data=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "negative chunk size": chunked(CLEAN, data=b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size overflow": chunked(CLEAN, data=b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "chunk longer than told": chunked(CLEAN, data=b"2\r\n{}xx\r\n0\r\n\r\n"),
    "chunk line of 10 KB": chunked(CLEAN, data=b"5;" + b"a" * 10000 + b"\r\nhello\r\n0\r\n\r\n"),
    "chunks in HTTP/1.0": chunked(CLEAN).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
}


@pytest.mark.parametrize("name", FRAMING)
def test_t01_ambiguous_framing_is_refused(gateway, mock, name):
    refused(gateway, mock, FRAMING[name], (400, 404, 405, 408, 411, 413, 431, 501, 505, None))


def test_t01_a_refused_message_ends_the_connection(gateway, mock):
    smuggled = request(CLEAN, headers=["Transfer-Encoding: chunked"], close=False) + request(CLEAN)
    before = mock.count()
    with Connection(gateway.port) as connection:
        answer = connection.send(smuggled).read_all()
    assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(b"HTTP/1.1 400")
    assert mock.count() == before


@pytest.mark.parametrize("data,status", [
    (request(CLEAN, target="/v1/chat/completions?" + "a" * 9000), 414),
    (request(CLEAN, headers=["X-Long: " + "a" * 17000]), 431),
    (request(CLEAN, headers=[f"X-{i}: {'a' * 500}" for i in range(90)]), 431),
    (request(CLEAN, headers=[f"X-{i}: a" for i in range(120)]), 431),
    (with_line(CL, b"Content-Length: 99999999"), 413)], ids=["line", "field", "fields", "count", "body"])
def test_t01_sizes_are_limited(gateway, mock, data, status):
    refused(gateway, mock, data, (status,))


def test_t01_chunked_and_pipelined_requests_that_are_right_are_served(gateway):
    assert exchange(gateway.port, chunked(CLEAN))[0] == 200
    with Connection(gateway.port) as connection:
        connection.send(request(chat_body("count to 5"), close=False) + request(CLEAN))
        assert b"1, 2, 3" in connection.read_response()[2]
        assert b"How can I help" in connection.read_response()[2]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_t01_requests_in_small_segments_are_served_alike(gateway, size):
    with Connection(gateway.port) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = request(CLEAN)
        for i in range(0, len(data), size):
            connection.send(data[i:i + size])
        assert connection.read_response()[0] == 200


def test_t01_expect_100_continue_is_answered(gateway, mock):
    model = mock.says("fine")
    with Connection(gateway.port) as connection:
        body = chat_body("hello", model=model)
        head, _, _ = request(body, headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
        connection.send(head + b"\r\n\r\n")
        assert connection.socket.recv(100).startswith(b"HTTP/1.1 100")
        assert connection.send(body).read_response()[0] == 200
    assert header(mock.seen_for(model)[0], "expect") == []


def test_t02_bytes_after_a_providers_answer_reach_nobody_else(gateway, mock):
    evil = b'{"poison":"evil"}'
    body = '{"choices":[],"mine":true}'
    poisoned = (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(evil)}\r\n\r\n"
                + evil.decode())
    for _ in range(5):
        model = mock.script(model="poisoned", raw=poisoned)
        first = CHAT.ask(gateway, "hello", model)
        assert "evil" not in first.text
        assert "Hello!" in CHAT.ask(gateway, "hello").text


@pytest.mark.parametrize("head", [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "nonsense\r\n\r\n"], ids=["two lengths", "length and chunks", "bad chunk", "bad name", "switching", "no HTTP"])
def test_t02_a_providers_ambiguous_answer_is_502(gateway, mock, head):
    response = CHAT.ask(gateway, "hello", mock.script(model="ambiguous", raw=head))
    assert response.status_code == 502
    assert "hello" not in response.text


def test_t03_nothing_is_upgraded_and_nothing_connected(gateway, mock):
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"]
    for method, target in (("GET", "/v1/responses"), ("GET", "/v1/realtime"), ("POST", "/v1/chat/completions")):
        data = request(BODY if method == "POST" else b"", method, target, upgrade, close=False)
        refused(gateway, mock, data, (400, 403, 404, 405, 426, 501))
    refused(gateway, mock, b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", (400, 405, 421))
    refused(gateway, mock, request(BODY, headers=["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                                  "HTTP2-Settings: AAMAAABk"], close=False), (400, 403, 426, 501))
    refused(gateway, mock, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 404, 405, 505, None))


@pytest.mark.parametrize("path", [
    "//v1/chat/completions", "/v1//chat/completions", "/v1/./chat/completions", "/v1/x/../chat/completions",
    "/v1%2fchat/completions", "/v1/chat%2Fcompletions", "/v1/chat/completions%00", "/v1/chat/completions;x",
    "/v1/chat/completions%3Bx", "/v1/chat/completions%20", "/V1/chat/completions", "/v1/chat/completions/",
    "/v1\\chat\\completions", "/v1/chat/completions#x", "/%76%31/chat/completions", "/v1/chat/%63ompletions",
    "/v1/%2e%2e/v1/chat/completions", "/v1/chat/completions%", "/v1/chat/completions%zz", "v1/chat/completions",
    "/v1%252fchat/completions", "*", "/v1/chat/completions%0d%0aX:y", "/v1beta/models/a:generateContent/../x",
    "/v1beta/models/a%3AgenerateContent", "/v1beta/models/../models/a:generateContent", "/v1/models/a:unknownVerb"])
def test_t04_no_spelling_of_a_path_gets_past_inspection(gateway, mock, path):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "capsem_block"}],
                       "contents": [{"parts": [{"text": "capsem_block"}]}]}).encode()
    refused(gateway, mock, request(body, target=path, headers=[f"x-goog-api-key: {KEY}"]), (400, 403, 404, 405, 414, 421, 422))


DIRTY, SAFE = '[{"role":"user","content":"capsem_block"}]', '[{"role":"user","content":"hi"}]'
JSON = {
    "duplicate, clean first": f'{{"model":"m","messages":{SAFE},"messages":{DIRTY}}}'.encode(),
    "duplicate, clean last": f'{{"model":"m","messages":{DIRTY},"messages":{SAFE}}}'.encode(),
    "duplicate by escape": f'{{"model":"m","messages":{SAFE},"mess\\u0061ges":{DIRTY}}}'.encode(),
    "duplicate inside": b'{"model":"m","messages":[{"role":"user","content":"hi","content":"capsem_block"}]}',
    "another letter case": f'{{"model":"m","messages":{SAFE},"Messages":{DIRTY}}}'.encode(),
    "byte order mark": b"\xef\xbb\xbf" + f'{{"model":"m","messages":{SAFE}}}'.encode(),
    "UTF-16": f'{{"model":"m","messages":{DIRTY}}}'.encode("utf-16"),
    "UTF-32": f'{{"model":"m","messages":{DIRTY}}}'.encode("utf-32"),
    "invalid UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xc0\xaf\xff"}]}',
    "overlong UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xc1\xa3apsem_block"}]}',
    "lone surrogate": b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
    "trailing value": f'{{"model":"m","messages":{SAFE}}}{{}}'.encode(),
    "trailing comma": f'{{"model":"m","messages":{SAFE},}}'.encode(),
    "comment": f'{{"model":"m",/*x*/"messages":{SAFE}}}'.encode(),
    "single quotes": b"{'model':'m'}",
    "control character": b'{"model":"m","messages":[{"role":"user","content":"a\nb"}]}',
    "NaN": f'{{"model":"m","messages":{SAFE},"temperature":NaN}}'.encode(),
    "long number": f'{{"model":"m","messages":{SAFE},"seed":{"1" * 500}}}'.encode(),
    "escaped keyword": b'{"model":"m","messages":[{"role":"user","content":"\\u0063apsem\\u005fblock"}]}',
    "in an unknown field": f'{{"model":"m","messages":{SAFE},"x":{{"y":["capsem_block"]}}}}'.encode(),
    "as a key": f'{{"model":"m","messages":{SAFE},"metadata":{{"capsem_block":"1"}}}}'.encode(),
}


@pytest.mark.parametrize("name", JSON)
def test_t05_no_reading_of_the_json_hides_text(gateway, mock, name):
    refused(gateway, mock, request(JSON[name]), (400, 403))


@pytest.mark.parametrize("name,body", [
    ("arrays", b'{"model":"m","messages":[],"x":' + b"[" * 100000 + b"]" * 100000 + b"}"),
    ("objects", b'{"model":"m","messages":[],"x":' + b'{"a":' * 50000 + b"1" + b"}" * 50000 + b"}"),
    ("unclosed", b"[" * 1000000),
    ("values", b'{"model":"m","messages":[],"x":[' + b"1," * 1100000 + b"1]}")])
def test_t06_deep_and_broad_json_is_refused_quickly(gateway, mock, name, body):
    started = time.monotonic()
    refused(gateway, mock, request(body), (400, 413))
    assert time.monotonic() - started < 1.5


def test_t06_deep_json_in_tool_arguments_is_answered_quickly(gateway):
    body = CHAT.tool_result("sunny", "f", {})
    body["messages"][1]["tool_calls"][0]["function"]["arguments"] = '{"a":' * 20000 + "1" + "}" * 20000
    started = time.monotonic()
    assert CHAT.post(gateway, body).status_code in (200, 400, 403)
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("headers,body", [
    (["Content-Encoding: gzip"], gzip.compress(BODY)), (["Content-Encoding: br"], BODY),
    (["Content-Encoding: identity, gzip"], gzip.compress(BODY))], ids=["gzip", "br", "list"])
def test_t07_an_encoded_body_is_415(gateway, mock, headers, body):
    refused(gateway, mock, request(body, headers=headers), (415,))


def test_t07_another_character_set_is_415(gateway, mock):
    data = request(BODY).replace(b"application/json", b"application/json; charset=utf-16", 1)
    refused(gateway, mock, data, (415,))
    data = request(CLEAN).replace(b"application/json", b"application/json; charset=UTF-8", 1)
    assert exchange(gateway.port, data)[0] == 200


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_t08_a_bomb_from_the_provider_is_cut(make_gateway, mock, stream):
    gateway = make_gateway(settings="[upstream]\ninflate_bytes_max = 1000000\n")
    before = gateway.rss_bytes()
    response = CHAT.ask(gateway, "hello", mock.model("bytes=4000000 encoding=gzip cut=100000"), stream)
    assert len(response.content) < 2_000_000
    assert response.status_code == 502 or '"error"' in response.text
    assert gateway.rss_bytes() - before < 64 << 20


def test_t09_a_slow_header_is_ended(make_gateway):
    gateway = make_gateway(settings="[http]\nheader_read_ms = 400\nidle_ms = 400\n")
    with Connection(gateway.port) as connection:
        connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        started = time.monotonic()
        for _ in range(40):
            time.sleep(0.05)
            try:
                connection.send(b"a")
            except OSError:
                break
        assert connection.is_closed(2)
        assert time.monotonic() - started < 3
    with Connection(gateway.port) as silent:
        assert silent.is_closed(3)


def test_t09_a_slow_body_is_408(make_gateway, mock):
    gateway = make_gateway(settings="[http]\nbody_gap_ms = 300\n")
    before = mock.count()
    with Connection(gateway.port) as connection:
        connection.send(request(CLEAN)[:-5])
        response = connection.read_response()
        assert response and response[0] == 408
    assert mock.count() == before


def test_t09_many_slow_sockets_do_not_slow_others(make_gateway):
    gateway = make_gateway(settings="[http]\nheader_read_ms = 1500\nidle_ms = 1500\n")
    sockets = []
    for _ in range(200):
        connection = Connection(gateway.port)
        connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        sockets.append(connection)
    times = []
    for _ in range(30):
        started = time.monotonic()
        assert gateway.http.get("/health").status_code == 200
        times.append(time.monotonic() - started)
    assert sorted(times)[-2] < 0.2
    assert all(s.is_closed(4) for s in sockets)
    for s in sockets:
        s.close()


def test_t10_a_stream_that_never_ends_is_ended(make_gateway, mock):
    gateway = make_gateway(settings="[upstream]\ntotal_stream_ms = 700\n[streams]\nstream_bytes_max = 100000\n")
    slow = CHAT.ask(gateway, "hello", mock.model("endless event-delay=30"), True)
    assert '"error"' in slow.text.strip().rsplit("\n\n", 1)[-1]
    fast = CHAT.ask(gateway, "hello", mock.model("endless"), True)
    assert '"error"' in fast.text.strip().rsplit("\n\n", 1)[-1] and len(fast.content) < 250_000
    wait_until(lambda: mock.open() == 0, 2)


def test_t11_a_client_that_does_not_read_costs_little_memory(make_gateway, mock):
    gateway = make_gateway(settings="[streams]\nstream_bytes_max = 1000000000\n")
    before = gateway.rss_bytes()
    model = mock.model("endless cut=200 bytes=4000")
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    connections = [Connection(gateway.port).send(request(body)) for _ in range(10)]
    time.sleep(1.5)
    grown = gateway.rss_bytes() - before
    for connection in connections:
        connection.close()
    wait_until(lambda: mock.open() == 0, 15)
    assert grown < 48 << 20, f"{grown >> 20} MiB"


@pytest.mark.parametrize("phase", ["delay=10000", "event-delay=50 endless", "stall=2"])
def test_t12_a_client_that_leaves_cancels_the_provider(gateway, mock, phase):
    model = mock.model(phase)
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    with Connection(gateway.port) as connection:
        connection.send(request(body))
        wait_until(lambda: mock.open() >= 1, 2)
        time.sleep(0.1)
    started = time.monotonic()
    wait_until(lambda: mock.open() == 0, 2)
    assert time.monotonic() - started < 1


def test_t13_half_closed_clients_leave_no_file_open(gateway, mock):
    # A client that half-closes cannot be told from one that leaves (T12), so it may go unserved.
    base = gateway.files_open()
    for _ in range(60):
        for data in (request(CLEAN)[:40], request(CLEAN)):
            with Connection(gateway.port) as connection:
                answer = connection.send(data).half_close().read_response()
                assert answer is None or answer[0] in (200, 400, 408)
    wait_until(lambda: gateway.files_open() <= base + 4, 5)
    wait_until(lambda: mock.open() == 0, 2)


def test_t22_nothing_in_a_request_names_another_provider(gateway, mock):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.3)
    evil = f"http://127.0.0.1:{listener.getsockname()[1]}"
    body = chat_body("hello", api_base=evil, base_url=evil)
    response = exchange(gateway.port, request(body, headers=[
        f"x-portkey-custom-host: {evil}", f"X-Forwarded-Host: {evil}", f"x-api-base: {evil}"]))
    assert response[0] == 200
    refused(gateway, mock, request(BODY, target=f"{evil}/v1/chat/completions"), (400, 403, 404, 421))
    refused(gateway, mock, request(BODY, host="evil.example"), (403, 421))
    refused(gateway, mock, request(CLEAN, host="evil.example"), (421,))
    with pytest.raises(TimeoutError):
        listener.accept()


def test_t24_a_redirect_is_not_followed(gateway, mock):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.3)
    target = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
    for status in ("", "status=302 "):
        response = CHAT.ask(gateway, "hello", mock.model(f"{status}redirect={target}"))
        assert response.status_code in (502, 302, 307)
        assert KEY not in response.text
    with pytest.raises(TimeoutError):
        listener.accept()


def test_t28_two_different_keys_are_400(gateway, mock):
    for headers in (["x-api-key: another-key"], ["Authorization: Bearer another-key"], ["x-goog-api-key: another"],
                    ["api-key: another"]):
        refused(gateway, mock, request(CLEAN, headers=headers), (400,))
    assert exchange(gateway.port, request(CLEAN, headers=[f"x-api-key: {KEY}"]))[0] == 200


def test_t29_t30_trust_headers_cookies_and_proxy_credentials_stay_here(gateway, mock):
    model = mock.says("fine")
    CHAT.ask(gateway, "hello", model, headers={
        "X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4", "Forwarded": "for=1.2.3.4", "X-User-Id": "root",
        "Cookie": "session=1", "Proxy-Authorization": "Basic eDp5", "X-Capsem-Anything": "1", "Connection": "x-drop",
        "X-Drop": "1", "TE": "trailers", "OpenAI-Organization": "org-1", "X-Stainless-Lang": "python",
        "Idempotency-Key": "abc"})
    seen = mock.seen_for(model)[0]
    names = {k.lower() for k, _ in seen["headers"]}
    for gone in ("x-forwarded-for", "x-real-ip", "forwarded", "x-user-id", "cookie", "proxy-authorization",
                 "x-capsem-anything", "x-drop", "te"):
        assert gone not in names, gone
    assert {"openai-organization", "x-stainless-lang", "idempotency-key"} <= names
    assert header(seen, "host") == [f"127.0.0.1:{mock.port}"]


def test_t30_a_providers_cookies_stay_here(gateway, mock):
    response = CHAT.ask(gateway, "hello", mock.model("header=Set-Cookie:a=b header=X-Fine:1"))
    assert "set-cookie" not in response.headers and response.headers["x-fine"] == "1"


def test_t33_a_foreign_host_name_is_421_on_both_listeners(gateway, mock):
    refused(gateway, mock, request(CLEAN, host="attacker.example"), (421,))
    with Connection(gateway.admin_port) as connection:
        connection.send(b"GET /metrics HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n")
        assert connection.read_response()[0] == 421
    for name in (f"127.0.0.1:{gateway.port}", f"localhost:{gateway.port}", "localhost"):
        assert exchange(gateway.port, request(CLEAN, host=name))[0] == 200


def test_t36_what_a_client_sends_cannot_forge_a_record(make_gateway, mock):
    gateway = make_gateway()
    forged = 'm"}\r\n{"event":"fake","user_id":"root"}\n'
    gateway.http.post("/v1/chat/completions", headers={**BEARER, "User-Agent": 'x"}\\n{"event":"fake"}', "x-request-id": "\\u000a{}"},
                      json={"model": forged, "messages": [{"role": "user", "content": "hello"}]})
    exchange(gateway.port, request(CLEAN, target='/nothing/{"event":"fake"}'))
    records = wait_until(lambda: len(gateway.records()) >= 1 and gateway.records())
    assert not [r for r in records if r.get("event") == "fake" or r.get("user_id") == "root"]
    assert not [line for line in gateway.output.splitlines() if line.startswith('{"event":"fake"')]
    assert all(c >= " " or c == "\n" for c in gateway.output)


def test_t35_a_prompt_is_in_no_log_and_no_metric(make_gateway):
    gateway = make_gateway()
    for text in ("PromptCanary77 hello", "PromptCanary77 capsem_block", "PromptCanary77 a@example.com"):
        for stream in (False, True):
            CHAT.ask(gateway, text, stream=stream)
    exchange(gateway.port, request(b'{"PromptCanary77": '))
    metrics = gateway.http.get(f"{gateway.admin_url}/metrics").text
    wait_until(lambda: len(gateway.records()) >= 6)
    assert "PromptCanary77" not in metrics and "PromptCanary77" not in gateway.output
    for path in gateway.data.rglob("*"):
        assert not path.is_file() or b"PromptCanary77" not in path.read_bytes()


def test_r9_the_key_is_in_no_log_metric_file_or_error_body(make_gateway, mock):
    gateway = make_gateway()
    texts = []
    for response in (
            CHAT.ask(gateway, "hello"), CHAT.ask(gateway, "capsem_block"),
            CHAT.ask(gateway, "hello", headers={"Authorization": KEY}),
            CHAT.ask(gateway, "hello", headers={"x-api-key": f"{CANARY}-other"}),
            CHAT.ask(gateway, "hello", mock.model("reset=0")),
            gateway.http.post(f"/v1beta/models/m:nothing?key={KEY}", json={}),
            gateway.http.post(f"/v1beta/models/m:generateContent?key={KEY}&key=x{CANARY}", json={"contents": []}),
            gateway.http.get(f"{gateway.admin_url}/metrics")):
        texts.append(response.text)
    exchange(gateway.port, request(CLEAN, headers=[f"Bad Header {KEY}"]))
    wait_until(lambda: len(gateway.records()) >= 3)
    gateway.stop()
    texts.append(gateway.output)
    texts += [p.read_text("latin-1") for p in gateway.data.rglob("*") if p.is_file()]
    for text in texts:
        assert CANARY not in text, text
