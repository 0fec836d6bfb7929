"""HTTP_PROXY, NO_PROXY and SSL_CERT_FILE mean to the client what they mean elsewhere."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from askcli.client.http.address import parse_address
from askcli.errors import Misused
from tests.support.cli import NewCli
from tests.support.hostile import always

READY = json.dumps({"status": "ok", "version": "9.9", "database": "sqlite"}).encode()


HEAD = (
    f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    f"content-length: {len(READY)}\r\nconnection: close\r\n\r\n"
).encode()


@contextmanager
def answering(context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers every request as if it were ready: its port, and what it was asked."""
    requests: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            try:
                with (
                    context.wrap_socket(connection, server_side=True)
                    if context
                    else connection as c
                ):
                    requests.append(c.recv(65_536).split(b"\r\n")[0])
                    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(READY)}\r\nconnection: close"
                    c.sendall(f"{head}\r\ncontent-type: application/json\r\n\r\n".encode() + READY)
            except OSError:  # a client that does not trust us
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], requests
    with suppress(OSError):  # not every system lets a listening socket be shut down
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_a_proxy_is_used_but_not_where_it_is_not_to_be(new_cli: NewCli) -> None:
    with answering() as (port, requests):
        server = "http://ask.example:3000"  # known to the proxy alone
        cli = new_cli(ASKCLI_SERVER=server, HTTP_PROXY=f"http://127.0.0.1:{port}")
        assert json.loads(cli("status", "--json").out)["server_version"] == "9.9"
        assert requests == [b"GET http://ask.example:3000/readyz HTTP/1.1"]
        cli.environment["NO_PROXY"] = "ask.example"
        assert json.loads(cli("status", "--json").out)["state"] == "unreachable"
        assert requests[1:] == []


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "localhost.", "a.localhost", "[::ffff:127.0.0.1]"]
)
def test_a_server_on_this_machine_is_reached_without_a_proxy(new_cli: NewCli, name: str) -> None:
    with answering() as (port, requests):
        proxy = f"http://127.0.0.1:{port}"
        cli = new_cli(ASKCLI_SERVER=f"http://{name}:{port}", HTTP_PROXY=proxy, ALL_PROXY=proxy)
        done = cli.in_process("status", "--json")
        assert json.loads(done.out)["server_version"] == "9.9"
    assert requests == [b"GET /readyz HTTP/1.1"]


def test_the_local_server_goes_by_the_variables_of_the_command(new_cli: NewCli) -> None:
    cli = new_cli(ANTHROPIC_API_KEY="sk", ANTHROPIC_BASE_URL="http://provider.example")
    cli.environment |= {"ASKCLI_UPSTREAM_ATTEMPTS": "1", "HTTP_PROXY": "http://127.0.0.1:1"}
    assert "cannot be reached" in cli("ask", "hello").err
    with answering() as (port, requests):
        cli.environment["HTTP_PROXY"] = f"http://127.0.0.1:{port}"
        assert "cannot be reached" not in cli("ask", "hello").err  # and not of the server before
        assert requests == [b"POST http://provider.example/v1/messages HTTP/1.1"]
    del cli.environment["HTTP_PROXY"]  # of no matter to a command that ends all of them
    assert cli("serve", "--stop").code == 0


def test_which_addresses_are_this_machine() -> None:
    own = ("[::1]:1", "LOCALHOST", "localhost.", "a.b.localhost", "127.1.2.3", "[::ffff:127.0.0.1]")
    others = (
        "localhost.example",
        "127.0.0.1.example",
        "10.0.0.1",
        "[::ffff:10.0.0.1]",
        "alocalhost",
    )
    assert {host: parse_address(f"http://{host}").is_loopback for host in (*own, *others)} == {
        **dict.fromkeys(own, True),
        **dict.fromkeys(others, False),
    }


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("http://localhost:80", "http://localhost"),
        ("HTTP://LOCALHOST:03000", "http://localhost:3000"),
        ("http://localhost:8\u0660\u0668\u0660", "http://localhost:8080"),
        ("http://127.0.0.1:3000/askcli/", "http://127.0.0.1:3000/askcli"),
    ],
)
def test_a_server_has_one_name_however_its_url_is_written(written: str, url: str) -> None:
    """It is the key of its login."""
    assert parse_address(written).url == url


@pytest.mark.parametrize("port", ["-5", "65536", "99999", "x", "3000?", "3000#"])
def test_what_no_server_can_be_at_is_refused(port: str) -> None:
    with pytest.raises(Misused):
        parse_address(f"http://localhost:{port}")


@pytest.mark.parametrize(
    "words",
    [
        ("login", "--email", "a@b.example", "--password-stdin"),
        ("register", "--name", "A", "--email", "a@b.example", "--password-stdin"),
        ("login", "--with-token"),
    ],
)
def test_a_password_over_plain_http_to_another_machine_is_one_warning(
    new_cli: NewCli, words: tuple[str, ...]
) -> None:
    with answering() as (port, _):
        cli = new_cli(
            ASKCLI_SERVER="http://ask.example:3000", HTTP_PROXY=f"http://127.0.0.1:{port}"
        )
        first, *others = cli.in_process(*words, stdin="x").err.splitlines()
    assert first.startswith("askcli: warning: http://ask.example:3000 is plain HTTP")
    assert not any("warning" in line for line in others)


def test_a_certificate_is_checked_against_the_file_that_is_named(
    new_cli: NewCli, tmp_path: Path
) -> None:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl here to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    make += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=127.0.0.1"]
    make += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with answering(context) as (port, _):
        cli = new_cli(ASKCLI_SERVER=f"https://127.0.0.1:{port}")
        cli.environment.pop("SSL_CERT_FILE", None)
        untrusted = cli("status", "--json")
        assert (untrusted.code, json.loads(untrusted.out)["state"]) == (6, "unreachable")
        cli.environment["ASKCLI_TOKEN"] = "any"
        asked = cli.in_process("ask", "Why?")  # not again and again: no retry mends it
        assert (asked.code, asked.err.count("\n")) == (6, 1), asked
        assert f"certificate of https://127.0.0.1:{port} is not trusted: self-signed" in asked.err
        cli.environment["SSL_CERT_FILE"] = str(cert)
        assert json.loads(cli("status", "--json").out)["server_version"] == "9.9"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "http://user:secret@host:abc"),
        ("https_proxy", "foo://user:secret@host"),
        ("ALL_PROXY", "http://user:secret@"),
        ("ALL_PROXY", "http://user:secret@host:99999"),
        ("ALL_PROXY", "socks5://user:secret@host:1"),
    ],
)
def test_a_proxy_that_is_none_is_named(new_cli: NewCli, name: str, value: str) -> None:
    cli = new_cli(ASKCLI_SERVER="http://ask.example", ASKCLI_TOKEN="any", **{name: value})
    done = cli.in_process("whoami")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert f"error: {name.upper()} " in done.err
    assert "secret" not in done.err
    cli.environment["ASKCLI_SERVER"] = "http://127.0.0.1:9"  # reached without a proxy
    assert cli.in_process("whoami").code == 6


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("status", [407, 403])
def test_a_proxy_that_refuses_is_named_and_not_asked_again_and_again(
    new_cli: NewCli, name: str, status: int
) -> None:
    """But a refusal of another kind may be that of the server, over plain HTTP."""
    scheme = "http" if name == "HTTP_PROXY" else "https"
    with always(status, b"<html>refused") as proxy:
        variable = {name: proxy.url.replace("//", "//user:secret@")}
        cli = new_cli(ASKCLI_SERVER=f"{scheme}://ask.example", ASKCLI_TOKEN="any", **variable)
        for words in (("ask", "--timeout", "20", "Why?"), ("whoami",)):
            done = cli.in_process(*words)
            assert (done.out, done.err.count("\n"), "secret" in done.err) == ("", 1, False), done
            if (scheme, status) == ("http", 403):
                assert (done.code, name in done.err) == (4, False), done
            else:
                message = f"{name} names does not connect to {scheme}://ask.example: {status}"
                assert done.code == 6, done
                assert f"error: the proxy that {message}" in done.err


@pytest.mark.parametrize("host", ["a..example", "a" * 64])
def test_a_name_that_no_host_can_have_is_not_reached(new_cli: NewCli, host: str) -> None:
    done = new_cli()("status", "--server", f"http://{host}")
    assert (done.code, f"cannot reach http://{host}: check" in done.err) == (6, True), done
    done = new_cli(HTTP_PROXY=f"http://{host}:1")("status", "--server", "http://x.example")
    assert (done.code, "HTTP_PROXY and --server are right" in done.err) == (6, True), done


def test_a_proxy_that_is_not_there_is_named(new_cli: NewCli) -> None:
    variables = {
        "ASKCLI_SERVER": "https://ask.example",
        "HTTPS_PROXY": "http://u:secret@127.0.0.1:9",
    }
    done = new_cli(ASKCLI_TOKEN="any", **variables).in_process("whoami")
    assert (done.code, done.err.count("\n"), "secret" in done.err) == (6, 1, False), done
    assert "by the proxy that HTTPS_PROXY names: check that both run" in done.err


@pytest.mark.parametrize("server", ["https://127.0.0.1:9", "https://ask.example.invalid"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_certificates_that_is_none_is_named(
    new_cli: NewCli, tmp_path: Path, server: str, content: str | None
) -> None:
    path = tmp_path / "certificates"
    if content:
        path.write_text(content)
    cli = new_cli(ASKCLI_SERVER=server, ASKCLI_TOKEN="any", SSL_CERT_FILE=str(path))
    for words in (("ask", "--timeout", "5", "hi"), ("whoami",), ("status",)):
        done = cli.in_process(*words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        assert f"error: SSL_CERT_FILE: {path} is " in done.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://user:secret@host:abc", "'http://host:abc' is not a server's URL"),
        ("user:secret@host", "'host' is not a server's URL"),
        ("http://host:99999", "'http://host:99999' is not a server's URL"),
        ("http://host/?token=secret", "a server's URL must end with its host or path: without `?`"),
        ("http://host/#secret", "a server's URL must end with its host or path: without `?`"),
    ],
)
def test_a_server_url_that_is_none_is_refused_without_its_secrets(
    new_cli: NewCli, url: str, said: str
) -> None:
    done = new_cli(ASKCLI_SERVER=url, ASKCLI_TOKEN="any").in_process("whoami")
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert said in done.err
    assert "secret" not in done.err
