"""A page of HTML that needs nothing else: no script, nothing that is loaded, light and dark.

What a model has written is Markdown without HTML; a link leads to the web or to a mail address, and
an image is a link.
"""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from askcli.cli.output.markdown.highlighting import in_time

_LINKS = ("http://", "https://", "mailto:")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CSS = """
:root { color-scheme: light dark; --faint: #666; --back: #f4f4f6; --line: #ddd; }
@media (prefers-color-scheme: dark) { :root { --faint: #999; --back: #222; --line: #444; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
section { border-bottom: 1px solid var(--line); padding-bottom: 1rem; margin-bottom: 2rem; }
.question { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--back);
  border-radius: .5rem; padding: .6rem .9rem; margin: 2rem 0 0; }
.details { color: var(--faint); font-size: .8rem; margin: .2rem 0 1rem; }
.answer { overflow-wrap: anywhere; }
pre { background: var(--back); border-radius: .5rem; padding: .6rem .9rem; overflow-x: auto; }
code { font: .9em ui-monospace, monospace; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .2rem .6rem; }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
"""
# Longer code is not coloured: it would take seconds.
MOST_COLOURED = 100_000

END_OF_CONVERSATION = "</section>\n"
END = "</main>\n</body>\n</html>\n"


def begin(title: str) -> str:
    """Return the beginning of the page."""
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}{_colours()}</style>\n"
        "</head>\n<body>\n<main>\n"
    )


def heading(title: str) -> str:
    """Return the beginning of a conversation."""
    return f'<section>\n<h1 dir="auto">{escape(title)}</h1>\n'


def turn(question: str, details: str, answer: str) -> str:
    """Return a question, what is known of it, and the answer, which is Markdown."""
    return (
        f'<div class="question" dir="auto">{escape(question)}</div>\n'
        f'<p class="details">{escape(details)}</p>\n'
        f'<div class="answer" dir="auto">\n{rendered(answer)}</div>\n'
    )


def rendered(markdown: str) -> str:
    """Return Markdown as HTML."""
    return str(_parser().render(markdown))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _coloured})
    parser.enable(["table", "strikethrough"]).disable("image")
    parser.validateLink = _is_link  # type: ignore[method-assign]
    return parser


def _is_link(url: str) -> bool:
    return url.strip().lower().startswith(_LINKS)


def _coloured(code: str, language: str, _attributes: str) -> str:
    """Return a block of code as HTML with classes for its colours; an empty text for none."""
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    if not language or len(code) > MOST_COLOURED:
        return ""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    formatter = _formatter("default")
    return in_time(code, language, lambda: str(highlight(code, lexer, formatter))) or ""


@cache
def _formatter(style: str) -> Any:
    from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]

    return HtmlFormatter(nowrap=True, style=style)


@cache
def _colours() -> str:
    """Return the styles of coloured code, for the light and for the dark."""
    light, dark = (
        "\n".join(_formatter(style).get_token_style_defs("pre code"))
        for style in ("default", "github-dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
