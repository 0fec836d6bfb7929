"""The price of an answer, by the model's name as the provider reports it or as it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from askcli.answerers.base import Finish

# Returns the cost in dollars, None for a model without a price.
Price = Callable[[Finish], float | None]


def cost_usd(price: Price, finish: Finish, model: str) -> float | None:
    """Return the cost of an answer of this model: a gateway may have a name of its own for it."""
    cost = price(finish)
    return price(replace(finish, model=model)) if cost is None else cost
