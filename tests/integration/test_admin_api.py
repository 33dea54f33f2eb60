"""The admin API: R36, R37, R39, R82; promises 7, 19, 21; T21, T26, T27, T32, T33, T35, T36."""

import json
import re
import socket
import sqlite3
import time
import urllib.parse

import httpx
import pytest

from harness import CANARY, DEBUG_TOML, Gateway, wait_until

PROVIDER_KEY = f"sk-proj-{CANARY}-0123456789abcdef"
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Summarize our Q4 earnings report"}]}
EARNINGS = """\
schema = 1
[[policy]]
id = "earnings"
type = "content"
enforcement = "block"
  [[policy.rule]]
  id = "q4"
  message = "Earnings are not for models"
  all = [ { field = "content", op = "contains", value = "Q4 earnings" } ]
"""
OTHER = EARNINGS.replace('"earnings"', '"others"').replace("Q4 earnings", "nothing of the kind")
ROLES = ("admin", "reviewer", "auditor", "read-only")


MASTER = {"CAPSEM_MASTER_KEY": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}


@pytest.fixture(scope="module")
def house(mock):
    gateway = Gateway(mock.url, policies={"debug.toml": DEBUG_TOML}, env=MASTER)
    yield gateway
    gateway.close()


@pytest.fixture
def make_house(mock):
    made = []

    def make(**options):
        options.setdefault("policies", {"debug.toml": DEBUG_TOML})
        made.append(Gateway(mock.url, env=MASTER, **options))
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def error(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["errors"][0]


def integrate(gateway, name, **more):
    body = {"name": name, "provider": "openai", "provider_key": PROVIDER_KEY, **more}
    return data(gateway.admin("POST", "/v1/integrations", body), 201)


def chat(gateway, integration, key=None, body=None):
    headers = {"authorization": f"Bearer {key or integration['key']}"}
    return httpx.post(integration["proxy_url"] + "/v1/chat/completions", json=body or CHAT,
                      headers=headers, timeout=20)


def data_files(gateway) -> bytes:
    return b"".join(p.read_bytes() for p in gateway.data.rglob("*") if p.is_file())


# ---- S2's setup ----

def test_s2_an_integration_is_set_up_used_blocked_and_revoked(make_house, mock):
    gateway = make_house()
    made = integrate(gateway, "Earnings bot")
    assert made["key"].startswith("ag_live_")
    assert made["proxy_url"] == f"{gateway.url}/v1/integrations/openai/proxy/{made['id']}"
    assert any("No binding" in w for w in made["warnings"])
    assert chat(gateway, made).status_code == 200

    # A policy is uploaded, acts where it is bound, and nowhere before.
    file = "/v1/policies/files/earnings.toml"
    first = data(gateway.admin("PUT", file, {"source": EARNINGS, "note": "first"}), 201)
    assert first["revision"] == 1 and first["note"] == "first"
    data(gateway.admin("POST", file + "/activate", {"revision": 1}))
    assert chat(gateway, made).status_code == 200
    bound = data(gateway.admin("POST", "/v1/bindings", {"policy": "earnings", "target": made["id"]}), 201)
    assert bound["warnings"] == []
    refused = chat(gateway, made)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "request_blocked", refused.text

    # Another revision, and back to the first one.
    second = data(gateway.admin("PUT", file, {"source": EARNINGS.replace("Q4 earnings", "Q5")}), 201)
    assert second["revision"] == 2
    assert chat(gateway, made).status_code == 403  # uploaded is not active
    data(gateway.admin("POST", file + "/activate", {"revision": 2}))
    assert chat(gateway, made).status_code == 200
    data(gateway.admin("POST", file + "/activate", {"revision": 1}))
    assert chat(gateway, made).status_code == 403
    data(gateway.admin("POST", file + "/deactivate"))
    assert chat(gateway, made).status_code == 200

    # The key: seen again as a prefix, rotated with an overlap, revoked at once.
    keys = data(gateway.admin("GET", f"/v1/integrations/{made['id']}/keys"))
    assert [k["state"] for k in keys] == ["active"] and "key" not in keys[0]
    assert made["key"].startswith(keys[0]["prefix"].rstrip("."))
    fresh = data(gateway.admin("POST", f"/v1/keys/{keys[0]['id']}/rotate", {"overlap_s": 3600}), 201)
    assert [chat(gateway, made, k).status_code for k in (made["key"], fresh["key"])] == [200, 200]
    data(gateway.admin("POST", f"/v1/keys/{keys[0]['id']}/revoke"))
    for _ in range(4):  # whatever loop answers
        assert chat(gateway, made).status_code == 401
    assert chat(gateway, made, fresh["key"]).status_code == 200
    data(gateway.admin("POST", f"/v1/keys/{fresh['id']}/revoke"))
    assert chat(gateway, made, fresh["key"]).status_code == 401


def test_r36_a_rotated_key_ends_with_its_overlap(make_house):
    gateway = make_house()
    made = integrate(gateway, "short")
    key = made["gateway_key"]["id"]
    at_once = data(gateway.admin("POST", f"/v1/keys/{key}/rotate", {"overlap_s": 0}), 201)
    assert chat(gateway, made).status_code == 401
    again = data(gateway.admin("POST", f"/v1/keys/{at_once['id']}/rotate", {"overlap_s": 1}), 201)
    wait_until(lambda: chat(gateway, made, at_once["key"]).status_code == 401, 5)
    assert chat(gateway, made, again["key"]).status_code == 200
    old = data(gateway.admin("GET", f"/v1/keys/{at_once['id']}"))
    assert old["replaced_by"] == again["id"] and old["state"] == "expired"
    error(gateway.admin("POST", f"/v1/keys/{at_once['id']}/rotate"), 409)


def test_integrations_are_disabled_and_deleted_at_once(make_house):
    gateway = make_house()
    made = integrate(gateway, "a")
    where = f"/v1/integrations/{made['id']}"
    data(gateway.admin("PATCH", where, {"state": "disabled"}))
    assert chat(gateway, made).status_code in (401, 403, 404)
    data(gateway.admin("PATCH", where, {"state": "active", "name": "b"}))
    assert chat(gateway, made).status_code == 200
    data(gateway.admin("DELETE", where))
    assert chat(gateway, made).status_code == 401
    error(gateway.admin("GET", where), 404)
    assert data(gateway.admin("GET", "/v1/secrets")) == []


# ---- Secrets (R37, R82, promise 7) ----

def test_r82_secrets_are_set_rotated_listed_and_deleted(make_house, mock):
    gateway = make_house()
    secret = data(gateway.admin("POST", "/v1/secrets",
                                {"name": "openai", "provider": "openai", "value": PROVIDER_KEY}), 201)
    assert secret["hint"] == "sk-proj-..." and "value" not in secret
    made = integrate(gateway, "a", provider_key=None, secret_id=secret["id"])
    model = mock.says("hello")
    assert chat(gateway, made, body={**CHAT, "model": model}).status_code == 200
    sent = [h for r in mock.seen_for(model) for h in r["headers"] if h[0].lower() == "authorization"]
    assert sent == [["authorization", f"Bearer {PROVIDER_KEY}"]] or sent == [["Authorization", f"Bearer {PROVIDER_KEY}"]]

    error(gateway.admin("DELETE", f"/v1/secrets/{secret['id']}"), 409)
    rotated = PROVIDER_KEY.replace("0123", "9876")
    data(gateway.admin("PUT", f"/v1/secrets/{secret['id']}", {"value": rotated}))
    model = mock.says("hello again")
    assert chat(gateway, made, body={**CHAT, "model": model}).status_code == 200
    assert rotated in json.dumps(mock.seen_for(model))
    assert error(gateway.admin("PUT", "/v1/secrets/nobody", {"value": "x"}), 404)["code"] == "not_found"
    data(gateway.admin("DELETE", f"/v1/integrations/{made['id']}"))
    data(gateway.admin("DELETE", f"/v1/secrets/{secret['id']}"))
    unknown = gateway.admin("POST", "/v1/integrations",
                            {"name": "b", "provider": "openai", "secret_id": secret["id"]})
    assert error(unknown, 400) == {"message": "There is no such secret", "code": "unknown_secret"}


def test_promise7_secrets_are_in_no_answer_log_or_file(make_house):
    gateway = make_house()
    made = integrate(gateway, "a")
    token = data(gateway.admin("POST", "/v1/admin-tokens", {"name": "t", "role": "auditor"}), 201)["token"]
    chat(gateway, made)
    gateway.admin("GET", "/v1/integrations", token="ag_admin_" + "x" * 40)
    answers = []
    for path in ("/v1/status", "/v1/integrations", f"/v1/integrations/{made['id']}", "/v1/secrets",
                 f"/v1/integrations/{made['id']}/keys", "/v1/admin-tokens", "/v1/runs", "/v1/records", "/metrics"):
        answer = gateway.admin("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        answers.append(answer.text)
    shown_once = gateway.admin_token
    output = gateway.output.replace(shown_once, "", 1)  # the one place
    gateway.stop()
    for secret in (PROVIDER_KEY, CANARY, made["key"], token, shown_once, MASTER["CAPSEM_MASTER_KEY"]):
        for text in answers:
            assert secret not in text
        assert secret not in output
        assert secret.encode() not in data_files(gateway)


# ---- Who may ----

def test_promise19_every_path_wants_a_token(house):
    paths = json.loads(httpx.get(house.admin_url + "/openapi.json").text)["paths"]
    asked = 0
    for path, methods in paths.items():
        for method, operation in methods.items():
            filled = re.sub(r"\{\w+\}", "1", path)
            answer = house.admin(method.upper(), filled, token="")
            open_to_all = operation.get("security") == []
            assert (answer.status_code != 401) == open_to_all, (method, path)
            if not open_to_all:
                asked += 1
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["x-content-type-options"] == "nosniff"
            assert not [h for h in answer.headers if h.startswith("access-control")]
    assert asked > 40


def test_roles_every_route_with_every_role(house):
    """The description says who may; the gateway says the same."""
    tokens = {role: data(house.admin("POST", "/v1/admin-tokens", {"name": role, "role": role}), 201)["token"]
              for role in ROLES}
    may = {"any": set(ROLES), "admin": {"admin"}, "reviewer": {"admin", "reviewer"}, "auditor": {"admin", "auditor"}}
    paths = json.loads(httpx.get(house.admin_url + "/openapi.json").text)["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            if operation.get("security") == [] or path.startswith("/v1/vault"):
                continue
            wanted = may[re.match(r"Role: (\w+)", operation["description"]).group(1)]
            for role in ROLES:
                # A member that no route knows: whoever may is told so, and nothing changes.
                body = None if method == "get" or method == "delete" else {"unknown member": 1}
                answer = house.admin(method.upper(), re.sub(r"\{\w+\}", "1", path), body, token=tokens[role])
                assert (answer.status_code == 403) == (role not in wanted), (method, path, role, answer.text)
                assert answer.status_code != 401 and answer.status_code < 500, (method, path, answer.text)
    for role in ROLES[1:]:
        assert house.admin("POST", "/v1/vault/rewrap", {}, token=tokens[role]).status_code == 403


def test_t21_another_tenants_objects_do_not_exist(make_house):
    gateway = make_house()
    tokens = {}
    for tenant in ("acme", "umbrella"):
        data(gateway.admin("POST", "/v1/tenants", {"id": tenant, "name": tenant}), 201)
        tokens[tenant] = data(gateway.admin("POST", "/v1/admin-tokens",
                                            {"name": tenant, "role": "admin", "tenant": tenant}), 201)["token"]
    mine = data(gateway.admin("POST", "/v1/integrations",
                              {"name": "a", "provider": "openai", "provider_key": PROVIDER_KEY},
                              token=tokens["acme"]), 201)
    assert mine["tenant"] == "acme"
    chat(gateway, mine)
    runs = wait_until(lambda: data(gateway.admin("GET", "/v1/runs", token=tokens["acme"])))
    key = mine["gateway_key"]["id"]
    tries = [("GET", f"/v1/integrations/{mine['id']}", None), ("DELETE", f"/v1/integrations/{mine['id']}", None),
             ("GET", f"/v1/keys/{key}", None), ("POST", f"/v1/keys/{key}/revoke", {}),
             ("PUT", f"/v1/secrets/{mine['secret_id']}", {"value": "x"}), ("GET", "/v1/tenants/acme", None),
             ("GET", f"/v1/runs/{runs[0]['run_id']}", None), ("GET", f"/v1/runs/{runs[0]['run_id']}/content", None)]
    for method, path, body in tries:
        theirs = gateway.admin(method, path, body, token=tokens["umbrella"])
        nobodys = gateway.admin(method, "/v1/integrations/00000000-0000-4000-8000-000000000000", token=tokens["umbrella"])
        assert theirs.status_code == 404, (method, path)
        if method == "GET":
            assert theirs.text == nobodys.text
    for path in ("/v1/integrations", "/v1/secrets", "/v1/runs"):
        assert data(gateway.admin("GET", path, token=tokens["umbrella"])) == [], path
        assert data(gateway.admin("GET", path, token=tokens["acme"])), path
    assert chat(gateway, mine).status_code == 200
    outcomes = [r["record"]["outcome"] for r in data(gateway.admin("GET", "/v1/records?kind=admin"))]
    assert outcomes.count("other_tenant") >= len(tries) - 1  # no content is kept, so that try is a plain 404


def test_failed_logins_are_limited_and_recorded(make_house):
    gateway = make_house(settings="[admin]\nfailed_logins_max = 3\nfailed_logins_ms = 1500\n")
    good = gateway.admin_token
    for i in range(3):
        error(gateway.admin("GET", "/v1/status", token=f"ag_admin_{i}" + "x" * 39), 401)
    limited = gateway.admin("GET", "/v1/status", token=good)
    assert error(limited, 429)["code"] == "too_many_failed_logins"
    assert 1 <= int(limited.headers["retry-after"]) <= 2
    wait_until(lambda: gateway.admin("GET", "/v1/status").status_code == 200, 5)
    records = wait_until(lambda: data(gateway.admin("GET", "/v1/records?kind=admin")))
    refused = [r["record"] for r in records if r["record"]["outcome"] == "login_refused"]
    assert len(refused) == 3 and {r["error_code"] for r in refused} == {"unknown_token"}


def test_t26_equal_beginnings_do_not_help(make_house):
    """A digest is looked up, so that the time tells nothing of how much of a token was right."""
    house = make_house(settings="[admin]\nfailed_logins_max = 100\n")
    good = house.admin_token
    for wrong in (good[:-1], good[:-1] + ("a" if good[-1] != "a" else "b"), good + "a", good.lower() + "A", good[:20]):
        answer = house.admin("GET", "/v1/status", token=wrong)
        assert error(answer, 401) == {"message": "The admin token is not valid", "code": "invalid_token"}
    assert house.admin("GET", "/v1/status").status_code == 200


# ---- What web pages can send (T32, T33) ----

def test_t32_t33_web_pages_get_nowhere(make_house):
    gateway = make_house(settings='[admin]\nallowed_origins = ["https://admin.example"]\n')
    body = {"name": "x"}
    own = f"http://127.0.0.1:{gateway.admin_port}"
    for origin, status in (("https://evil.example", 403), ("null", 403), (own + "0", 403), ("https://admin.example", 201),
                           (own, 409)):
        answer = gateway.admin("POST", "/v1/tenants", body, headers={"origin": origin})
        assert answer.status_code == status, (origin, answer.text)
        assert not [h for h in answer.headers if h.startswith("access-control")]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = gateway.admin("POST", "/v1/tenants", headers={"content-type": kind}, content='{"name":"y"}')
        assert answer.status_code == 415
    preflight = httpx.options(gateway.admin_url + "/v1/tenants",
                              headers={"origin": "https://evil.example", "access-control-request-method": "POST"})
    assert preflight.status_code == 405
    for host in ("evil.example", f"evil.example:{gateway.admin_port}", "127.0.0.1.nip.io"):
        assert gateway.admin("GET", "/v1/status", headers={"host": host}).status_code == 421
    cookie = httpx.get(gateway.admin_url + "/v1/status", headers={"cookie": f"token={gateway.admin_token}"})
    assert cookie.status_code == 401


# ---- Hostile texts (T27, T36) ----

def payloads():
    quotes = ["'", '"', "`", "')", '")', "';", "'--", "' #", "'/*", "\\'", "''", "%27", "%bf'", "\u2019", "\uff07"]
    tails = [" OR 1=1--", " OR '1'='1", "; DROP TABLE tenant;--", " UNION SELECT mac FROM admin_token--",
             "; DELETE FROM gateway_key;--", " AND SLEEP(5)--", "||(SELECT value FROM meta)||", "; PRAGMA writable_schema=1;--",
             "; COPY meta TO PROGRAM 'id';--", "$1", "${jndi:ldap://x}", "<script>alert(1)</script>", "{{7*7}}", "../../etc/passwd"]
    return [q + t for q in quotes for t in tails][:200]


def rows(gateway):
    with sqlite3.connect(f"file:{gateway.data}/capsem.db?mode=ro", uri=True) as database:
        return {table: database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                for table in ("tenant", "secret", "integration", "gateway_key", "binding", "policy_revision",
                              "policy_active", "admin_token", "meta", "review", "violation")}


def test_t27_two_hundred_payloads_in_every_text_change_nothing(make_house):
    gateway = make_house()
    made = integrate(gateway, "a")
    before = rows(gateway)
    with httpx.Client(base_url=gateway.admin_url, timeout=20,
                      headers={"authorization": f"Bearer {gateway.admin_token}"}) as client:
        assert len(payloads()) == 200
        for payload in payloads():
            tries = [
                ("GET", "/v1/integrations", {"params": {"tenant": payload}}),
                ("GET", "/v1/integrations", {"params": {"cursor": "1." + payload}}),
                ("GET", "/v1/bindings", {"params": {"policy": payload, "target": payload}}),
                ("GET", "/v1/runs", {"params": {"agent": payload, "model": payload}}),
                ("POST", "/v1/tenants", {"json": {"id": payload, "name": payload}}),
                ("POST", "/v1/integrations", {"json": {"name": payload, "provider": payload, "provider_key": "x"}}),
                ("POST", "/v1/integrations", {"json": {"name": payload, "provider": "openai", "secret_id": payload}}),
                ("POST", "/v1/integrations", {"json": {"name": payload, "provider": "openai", "tenant": payload, "provider_key": "x"}}),
                ("POST", "/v1/bindings", {"json": {"policy": "p", "target": payload}}),
                ("POST", "/v1/admin-tokens", {"json": {"name": payload, "role": payload}}),
                ("POST", "/v1/admin-tokens", {"json": {"name": payload, "role": "admin", "tenant": payload}}),
                ("PUT", f"/v1/secrets/{made['secret_id']}", {"json": {"value": payload + " "}}),
                ("POST", f"/v1/integrations/{made['id']}/keys", {"json": {"name": "x", "limits": {payload: 1}}}),
                ("PATCH", f"/v1/integrations/{made['id']}", {"json": {"base_url": payload}}),
            ]
            for method, path, options in tries:
                answer = client.request(method, path, **options)
                assert answer.status_code in (200, 400, 404), (method, path, options, answer.text)
                assert method == "GET" or answer.status_code != 200, (path, options)
    assert rows(gateway) == before
    for path_id in ("' OR 1=1--", "x' UNION SELECT 1--"):
        assert gateway.admin("GET", "/v1/keys/" + urllib.parse.quote(path_id)).status_code == 404
    # Where such a text is a name, it is one: kept and told as it came.
    odd = "'; DROP TABLE tenant;-- \"<b>\" \\ \u2028"
    tenant = data(gateway.admin("POST", "/v1/tenants", {"id": "odd", "name": odd}), 201)
    assert tenant["name"] == odd
    assert data(gateway.admin("GET", "/v1/tenants/odd"))["name"] == odd
    assert chat(gateway, made).status_code == 200


def test_t27_t36_a_token_that_is_sql_or_log_lines(make_house):
    gateway = make_house()
    answer = gateway.admin("GET", "/v1/status", token="' OR 1=1--")
    assert answer.status_code == 401
    with socket.create_connection(("127.0.0.1", gateway.admin_port)) as client:
        client.sendall(b"GET /v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ag_admin_\"},{\"event\":\"fake\r\n\r\n")
        assert b" 401 " in client.recv(4096)
    lines = [r["record"] for r in data(gateway.admin("GET", "/v1/records?kind=admin"))]
    assert len([r for r in lines if r["outcome"] == "login_refused"]) == 2
    assert "fake" not in [r["event"] for r in lines]


# ---- Bounds, pages, methods ----

def test_limits_from_both_sides(house):
    for name, status in (("n" * 100, 201), ("n" * 101, 400), ("", 400), ("a\nb", 400), ("a\u0000b", 400)):
        answer = house.admin("POST", "/v1/tenants", {"name": name})
        assert answer.status_code == status, (name, answer.text)
    for body, status in ((b"{", 400), (b"[]", 400), (b"1", 400), (b"", 400), (b'{"name":"q","name":"r"}', 400),
                         (b'{"name":"q","x":1}', 400), (b'{"name":1}', 400), (b"\xff", 400)):
        assert house.admin("POST", "/v1/tenants", content=body).status_code == status, body
    assert house.admin("POST", "/v1/tenants", content=b" " * (1 << 20) + b"{}").status_code == 413
    for query, status in (("limit=1", 200), ("limit=200", 200), ("limit=0", 400), ("limit=201", 400), ("limit=x", 400),
                          ("limit=1&limit=1", 400), ("unknown=1", 400), ("cursor=x", 400), ("cursor=1.x", 200)):
        assert house.admin("GET", "/v1/tenants?" + query).status_code == status, query
    assert house.admin("DELETE", "/v1/tenants").status_code == 405
    assert house.admin("GET", "/v1/nothing").status_code == 404
    head = house.admin("HEAD", "/v1/tenants")
    assert head.status_code == 200 and head.content == b""


def test_pages_hold_everything_once(make_house):
    gateway = make_house()
    for i in range(7):
        data(gateway.admin("POST", "/v1/tenants", {"id": f"t{i}", "name": f"t{i}"}), 201)
    seen, cursor = [], ""
    while cursor is not None:
        page = gateway.admin("GET", "/v1/tenants?limit=3" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [t["id"] for t in page["data"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(["default"] + [f"t{i}" for i in range(7)]) and seen[-1] == "default"


def test_policy_files_are_checked_before_they_are_kept(make_house):
    gateway = make_house()
    file = "/v1/policies/files/a.toml"
    broken = gateway.admin("PUT", file, {"source": "schema = 1\n[[policy]]\nid = = 1\n"})
    assert broken.status_code == 422 and "a.toml:3:" in broken.text, broken.text
    error(gateway.admin("GET", file + "/revisions"), 404)
    data(gateway.admin("PUT", file, {"source": EARNINGS}), 201)
    assert data(gateway.admin("PUT", file, {"source": EARNINGS}), 200)["revision"] == 1  # the same again
    data(gateway.admin("POST", file + "/activate", {"revision": 1}))
    clash = gateway.admin("PUT", "/v1/policies/files/b.toml", {"source": EARNINGS})
    assert clash.status_code == 422, clash.text  # its ids are in use
    data(gateway.admin("PUT", "/v1/policies/files/b.toml", {"source": OTHER}), 201)
    listed = data(gateway.admin("GET", "/v1/policies/files"))
    assert [(f["file"], f["revisions"], f["active"] and f["active"]["revision"]) for f in listed] == [
        ("a.toml", 1, 1), ("b.toml", 1, None)]
    assert data(gateway.admin("GET", file + "/revisions/1"))["source"] == EARNINGS
    error(gateway.admin("GET", file + "/revisions/2"), 404)
    error(gateway.admin("POST", file + "/activate", {"revision": 2}), 404)
    for name in (".hidden.toml", "a.txt", "a%20b.toml"):
        assert gateway.admin("PUT", "/v1/policies/files/" + name, {"source": EARNINGS}).status_code == 400


def test_what_was_set_up_is_there_after_a_restart(mock, tmp_path):
    gateway = Gateway(mock.url, policies={"debug.toml": DEBUG_TOML}, env=MASTER)
    try:
        made = integrate(gateway, "a")
        token, folder = gateway.admin_token, gateway.data
        gateway.stop()
        again = Gateway(mock.url, policies={"debug.toml": DEBUG_TOML}, env=MASTER, data=folder)
        try:
            assert "shown this once" not in again.output
            listed = data(again.admin("GET", "/v1/integrations", token=token))
            assert [i["id"] for i in listed] == [made["id"]]
            assert chat(again, {**made, "proxy_url": listed[0]["proxy_url"]}).status_code == 200
        finally:
            again.close()
    finally:
        gateway.close()


def test_status_usage_and_the_audits_proof(make_house):
    gateway = make_house()
    made = integrate(gateway, "a")
    assert chat(gateway, made).status_code == 200
    status = data(gateway.admin("GET", "/v1/status"))
    assert status["ready"] and status["database"]["healthy"] and status["directory"]["integrations"] == 1
    assert status["you"]["role"] == "admin" and status["database"]["versions"]["directory"] > 0
    runs = wait_until(lambda: data(gateway.admin("GET", "/v1/runs")))
    assert runs[0]["record"]["integration"] == made["id"]
    run = data(gateway.admin("GET", f"/v1/runs/{runs[0]['run_id']}"))
    assert run["records"][-1]["record"]["run_id"] == runs[0]["run_id"] and run["has_content"] is False
    proof = data(gateway.admin("GET", "/v1/audit/verify"))
    assert proof["sound"] and proof["records"] >= 3
    usage = wait_until(lambda: data(gateway.admin("GET", "/v1/usage?by=integration")))
    assert [u["evaluations"] for u in usage if u["integration"] == made["id"]] == [1]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    assert data(gateway.admin("GET", f"/v1/usage?from={day}&by=day,model"))
    error(gateway.admin("GET", "/v1/usage?by=week"), 400)
