"""askcli models: which models there are, and fetching a local one."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from askcli import settings as settings_module
from askcli.answerers import factory
from askcli.cli.input import options
from askcli.cli.output import console
from askcli.cli.output.progress import ByteProgress
from askcli.cli.reference import completion_cache
from askcli.errors import Misused
from askcli.local_models import catalogue
from askcli.local_models.catalogue import LocalModel
from askcli.settings import Settings

log = logging.getLogger("askcli.notices")

app = typer.Typer(help="The models that can answer.", invoke_without_command=True)


@app.callback()
def default(
    context: typer.Context,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """The models that can answer; without a command, all of them."""
    if context.invoked_subcommand is None:
        list_(as_json, server, profile)


@app.command("list")
def list_(
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """List the models that the server can ask, and the local ones that can be pulled."""
    found = options.connection(server, profile)
    with found.open() as api:
        models = api.models()
    completion_cache.models(model["id"] for model in models["items"])
    if as_json:
        console.out_json(models)
        return
    for model in models["items"]:
        mark = "*" if model["id"] == models["default"] else " "
        console.out(f"{mark} {model['id']}  {model['description']}\n")
    if found.is_local:
        _list_catalogue(found.settings)


def _list_catalogue(settings: Settings) -> None:
    console.note("\nLocal models (askcli models pull NAME; ASKCLI_LOCAL_MODEL=NAME uses one):")
    for model in catalogue.CATALOGUE.values():
        here = "here" if catalogue.path_of(model, settings.data_dir).is_file() else "not here"
        console.note(f"  {model.name}  {model.size / 1e6:,.0f} MB, {here}; {model.note}")


@app.command("pull")
def pull(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of the catalogue; else what fits here.")
    ] = None,
) -> None:
    """Fetch a local model."""
    settings = settings_module.load()
    if name is not None and name not in catalogue.CATALOGUE:
        raise Misused(f"there is no model {name!r}; there are {', '.join(catalogue.CATALOGUE)}.")
    wanted = catalogue.choose(name or settings.local_model, settings.data_dir)
    if wanted.model is None:
        raise Misused(f"{wanted.path} is a file of yours; there is nothing to fetch.")
    console.out(f"{_fetched(wanted.model, settings.data_dir)}\n")


def ensure_local_model(settings: Settings) -> None:
    """Download the model that the local server needs, if it is not here yet."""
    if factory.kind(settings) != "local":
        return
    wanted = catalogue.choose(settings.local_model, settings.data_dir)
    if wanted.model is None or wanted.present():
        return
    model = wanted.model
    log.info(
        "There is no server and no ANTHROPIC_API_KEY, so a model on this machine will answer.\n"
        f"Fetching it, once: {model.title}, {model.size / 1e6:,.0f} MB, licence {model.licence}; "
        f"{model.note} (chosen: {wanted.why}).\n"
        "To ask Anthropic instead: export ANTHROPIC_API_KEY=…  To ask a server: --server URL."
    )
    _fetched(model, settings.data_dir)


def _fetched(model: LocalModel, data_dir: Path) -> Path:
    from askcli.local_models.download import (
        fetch,  # seldom needed, and it loads zipfile and its kin
    )

    with ByteProgress(model.size, sys.stderr) as progress:
        return fetch(model, data_dir, progress.update)
