"""The servers that other tests lean on do what they say."""

import socket

import pytest

from harness import wait_until


def open_connection(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=0.3)


def says_nothing(server, question: bytes) -> bool:
    """It is connected to, and does not answer."""
    with open_connection(server) as connection:
        connection.sendall(question)
        try:
            return connection.recv(1) == b""
        except TimeoutError:
            return True


# PostgreSQL's request for TLS; Redis's PING without a password. Both get an answer at once.
QUESTIONS = {"postgres": b"\0\0\0\x08\x04\xd2\x16\x2f", "redis": b"PING\r\n"}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_server_can_be_paused_killed_stopped_and_started(name, request):
    server = request.getfixturevalue(name)
    question = QUESTIONS[name]
    assert not says_nothing(server, question)
    server.pause()
    assert says_nothing(server, question)
    server.resume()
    wait_until(server.answers)
    for end in (server.kill, server.stop):
        end()
        with pytest.raises(ConnectionRefusedError):
            open_connection(server)
        server.start()
        assert not says_nothing(server, question)


def test_databases_are_new_and_their_own(postgres):
    first, second = postgres.new_database(), postgres.new_database()
    postgres.query("CREATE TABLE t (a INT, b TEXT)", first)
    postgres.query("INSERT INTO t VALUES (1, 'x'), (2, 'y z')", first)
    assert postgres.query("SELECT a, b FROM t ORDER BY a", first) == [["1", "x"], ["2", "y z"]]
    assert postgres.query("SELECT 1 WHERE false", second) == []
    with pytest.raises(AssertionError):
        postgres.query("SELECT * FROM t", second)
    postgres.restart()
    assert postgres.query("SELECT count(*) FROM t", first) == [["2"]]


def test_redis_is_empty_for_every_test(redis):
    assert redis.call("DBSIZE") == "0"
    redis.call("SET", "a", "b c")
    assert redis.call("GET", "a") == "b c"
