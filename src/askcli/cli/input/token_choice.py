"""The choice whether API tokens stay valid after a new password."""

from __future__ import annotations

from askcli.cli.input import prompts, stdin


def keep(count: int, *, is_given: bool) -> bool:
    """Whether to keep the tokens: by the flag, else asked at a terminal, else not.

    Not is the safe default: whoever knew the old password may have made them.
    """
    if is_given or not count or not stdin.is_terminal():
        return is_given
    return not prompts.is_agreed(f"Revoke the API tokens too ({count})?", default=True)


def outcome(count: int, *, is_kept: bool) -> str:
    """Return what happened to the tokens, as the rest of a sentence."""
    if not count:
        return ""
    if is_kept:
        return f"; API tokens stay valid ({count})"
    return f"; API tokens are revoked ({count}; --keep-tokens keeps them)"
