"""Prices of Anthropic's models: list prices of 2026-11-22.

Source: the pricing page of Anthropic's documentation (platform.claude.com, "Pricing").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from askcli.answerers.base import Finish

MILLION = 1_000_000
_DATED = re.compile(r"-\d{8}$")  # a provider reports which day's version has answered


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens in and out; `long_` prices from a length of the prompt."""

    input: float
    output: float
    long_from: int | None = None
    long_input: float = 0.0
    long_output: float = 0.0


PRICES = {
    "claude-fable-5-1": Price(10, 50),
    "claude-opus-5-5": Price(4, 20),
    "claude-sonnet-5-5": Price(2, 10),
    "claude-sonnet-5": Price(2, 10),
    "claude-haiku-5-5": Price(0.10, 0.50, 100_000, 0.50, 2.50),
    "claude-haiku-4-5": Price(1, 5),
}


def undated(model: str) -> str:
    """Return the model's name without the day of its version."""
    return _DATED.sub("", model)


def cost_usd(finish: Finish) -> float | None:
    """Return the cost in US dollars, None (never 0) for an unknown model or count."""
    price = PRICES.get(undated(finish.model))
    if price is None or finish.input_tokens is None or finish.output_tokens is None:
        return None
    is_long = price.long_from is not None and finish.input_tokens > price.long_from
    rate_in, rate_out = (
        (price.long_input, price.long_output) if is_long else (price.input, price.output)
    )
    return (finish.input_tokens * rate_in + finish.output_tokens * rate_out) / MILLION
