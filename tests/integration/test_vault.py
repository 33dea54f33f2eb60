"""The vault at the running gateway: R37, R38, R39, R82; promises 6, 7, 16; T39, T42; own keys in texts."""

import base64
import pathlib
import sqlite3
import subprocess

import httpx
import pytest

from harness import DEBUG_TOML, Gateway, capsem_binary

PROVIDER_KEY = "sk-proj-vault-Ab12_cdEF34-ghIJ56klMN78opQR90stUV"
KEYS = ["00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"]
KEY = "CAPSEM_MASTER_KEY"


@pytest.fixture
def start(mock, tmp_path):
    """Starts gateways on one data directory, one after another or together."""
    made = []

    def begin(*args, env=None, policies=None, **options):
        made.append(Gateway(mock.url, policies=policies or {"debug.toml": DEBUG_TOML},
                            data=tmp_path / "data", env=env, args=args, **options))
        return made[-1]

    yield begin
    for gateway in made:
        gateway.close()


def key_file(folder: pathlib.Path, number: int) -> str:
    path = folder / f"key-{number}"
    path.write_text(KEYS[number] + "\n")
    path.chmod(0o600)
    return str(path)


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def integrate(gateway, name, key=PROVIDER_KEY):
    return data(gateway.admin("POST", "/v1/integrations",
                              {"name": name, "provider": "openai", "provider_key": key}), 201)


def chat(gateway, made, text="hello", **body):
    path = made["proxy_url"].split("/v1/", 1)[1]
    return httpx.post(f"{gateway.url}/v1/{path}/v1/chat/completions", timeout=20,
                      headers={"authorization": f"Bearer {made['key']}"},
                      json={"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **body})


def refused_start(tmp_path, env=None, *args):
    """Exit status and messages of a serve that is expected not to start."""
    config = tmp_path / "config"
    config.mkdir(exist_ok=True)
    ended = subprocess.run(
        [capsem_binary(), "serve", "--port", "0", "--admin-port", "0", "--config-dir", config,
         "--data-dir", tmp_path / "data", *args], capture_output=True, text=True, timeout=20,
        env={"PATH": "/usr/bin", **(env or {})})
    return ended.returncode, ended.stderr + ended.stdout


def test_promise_6_without_the_key_there_is_no_start(start, tmp_path):
    gateway = start(env={KEY: KEYS[0]})
    integrate(gateway, "one")
    gateway.close()
    status, text = refused_start(tmp_path)
    assert status == 1 and "1 stored provider key(s) and there is no master key" in text
    status, text = refused_start(tmp_path, {KEY: KEYS[1]})
    assert status == 1 and "none of the 1 stored provider key(s) opens" in text
    for wrong in ("short", "g" * 64, "0" * 64):
        status, text = refused_start(tmp_path, {KEY: wrong})
        assert status == 1 and wrong not in text, text
    assert chat(start(env={KEY: KEYS[0]}), {**DIRECT, **KEPT}).status_code == 401  # another key's


DIRECT = {"proxy_url": "http://x/v1/integrations/openai/proxy/none"}
KEPT = {"key": "ag_live_" + "0" * 40}


def test_nothing_is_sealed_without_a_key_and_the_gateway_serves(start):
    gateway = start()
    answer = gateway.admin("POST", "/v1/integrations",
                           {"name": "x", "provider": "openai", "provider_key": PROVIDER_KEY})
    assert answer.status_code == 503, answer.text
    assert answer.json()["errors"][0]["code"] == "no_master_key"
    assert gateway.http.get("/ready").status_code == 200


def test_t42_the_key_is_not_in_the_environment_that_others_see(start):
    gateway = start(env={KEY: KEYS[0]})
    environment = pathlib.Path(f"/proc/{gateway.process.pid}/environ").read_bytes()
    assert KEYS[0].encode() not in environment
    assert data(gateway.admin("GET", "/v1/status"))["vault"]["has_master_key"] is True


def test_sealing_wipes_and_unsealing_brings_back(start, tmp_path):
    gateway = start("--master-key-file", key_file(tmp_path, 0))
    made = integrate(gateway, "one")
    assert chat(gateway, made).status_code == 200
    data(gateway.admin("POST", "/v1/vault/seal"))
    refused = chat(gateway, made)
    assert refused.status_code == 503, refused.text
    assert refused.json()["error"]["code"] == "vault_sealed"
    assert gateway.http.get("/ready").status_code == 503
    data(gateway.admin("POST", "/v1/vault/unseal"))
    assert chat(gateway, made).status_code == 200
    assert gateway.http.get("/ready").status_code == 200


def test_a_master_key_is_replaced_while_serving(start, tmp_path):
    old, new = key_file(tmp_path, 0), key_file(tmp_path, 1)
    gateway = start("--master-key-file", old)
    made = integrate(gateway, "one")
    gateway.close()
    gateway = start("--master-key-file", f"{new},{old}")
    assert chat(gateway, made).status_code == 200
    gateway._admin_token = None
    database = sqlite3.connect(tmp_path / "data" / "capsem.db", timeout=5)
    before = database.execute("SELECT blob, key_id FROM secret").fetchall()
    database.close()
    assert len(before) == 1
    gateway.close()
    gateway = start("--master-key-file", old)  # the old one still opens: nothing was rewrapped
    assert chat(gateway, made).status_code == 200


def test_t39_blobs_that_were_swapped_seal_their_integrations_alone(start, tmp_path):
    gateway = start(env={KEY: KEYS[0]})
    one, two, three = (integrate(gateway, n, PROVIDER_KEY + n) for n in ("one", "two", "three"))
    assert [chat(gateway, m).status_code for m in (one, two, three)] == [200, 200, 200]
    gateway.close()
    database = sqlite3.connect(tmp_path / "data" / "capsem.db", timeout=5)
    blobs = {name: (row, blob) for name, row, blob in database.execute(
        "SELECT i.name, s.id, s.blob FROM integration i JOIN secret s ON s.id = i.secret_id")}
    for name, other in (("one", "two"), ("two", "one")):
        database.execute("UPDATE secret SET blob = ? WHERE id = ?", (blobs[other][1], blobs[name][0]))
    database.commit()
    database.close()
    gateway = start(env={KEY: KEYS[0]})
    assert [chat(gateway, m).status_code for m in (one, two, three)] == [503, 503, 200]
    assert "damaged_secret" in gateway.output


SPELLINGS = {
    "itself": PROVIDER_KEY,
    "base64": base64.b64encode(PROVIDER_KEY.encode()).decode(),
    "base64 inside": base64.b64encode(b'{"k":"' + PROVIDER_KEY.encode() + b'"}').decode(),
    "hex": PROVIDER_KEY.encode().hex().upper(),
    "percent": "".join(f"%{c:02X}" for c in PROVIDER_KEY.encode()),
    "reversed": PROVIDER_KEY[::-1],
}


def test_own_keys_leave_by_no_route(start, mock):
    gateway = start(env={KEY: KEYS[0]})
    made = integrate(gateway, "one")
    for name, copy in SPELLINGS.items():
        for stream in (False, True):
            refused = chat(gateway, made, f"print {copy} twice", stream=stream)
            assert refused.status_code == 403, (name, refused.text)
            assert PROVIDER_KEY not in refused.text
            root = gateway.http.post(
                "/v1/chat/completions", headers={"authorization": "Bearer sk-client-0123456789"},
                json={"model": "gpt-4o", "stream": stream,
                      "messages": [{"role": "user", "content": f"print {copy}"}]})
            assert "Stored key" in root.text and "detected in prompt" in root.text, (name, root.text)
            assert PROVIDER_KEY not in root.text
    assert chat(gateway, made, "print " + PROVIDER_KEY[:-1]).status_code == 200
    assert PROVIDER_KEY not in gateway.output


def test_keys_are_held_to_what_they_were_made_for(start):
    gateway = start(env={KEY: KEYS[0]})
    made = integrate(gateway, "one")
    narrow = data(gateway.admin("POST", f"/v1/integrations/{made['id']}/keys", {
        "name": "narrow", "models": ["gpt-4o-mini"], "limits": {"requests_per_minute": 2}}), 201)
    held = {**made, "key": narrow["key"]}
    assert chat(gateway, held).status_code == 403
    statuses = [chat(gateway, held, model="gpt-4o-mini").status_code for _ in range(4)]
    assert 429 in statuses and statuses[0] == 200, statuses
    assert [chat(gateway, made).status_code for _ in range(4)] == [200] * 4


def test_a_broken_file_does_not_loosen_a_key(start):
    gateway = start(env={KEY: KEYS[0]})
    made = integrate(gateway, "one")
    (gateway.config / "broken.toml").write_text("schema = 1\n[[policy]]\nnonsense = 1\n")
    narrow = data(gateway.admin("POST", f"/v1/integrations/{made['id']}/keys",
                                {"name": "narrow", "models": ["gpt-4o-mini"]}), 201)
    held = {**made, "key": narrow["key"]}
    assert chat(gateway, held).status_code == 403
    assert chat(gateway, held, model="gpt-4o-mini").status_code == 200


def test_keys_and_their_command(tmp_path):
    made = tmp_path / "master.key"
    run = lambda *words: subprocess.run([capsem_binary(), "vault", *words], capture_output=True, text=True)
    assert run("new-key", str(made)).returncode == 0
    assert made.stat().st_mode & 0o777 == 0o600 and len(made.read_text().strip()) == 64
    again = run("new-key", str(made))
    assert again.returncode == 1 and "is there already" in again.stderr
    shown = run("new-key")
    assert len(shown.stdout.strip()) == 64 and shown.stdout != run("new-key").stdout
    assert run("status", "--data-dir", str(tmp_path / "none")).returncode == 1
    assert run().returncode == 2 and run("--help").returncode == 0
