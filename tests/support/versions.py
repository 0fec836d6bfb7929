"""Other versions of askcli: the one before the newest migration, and a next one."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from askcli.store import migrations

ROOT = Path(__file__).parents[2]
_VERSIONS = "src/askcli/store/migrations/versions"
_NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "{next}"
down_revision = "{head}"

def upgrade():
    op.add_column("questions", sa.Column("note", sa.Text))
    op.create_index("ix_questions_note", "questions", ["note"])
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("notes")
    op.drop_index("ix_questions_note", "questions")
    op.drop_column("questions", "note")
"""


def before(directory: Path) -> dict[str, str]:
    """The settings of a command that runs the code of before the newest migration."""
    return {"PYTHONPATH": str(tree_of_before(directory, "src/askcli") / "src")}


def tree_of_before(directory: Path, *paths: str) -> Path:
    """Write the code of before the newest migration there, these paths or all; returns where."""
    (newest,) = (ROOT / _VERSIONS).glob(f"{migrations.HEAD}_*.py")
    log = ["log", "--diff-filter=A", "--format=%H", "--", str(newest)]
    commit = _git(*log).decode().strip()
    with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{commit}^", *paths))) as archive:
        archive.extractall(directory, filter="data")
    return directory


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True)
    if done.returncode:
        pytest.skip("the tests are in no git repository")
    return done.stdout


def next_one(directory: Path) -> dict[str, str]:
    """The settings of a command that runs this code, with one more migration."""
    shutil.copytree(ROOT / "src/askcli", directory / "askcli")
    add_migration(directory / "askcli")
    return {"PYTHONPATH": str(directory)}


def add_migration(askcli: Path) -> None:
    """Add one more migration to a copy of this code."""
    package = askcli / "store/migrations"
    version = f"{int(migrations.HEAD) + 1:04}"
    text = (package / "__init__.py").read_text()
    changed = text.replace(f'HEAD = "{migrations.HEAD}"', f'HEAD = "{version}"')
    assert changed != text
    (package / "__init__.py").write_text(changed)
    file = package / f"versions/{version}_next.py"
    file.write_text(_NEXT.format(next=version, head=migrations.HEAD))
