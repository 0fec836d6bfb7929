"""The blocks of code that are taken out of an answer."""

from __future__ import annotations

import pytest

from askcli.cli.output.markdown import code_blocks


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("```sh\nls\n```\nand\n~~~\npwd\n~~~", ["ls\n", "pwd\n"]),
        ("1. So:\n\n   ```py\n   if x:\n       y()\n   ```\n2. and", ["if x:\n    y()\n"]),
        ("> ```\n> a\n>\n> b\n> ```", ["a\n\nb\n"]),
        ("````md\n```sh\nls\n```\n````", ["```sh\nls\n```\n"]),
        ("```sh\r\nls\r\npwd\r\n```\r\n", ["ls\npwd\n"]),
        ("```sh\nls", ["ls\n"]),  # its fence is not closed
        ("```sh\nls\n```\n\n    a paragraph of a list", ["ls\n"]),
        ("So:\n\n    ls\n    pwd\n", ["ls\npwd\n"]),
        ("```sh\nls\n```\n```\n \n```", ["ls\n"]),
        ("`ls` is all, and <code>x</code>.", []),
    ],
)
def test_blocks_of_code_are_found_wherever_they_stand(answer: str, found: list[str]) -> None:
    assert code_blocks.all_of(answer) == found
