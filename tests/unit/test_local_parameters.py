"""How llama.cpp is told to load a local model."""

from __future__ import annotations

from pathlib import Path

import pytest

from askcli.answerers import local
from askcli.local_models.catalogue import Choice


def test_the_file_of_a_local_model_is_read_and_not_mapped() -> None:
    """A user's own file: where it was mapped and is cut off, the process ends by SIGBUS."""
    xllamacpp = pytest.importorskip("xllamacpp")
    parameters = local._parameters(xllamacpp, Choice(Path("own.gguf"), None, "set"), "key")
    assert parameters.load_mode == xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
