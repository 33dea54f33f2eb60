"""`capsem backup` and `capsem restore` as operators run them, while the gateway serves."""

import os
import pathlib
import sqlite3
import stat
import subprocess
import threading

import pytest

from harness import KEY, POLICIES, Gateway, capsem_binary
from servers import PASSWORD


def capsem(*words, status=0):
    done = subprocess.run([str(capsem_binary()), *map(str, words)], text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == status, (words, done)
    return done


def ask(gateway, model="mock-say"):
    return gateway.http.post("/v1/chat/completions", headers={"authorization": f"Bearer {KEY}"},
                             json={"model": model, "messages": [{"role": "user", "content": "hi"}]})


def value(file, statement):
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return connection.execute(statement).fetchone()[0]
    finally:
        connection.close()


@pytest.fixture
def served(mock, make_gateway):
    gateway = make_gateway()
    assert (gateway.data / "capsem.db").exists()
    return gateway


def test_a_backup_is_made_while_the_gateway_works(served, mock, tmp_path):
    stop = threading.Event()
    answers = []

    def work():
        while not stop.is_set():
            answers.append(ask(served).status_code)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        files = []
        for i in range(3):
            to = tmp_path / f"backup{i}.db"
            done = capsem("backup", "--data-dir", served.data, "--to", to)
            assert "sealed" in done.stdout and "master key is not in it" in done.stdout
            files.append(to)
    finally:
        stop.set()
        worker.join()
    assert answers and set(answers) == {200}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert value(file, "PRAGMA integrity_check") == "ok"
        assert value(file, "SELECT value FROM meta WHERE name = 'schema_version'") == "3"
    assert sorted(p.name for p in tmp_path.iterdir()) == [f.name for f in files], "nothing else"


def test_what_is_there_is_replaced_only_when_that_is_said(served, tmp_path):
    to = tmp_path / "backup.db"
    to.write_text("mine")
    refused = capsem("backup", "--data-dir", served.data, "--to", to, status=1)
    assert "is there already" in refused.stderr
    assert to.read_text() == "mine"
    capsem("backup", "--data-dir", served.data, "--to", to, "--force")
    assert value(to, "PRAGMA integrity_check") == "ok"


def test_a_restored_gateway_has_what_it_had_at_the_backup(mock, tmp_path):
    gateway = Gateway(mock.url)
    backup = tmp_path / "backup.db"
    db = gateway.data / "capsem.db"
    try:
        assert ask(gateway).status_code == 200
        capsem("backup", "--data-dir", gateway.data, "--to", backup)
        in_use = capsem("restore", "--from", backup, "--data-dir", gateway.data, "--force", status=1)
        assert "in use" in in_use.stderr
        assert ask(gateway).status_code == 200, "and the gateway goes on"
        gateway.stop()

        marker = "INSERT INTO meta (name, value) VALUES ('after_the_backup', 'x')"
        connection = sqlite3.connect(db)
        connection.execute(marker)
        connection.commit()
        connection.close()
        refused = capsem("restore", "--from", backup, "--data-dir", gateway.data, status=1)
        assert "--force" in refused.stderr
        assert value(db, "SELECT count(*) FROM meta WHERE name = 'after_the_backup'") == 1
        done = capsem("restore", "--from", backup, "--data-dir", gateway.data, "--force")
        assert "revoked" in done.stdout and "master key" in done.stdout
        assert value(db, "SELECT count(*) FROM meta WHERE name = 'after_the_backup'") == 0
        assert not pathlib.Path(f"{db}-wal").exists()
    finally:
        gateway.close()


def test_a_gateway_starts_from_a_restored_directory(mock, tmp_path):
    first = Gateway(mock.url)
    backup, data = tmp_path / "backup.db", tmp_path / "data"
    try:
        capsem("backup", "--data-dir", first.data, "--to", backup)
    finally:
        first.close()
    data.mkdir()
    capsem("restore", "--from", backup, "--data-dir", data)
    second = Gateway(mock.url, policies=POLICIES, args=["--data-dir", data])
    try:
        assert ask(second).status_code == 200
        assert "bootstrap" not in second.output.lower(), "the token was shown by the first one"
    finally:
        second.close()


@pytest.mark.parametrize("what", ["text", "truncated", "another", "newer", "missing"])
def test_what_is_no_sound_backup_is_not_restored(what, served, tmp_path):
    backup, data = tmp_path / "backup.db", tmp_path / "data"
    data.mkdir()
    if what == "text":
        backup.write_text("x" * 10_000)
    elif what != "missing":
        capsem("backup", "--data-dir", served.data, "--to", backup)
        if what == "truncated":
            os.truncate(backup, backup.stat().st_size // 2)
        else:
            connection = sqlite3.connect(backup)
            connection.execute("DROP TABLE meta" if what == "another" else
                               "UPDATE meta SET value = '999' WHERE name = 'schema_version'")
            connection.commit()
            connection.close()
    refused = capsem("restore", "--from", backup, "--data-dir", data, status=1)
    assert refused.stderr.startswith("capsem: ") and not refused.stdout
    assert list(data.iterdir()) == []


def test_for_postgresql_it_says_what_to_run_without_the_password():
    url = f"postgres://ann:{PASSWORD}@db.example:5433/capsem"
    backup = capsem("backup", "--database-url", url, "--to", "x.dump", status=1)
    assert ("pg_dump --format=custom --file=x.dump --host=db.example --port=5433 --username=ann"
            " --dbname=capsem") in backup.stderr
    restore = capsem("restore", "--database-url", url, "--from", "x.dump", status=1)
    assert "pg_restore" in restore.stderr
    for done in (backup, restore):
        assert PASSWORD not in done.stdout + done.stderr


def test_the_commands_it_names_for_postgresql_work(postgres, tmp_path):
    os.chmod(tmp_path, 0o777)
    for folder in list(tmp_path.parents)[:3]:
        os.chmod(folder, folder.stat().st_mode | 0o055)
    url = postgres.new_database()
    postgres.query("CREATE TABLE t (a INT)", url)
    postgres.query("INSERT INTO t VALUES (7)", url)
    dump = tmp_path / "x.dump"
    env = {**os.environ, "PGPASSWORD": PASSWORD}

    def said(*words):
        text = capsem(*words, "--database-url", url, status=1).stderr
        line = next(line for line in text.splitlines() if line.startswith("  pg_"))
        return [f"/usr/lib/postgresql/15/bin/{line.split()[0]}", *line.split()[1:]]
    postgres.run(*said("backup", "--to", dump), env=env)
    postgres.query("UPDATE t SET a = 8", url)
    postgres.run(*said("restore", "--from", dump), env=env)
    assert postgres.query("SELECT a FROM t", url) == [["7"]]


@pytest.mark.parametrize("words", [("backup",), ("backup", "--to", "x"), ("restore",),
                                   ("restore", "--from", "x"), ("backup", "--nothing")])
def test_misuse_is_said(words):
    assert capsem(*words, status=2).stderr
