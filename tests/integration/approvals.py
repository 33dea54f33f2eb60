"""What tests of approvals share: a gateway that remembers, its administrators, a webhook's receiver."""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import threading

import httpx

from harness import KEY, Gateway, Program, wait_until

POLICY = """\
schema = 1
[[policy]]
id = "earnings"
type = "content"
enforcement = "approval"
  [[policy.rule]]
  id = "q4"
  severity = "high"
  message = "Mentions unreleased results"
  all = [ { field = "content", op = "matches", value = "(?i)q4 earnings" } ]

[[policy]]
id = "phones"
type = "pii"
on = ["response"]
output = "block"
entities = { PHONE_NUMBER = "approval" }

[[policy]]
id = "warned"
type = "content"
enforcement = "warn"
  [[policy.rule]]
  id = "w"
  severity = "low"
  message = "Mentions budgets"
  all = [ { field = "content", op = "contains", value = "budget" } ]

[[policy]]
id = "monitored"
type = "content"
enforcement = "monitor"
  [[policy.rule]]
  id = "m"
  severity = "low"
  message = "Mentions holidays"
  all = [ { field = "content", op = "contains", value = "holiday" } ]

[[policy]]
id = "never"
type = "content"
enforcement = "block"
  [[policy.rule]]
  id = "n"
  severity = "critical"
  message = "Mentions the merger"
  all = [ { field = "content", op = "contains", value = "merger" } ]
"""
POLICY_IDS = ("earnings", "phones", "warned", "monitored", "never")
SECRET = "a webhook secret of these tests"


class Receiver:
    """Takes webhooks, and answers with the statuses it is told, then 200."""

    def __init__(self):
        self.statuses: list[int] = []
        self.deliveries: list[dict] = []
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["content-length"]))
                with lock:
                    self.deliveries.append({"path": handler.path, "body": body,
                                            "headers": {k.lower(): v for k, v in handler.headers.items()}})
                    status = self.statuses.pop(0) if self.statuses else 200
                handler.send_response(status)
                handler.send_header("content-length", "0")
                handler.end_headers()

            def log_message(handler, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self, path="/hook") -> list[dict]:
        """Bodies that came to a path, each checked for its signature."""
        found = []
        for delivery in list(self.deliveries):
            if delivery["path"] != path:
                continue
            headers = delivery["headers"]
            time, mac = (part.split("=", 1)[1] for part in headers["x-capsem-signature"].split(","))
            wanted = hmac.new(SECRET.encode(), time.encode() + b"." + delivery["body"], hashlib.sha256)
            assert hmac.compare_digest(mac, wanted.hexdigest())
            body = json.loads(delivery["body"])
            assert headers["x-capsem-event"] == body["event"]
            assert headers["content-type"] == "application/json"
            found.append(body)
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Admin:
    """The admin API with one token."""

    def __init__(self, url: str, token: str):
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=20, headers={"authorization": f"Bearer {token}"})

    def get(self, path, expected=200, **params):
        return self._checked(self.http.get(path, params=params), expected)

    def post(self, path, body=None, status=200):
        return self._checked(self.http.post(path, json=body or {}), status)

    def _checked(self, answer, status):
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()["data"] if status < 300 else answer.json()

    def token(self, role: str, tenant: str | None = None) -> "Admin":
        made = self.post("/v1/admin-tokens", {"name": f"{role} of {tenant}", "role": role,
                                              **({"tenant": tenant} if tenant else {})}, 201)
        return Admin(self.url, made["token"])


class House:
    """A gateway with a master key, an administrator and one bound OpenAI integration."""

    def __init__(self, upstream: str, folder: pathlib.Path, settings="", args=(), receiver=None):
        key = folder / "master.key"
        key.write_bytes(os.urandom(32))
        key.chmod(0o600)
        secret = folder / "webhook.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        self.upstream, self.receiver = upstream, receiver
        if receiver:
            settings += (f'\n[webhooks]\nurls = ["{receiver.url}/hook"]\nallow_private = true\n'
                         f'secret_file = "{secret}"\n')
        self.args = ("--master-key-file", key, *args)
        self.settings = settings
        self.gateway = Gateway(upstream, policies={"house.toml": POLICY}, settings=settings,
                               args=self.args)
        self.token = self.gateway.wait_for(r"(ag_admin_\w+)").group(1)
        self.admin = Admin(self.gateway.admin_url, self.token)
        self.integration = self.new_integration("openai-1")
        self.id, self.key = self.integration["id"], self.integration["key"]
        self.caller = self.new_caller(self.integration)

    def new_integration(self, name: str, tenant: str | None = None) -> dict:
        made = self.admin.post("/v1/integrations", {"name": name, "provider": "openai",
                                                    "provider_key": KEY,
                                                    **({"tenant": tenant} if tenant else {})}, 201)
        for policy in POLICY_IDS:
            self.admin.post("/v1/bindings", {"policy": policy, "target": made["id"]}, 201)
        return made

    def new_caller(self, integration: dict, gateway=None) -> "Caller":
        gateway = gateway or self.gateway
        return Caller(gateway.url, f"/v1/integrations/openai/proxy/{integration['id']}",
                      integration["key"])

    def join(self) -> Gateway:
        """Another gateway over the same database, with the same master key."""
        return Gateway(self.upstream, policies={"house.toml": POLICY}, settings=self.settings,
                       args=self.args)

    def kill_and_restart(self):
        """kill -9, then the same program with the same arguments."""
        gateway = self.gateway
        gateway.process.kill()
        gateway.process.wait()
        program = Program(gateway.process.args, env={"CAPSEM_SERVER__CONFINE": "kill"})
        gateway.process, gateway._lines, gateway._reader = (program.process, program._lines,
                                                            program._reader)
        gateway._wait_ready()

    def close(self):
        self.gateway.close()


class Caller:
    """An application behind one integration, or, without a prefix, on the root routes."""

    def __init__(self, url: str, prefix: str, key: str):
        self.prefix = prefix
        self.http = httpx.Client(base_url=url, timeout=20, headers={"authorization": f"Bearer {key}"})

    def chat(self, prompt: str, model="gpt-4o", **more):
        return self.http.post(f"{self.prefix}/v1/chat/completions", json={
            "model": model, "messages": [{"role": "user", "content": prompt}], **more})

    def held(self, prompt: str, model="gpt-4o", **more) -> str:
        """A review's id: the request is held."""
        answer = self.chat(prompt, model, **more)
        assert answer.status_code == 403, (answer.status_code, answer.text)
        error = answer.json()["error"]
        assert error["code"] == "approval_required", answer.text
        return error["review_request_id"]

    def poll(self, review: str, status=200) -> dict:
        answer = self.http.get(f"/v1/reviews/{review}")
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()["data"] if status == 200 else answer.json()["error"]

    def status(self, review: str) -> str:
        return self.poll(review)["status"]

    def until(self, review: str, status: str, seconds=10.0):
        wait_until(lambda: self.status(review) == status, seconds)
