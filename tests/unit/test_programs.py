"""Programs by their names: never one of the working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from askcli.errors import Failed
from askcli.files import programs
from askcli.local_models import download


@pytest.mark.parametrize("directories", [".", "", "bin", ".:", ":", "bin:."])
def test_a_program_is_never_found_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directories: str
) -> None:
    installed = tmp_path / "installed"
    for directory in (tmp_path / "checkout", tmp_path / "checkout/bin", installed):
        directory.mkdir()
        (directory / "uv").write_text("#!/bin/sh\n")
        (directory / "uv").chmod(0o755)
    monkeypatch.chdir(tmp_path / "checkout")
    monkeypatch.setattr(download, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", directories)
    assert programs.path_of("uv") is None
    with pytest.raises(Failed):
        download._installer()
    monkeypatch.setenv("PATH", f"{directories}:{installed}")
    assert download._installer()[0] == programs.path_of("uv") == str(installed / "uv")
    assert programs.path_of("bin/uv") == "bin/uv"  # a path is the user's own word
