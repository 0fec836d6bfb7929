"""What the text of a setting may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from askcli.errors import Misused
from askcli.settings import Rate, parsers, sources


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parsers.rate, "10/300", Rate(10, 300)),
        (parsers.rate, "off", Rate(0, 1)),
        (parsers.integer(0, 65535), "0", 0),
        (parsers.integer(0, 65535), "65535", 65535),
        (parsers.dollars, "2.50", 2.5),
        (parsers.dollars, "0", 0),
        (parsers.one_of("open", "closed"), "open", "open"),
        (parsers.networks, "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        (parsers.networks, "", ()),
        (parsers.hosts, "Ask.Example.org,[::1], *", ("ask.example.org", "[::1]", "*")),
        (parsers.origins, "", ()),
        (
            parsers.origins,
            "https://App.example.org, http://localhost:5173,http://[::1]:443",
            ("https://app.example.org", "http://localhost:5173", "http://[::1]:443"),
        ),
        *(
            (parsers.http_url, text, text)
            for text in ("http://127.0.0.1:8080", "https://llm.example/v1", "http://a:b@[::1]:1/")
        ),
        (parsers.model, "smollm2-135m", "smollm2-135m"),
        (parsers.model, "/models/a.gguf", "/models/a.gguf"),
    ],
)
def test_good_text_is_taken(parse: Any, text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *(
            (parsers.rate, text)
            for text in ("", "10", "10/0", "0/10", "-1/3", "1/2/3", "٣/٤", "OFF")
        ),
        *((parsers.integer(1, 9), text) for text in ("0", "10", "-1", "1.0", "", "٣", " 1", "1e0")),
        *((parsers.dollars, text) for text in ("", "nan", "inf", "-1", "1e9", "much")),
        (parsers.one_of("open", "closed"), "Open"),
        *((parsers.networks, text) for text in ("10.0.0.0/33", "host", "10.0.0.1/8")),
        *(
            (parsers.origins, text)
            for text in (
                *("*", "null", "app.example.org", "https://*.example.org", "ftp://example.org"),
                *("https://a.org/", "https://a.org/app", "https://a.org?x", "https://a@a.org"),
                *("https://a.org:443", "http://a.org:80", "http://a.org:65536", "http://a.org:"),
            )
        ),
        *((parsers.hosts, text) for text in ("a b", "http://x", "a/b", "[zz]")),
        *(
            (parsers.http_url, text)
            for text in (
                *("", "llm.example", "ftp://llm.example", "http://", "http://:80", "http://[::1"),
                *("http://a:abc", "http://a:65536", "http://a:0", "http://a b", "http://a\nb"),
            )
        ),
    ],
)
def test_bad_text_is_refused_with_what_it_must_be(parse: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"such as|number|one of|names|https?://"):
        parse(text)


def test_a_path_is_absolute_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert parsers.path("data") == tmp_path / "data"
    assert parsers.path("~/data") == Path("/home/ada/data")
    assert parsers.model("own.gguf") == str(tmp_path / "own.gguf")


def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKCLI_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("PORT", raising=False)
    (tmp_path / "config.toml").write_text("port = 1\n")
    assert sources.load().port == 1
    monkeypatch.setenv("PORT", "2")
    assert sources.load().port == 2
    assert sources.load({"port": 3}).port == 3
    assert sources.load({"port": None}).port == 2
    monkeypatch.setenv("PORT", "web")
    with pytest.raises(Misused, match=r"port: 'web' \(from PORT\) must be a whole number"):
        sources.load()


@pytest.mark.parametrize("url", ["http://user:secret@llm.example:abc", "ftp://user:secret@b@c"])
def test_a_password_in_a_url_that_is_none_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    with pytest.raises(Misused, match=r"from ANTHROPIC_BASE_URL\) must be http://") as raised:
        sources.load()
    assert "secret" not in raised.value.detail
