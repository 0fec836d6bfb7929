"""Texts that look like others: invisible characters, and letters of several scripts."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest

from askcli.contract.patterns import AN_EMAIL, ONE_LINE
from askcli.services.auth.scripts import mixed


def test_no_format_control_or_space_is_in_an_email() -> None:
    email = re.compile(AN_EMAIL)
    refused = {"Cc", "Cf", "Zl", "Zp", "Zs"}
    characters = (chr(code) for code in range(sys.maxunicode + 1))
    accepted = [
        f"U+{ord(c):04X}"
        for c in characters
        if unicodedata.category(c) in refused
        and (email.fullmatch(f"a{c}b@example.org") or email.fullmatch(f"a@exam{c}ple.org"))
    ]
    assert accepted == []


@pytest.mark.parametrize("email", ["a.b+c@example.org", "почта@пример.рф", "用户@例子.世界"])
def test_letters_of_any_script_are_in_an_email(email: str) -> None:
    assert re.fullmatch(AN_EMAIL, email)


@pytest.mark.parametrize("name", ["José Ñ.", "می\u200cخواهم", "👩\u200d🔬 Ada", "ཨོཾ", "❤\ufe0f"])
def test_names_of_any_script_are_names(name: str) -> None:
    assert re.fullmatch(ONE_LINE, name)


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("alice.42", []),
        ("\u0430lice", ["Cyrillic", "Latin"]),  # its first letter is Cyrillic
        ("\u03b1\u0430a", ["Cyrillic", "Greek", "Latin"]),
        ("почта_1", []),
        ("山田たろうカ", []),
        ("김金", []),
        ("山a", ["Cjk", "Latin"]),
        ("", []),
    ],
)
def test_letters_of_several_scripts_are_a_mixture(text: str, scripts: list[str]) -> None:
    assert mixed(text) == scripts
