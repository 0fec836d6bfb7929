"""Secrets from files: the variable NAME_FILE is the path of a file with the secret NAME."""

from __future__ import annotations

from collections.abc import Mapping

from askcli import files
from askcli.errors import Misused
from askcli.settings import parsers


def contents(named: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets by their variables; `named` has the variables of their files.

    Raises Misused for a secret that is given twice, or whose file cannot be read or has none.
    """
    return {variable: _content(variable, file, environment) for variable, file in named.items()}


def _content(secret: str, variable: str, environment: Mapping[str, str]) -> str:
    """Return one; errors do not quote the path, which may be the secret itself by mistake."""
    if environment.get(secret, "").strip():
        raise Misused(f"{secret} and {variable} are both set: unset one of them.")
    try:
        content = files.read(parsers.path(environment[variable])).decode("utf-8-sig").strip()
    except OSError as error:
        raise Misused(
            f"{variable} names a file that cannot be read ({error.strerror}): "
            "check the path, and that this user may read the file."
        ) from None
    except UnicodeDecodeError:
        raise Misused(f"{variable} names a file that is no text in UTF-8.") from None
    except ValueError as error:
        raise Misused(f"{variable} must be {error}.") from None
    if not content:
        raise Misused(f"{variable} names an empty file: write the secret into it.")
    return content
