"""HTTP by hand, for what no client library would send."""

import json
import socket
import ssl
import time

from harness import KEY


def chat_body(text="hello", **more) -> bytes:
    body = {"model": "gpt-5-nano", "messages": [{"role": "user", "content": text}], **more}
    return json.dumps(body).encode()


def request(body: bytes = b"", method="POST", target="/v1/chat/completions", headers=(), host=None,
            length=True, version="HTTP/1.1", close=True) -> bytes:
    """A well-formed request to which `headers` (lines without an end) are added."""
    lines = [f"{method} {target} {version}", f"Host: {host or '127.0.0.1'}", f"Authorization: Bearer {KEY}",
             "Content-Type: application/json", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Connection:
    def __init__(self, port: int, timeout=5.0, tls: ssl.SSLContext | None = None, server_name="localhost"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name)
        self.buffer = b""

    def send(self, data: bytes):
        self.socket.sendall(data)
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def _more(self) -> bool:
        try:
            piece = self.socket.recv(65536)
        except (ConnectionError, TimeoutError, socket.timeout):
            return False
        self.buffer += piece
        return bool(piece)

    def read_all(self) -> bytes:
        """Everything until the peer closes (or the time is over)."""
        while self._more():
            pass
        return self.buffer

    def read_response(self):
        """(status, headers, body) of one response; None when the connection ended before one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        if "chunked" in headers.get("transfer-encoding", ""):
            while not rest.endswith(b"0\r\n\r\n"):
                before = len(self.buffer)
                if not self._more():
                    break
                rest += self.buffer[before:]
            self.buffer = b""
            return status, headers, unchunk(rest)
        length = int(headers.get("content-length", 0))
        while len(rest) < length and self._more():
            rest = self.buffer.partition(b"\r\n\r\n")[2]
        self.buffer = rest[length:]
        return status, headers, rest[:length]

    def is_closed(self, seconds=3.0) -> bool:
        """True once the peer has closed; what it sends until then is dropped."""
        deadline = time.monotonic() + seconds
        self.socket.settimeout(0.1)
        while time.monotonic() < deadline:
            try:
                if not self.socket.recv(65536):
                    return True
            except (TimeoutError, socket.timeout):
                continue
            except OSError:
                return True
        return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def unchunk(data: bytes) -> bytes:
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        n = int(size.split(b";")[0] or b"0", 16)
        if n == 0:
            break
        out, data = out + data[:n], data[n + 2:]
    return out


def exchange(port: int, data: bytes, timeout=5.0):
    """Sends bytes, returns the first response (or None when the peer just closed)."""
    with Connection(port, timeout) as connection:
        try:
            connection.send(data)
        except OSError:
            pass
        return connection.read_response()
