"""askcli models: list the models, and download a local one."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from askcli import settings as settings_module
from askcli.answerers import factory
from askcli.cli.input import options
from askcli.cli.output.terminal import console
from askcli.cli.output.terminal.progress import ByteProgress
from askcli.cli.reference import completion_cache, groups
from askcli.contract.shapes import ModelList
from askcli.errors import Misused
from askcli.local_models import catalogue
from askcli.local_models.catalogue import LocalModel
from askcli.settings import Settings

log = logging.getLogger("askcli.notices")

app = groups.new("The models that can answer.", invoke_without_command=True)


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
    connection = options.connection(server, profile)
    with connection.open() as api:
        models = api.models()
    if as_json:
        completion_cache.models(model["id"] for model in models["items"])
        console.out_json(models)
        return
    show(models)
    if connection.is_local:
        _list_catalogue(connection.settings)


def show(models: ModelList) -> None:
    """Print the server's models, one a line; completion knows them from now on."""
    completion_cache.models(model["id"] for model in models["items"])
    for model in models["items"]:
        mark = "*" if model["id"] == models["default"] else " "
        console.out(f"{mark} {model['id']}  {model['description']}\n")


def _list_catalogue(settings: Settings) -> None:
    console.note("\nLocal models (askcli models pull NAME; ASKCLI_LOCAL_MODEL=NAME uses one):")
    for model in catalogue.CATALOGUE.values():
        state = "here" if catalogue.path_of(model, settings.data_dir).is_file() else "not here"
        console.note(f"  {model.name}  {model.size / 1e6:,.0f} MB, {state}; {model.note}")


@app.command("pull")
def pull(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="A name of the catalogue; default: the best that fits."
        ),
    ] = None,
) -> None:
    """Download a local model."""
    settings = settings_module.load()
    if name is not None and name not in catalogue.CATALOGUE:
        raise Misused(f"there is no model {name!r}; there are {', '.join(catalogue.CATALOGUE)}.")
    choice = catalogue.choose(name or settings.local_model, settings.data_dir)
    if choice.model is None:
        raise Misused(f"{choice.path} is your own file; there is nothing to download.")
    console.out(f"{_download(choice.model, settings)}\n")


def ensure_local_model(settings: Settings) -> bool:
    """Download the model that the local server needs, if it is not here yet.

    Returns whether such a model will answer, and says so unless the settings do.
    """
    if factory.kind(settings) != "local":
        return False
    choice = catalogue.choose(settings.local_model, settings.data_dir)
    if choice.model is None or choice.exists():
        if settings.answerer == "auto":
            log.info(
                "askcli: no server and no ANTHROPIC_API_KEY: a model on this machine answers (%s).",
                choice.name,
            )
        return True
    model = choice.model
    log.info(
        "No server and no ANTHROPIC_API_KEY: a model on this machine will answer.\n"
        f"Downloading it once: {model.title}, {model.size / 1e6:,.0f} MB, {model.licence} "
        f"({choice.reason}).\n"
        "For Anthropic instead: export ANTHROPIC_API_KEY=…\n"
        "For a server: --server URL"
    )
    _download(model, settings)
    return True


def _download(model: LocalModel, settings: Settings) -> Path:
    from askcli.local_models.download import (
        fetch,  # rarely needed, and slow to import
    )

    with ByteProgress(model.size, sys.stderr) as progress:
        return fetch(model, settings.data_dir, progress.update, settings.timeout)
