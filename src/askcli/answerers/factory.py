"""Selects the answerer: the configured one, else Anthropic with a key, else a local model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from askcli.errors import Misused
from askcli.settings.loopback import is_on_loopback

if TYPE_CHECKING:
    from askcli.answerers.base import Answerer
    from askcli.settings import Settings


def kind(settings: Settings) -> str:
    """Return `anthropic`, `local` or `scripted`. Raises Misused when none is available."""
    has_local = find_spec("xllamacpp") is not None
    if settings.answerer == "anthropic" and not settings.anthropic_api_key:
        raise Misused("ASKCLI_ANSWERER is anthropic but there is no key: set ANTHROPIC_API_KEY.")
    if settings.answerer == "local" and not has_local:
        raise Misused("ASKCLI_ANSWERER is local but llama.cpp is missing: install xllamacpp.")
    if settings.asks_anthropic:
        return "anthropic"
    if settings.answerer != "auto":
        return settings.answerer
    if has_local:
        return "local"
    raise Misused(
        "nothing here can answer: set ANTHROPIC_API_KEY to ask Anthropic, "
        "or install a local model with: pip install xllamacpp."
    )


def build(settings: Settings) -> Answerer:
    """Return the answerer; nothing is imported, opened or loaded yet.

    Raises Misused when none is available, or when a variable that it needs names no proxy.
    """
    chosen = kind(settings)
    if chosen == "scripted":
        from askcli.answerers.scripted import ScriptedAnswerer

        return ScriptedAnswerer(settings.script)
    if chosen == "local":
        from askcli.answerers.local import LocalAnswerer
        from askcli.local_models.catalogue import choose

        return LocalAnswerer(choose(settings.local_model, settings.data_dir))
    from askcli.answerers.anthropic import AnthropicAnswerer
    from askcli.settings import certificates, proxies

    if not is_on_loopback(settings.anthropic_base_url):
        proxies.check()
        certificates.check()
    return AnthropicAnswerer(
        settings.anthropic_api_key or "",
        settings.anthropic_base_url,
        settings.model,
        settings.connect_seconds,
    )


def change_key(answerer: Answerer, settings: Settings) -> None:
    """Let an answerer that has a key use the settings' one from now on. Raises Misused for none."""
    from askcli.answerers.anthropic import AnthropicAnswerer

    if not isinstance(answerer, AnthropicAnswerer):
        return
    if not settings.anthropic_api_key:
        raise Misused("ANTHROPIC_API_KEY is gone: set it, or restart the server without it.")
    answerer.change_key(settings.anthropic_api_key)
