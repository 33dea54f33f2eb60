"""T25: TLS towards the provider is verified; the gateway's own listener can speak TLS."""

import datetime
import ipaddress
import json
import socket
import ssl
import threading

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import raw
from dialects import BEARER, CHAT
from harness import KEY

ANSWER = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "over TLS"}}]})


class Certificate:
    """A certificate of `issuer`, or, without one, its own authority."""

    def __init__(self, folder, name, issuer=None, names=("localhost",), days=2):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        alternatives = [x509.DNSName(n) for n in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] * ("localhost" in names)
        builder = (x509.CertificateBuilder().subject_name(self.subject).issuer_name(issuer.subject if issuer else self.subject)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=abs(days) + 1))
                   .not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.SubjectAlternativeName(alternatives), False)
                   .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True))
        self.certificate = builder.sign((issuer or self).key, hashes.SHA256())
        self.cert_file, self.key_file = folder / f"{name}.pem", folder / f"{name}.key"
        self.cert_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        self.key_file.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                         serialization.NoEncryption()))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("ca"), "test-ca", names=("ca.example",))


class TlsProvider:
    """Answers every request with ANSWER and remembers what it was sent."""

    def __init__(self, certificate, newest=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.cert_file, certificate.key_file)
        if newest:
            self.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            self.context.set_ciphers("ALL:@SECLEVEL=0")
            self.context.maximum_version = newest
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(plain,), daemon=True).start()

    def _answer(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as s:
                while True:
                    data = s.recv(65536)
                    if not data:
                        return
                    self.received += data
                    s.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n{ANSWER}".encode())
        except OSError:
            plain.close()

    def close(self):
        self.listener.close()


def settings(authority):
    return f'[upstream]\nca_file = "{authority.cert_file}"\n'


def test_t25_a_provider_with_a_good_certificate_is_used(make_gateway, authority, tmp_path):
    provider = TlsProvider(Certificate(tmp_path, "good", authority))
    gateway = make_gateway(upstream=f"https://localhost:{provider.port}", settings=settings(authority))
    for _ in range(2):
        response = CHAT.ask(gateway, "hello")
        assert response.status_code == 200 and "over TLS" in response.text
    assert KEY.encode() in provider.received
    provider.close()


@pytest.mark.parametrize("name", ["self-signed", "wrong name", "expired", "unknown authority", "TLS 1.1"])
def test_t25_any_other_provider_is_502_and_sees_no_key(make_gateway, authority, tmp_path, name):
    newest = None
    if name == "self-signed":
        certificate = Certificate(tmp_path, "self")
    elif name == "wrong name":
        certificate = Certificate(tmp_path, "wrong", authority, names=("other.example",))
    elif name == "expired":
        certificate = Certificate(tmp_path, "expired", authority, days=-1)
    elif name == "unknown authority":
        certificate = Certificate(tmp_path, "alien", Certificate(tmp_path, "alien-ca", names=("ca.example",)))
    else:
        certificate, newest = Certificate(tmp_path, "old", authority), ssl.TLSVersion.TLSv1_1
    provider = TlsProvider(certificate, newest)
    gateway = make_gateway(upstream=f"https://localhost:{provider.port}", settings=settings(authority))
    response = CHAT.ask(gateway, "hello")
    assert response.status_code == 502
    assert provider.received == b""
    provider.close()


def test_the_listener_speaks_tls(make_gateway, authority, tmp_path):
    certificate = Certificate(tmp_path, "listener", authority)
    gateway = make_gateway(tls=True, settings=f'[server]\ntls_cert = "{certificate.cert_file}"\ntls_key = "{certificate.key_file}"\n')
    context = ssl.create_default_context(cafile=str(authority.cert_file))
    with httpx.Client(base_url=f"https://localhost:{gateway.port}", verify=context) as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "count to 5"}]}
        assert client.get("/health").status_code == 200
        assert "1, 2, 3" in client.post("/v1/chat/completions", json=body, headers=BEARER).text
        assert client.post("/v1/chat/completions", json={**body, "stream": True}, headers=BEARER).text.rstrip().endswith("[DONE]")
        dirty = {"model": "m", "messages": [{"role": "user", "content": "capsem_block"}]}
        assert client.post("/v1/chat/completions", json=dirty, headers=BEARER).status_code == 403
    answer = raw.exchange(gateway.port, raw.request(raw.chat_body()), 2)
    assert answer is None or answer[0] == 400
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        raw.Connection(gateway.port, tls=old)


def test_a_broken_certificate_refuses_the_start(make_gateway, tmp_path):
    (tmp_path / "bad.pem").write_text("not a certificate")
    with pytest.raises(AssertionError, match="serve ended with"):
        make_gateway(settings=f'[server]\ntls_cert = "{tmp_path}/bad.pem"\ntls_key = "{tmp_path}/bad.pem"\n')
