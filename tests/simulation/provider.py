"""The model's provider: answers at the protocol of an answerer, and its own books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from random import Random

from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.contract.shapes import Model
from askcli.errors import Interrupted, ProviderFailed, ProviderOverloaded
from tests.simulation.loop import Process
from tests.simulation.world import World

MODELS = ("model-1", "model-2")
MAX_TOKENS = 60
BEHAVIOURS = ("good", "slow", "cut", "overloaded", "unreported", "silent", "broken")
_WEIGHTS = (12, 3, 2, 2, 2, 1, 1)


@dataclass
class Call:
    """A call of the model, as the provider knows it."""

    marker: str
    process: Process
    behaviour: str
    input_tokens: int
    request: Request
    is_billed: bool = False
    words: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each word was sent
    has_finished: bool = False
    has_reported: bool = False

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def durable_text(self) -> str:
        """What is stored whatever became of its process: a crash loses less than a second."""
        if (end := self.process.died_at) is None:
            return self.text
        return "".join(w for w, at in zip(self.words, self.times, strict=True) if at < end - 1.0)

    @property
    def tokens(self) -> tuple[int, int]:
        """What it bills."""
        return (self.input_tokens, len(self.words)) if self.is_billed else (0, 0)


class Provider:
    """What all calls have in common."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.behaviour: str | None = None  # of all calls, during a fault
        self._seed = seed

    def begin(self, process: Process, request: Request) -> tuple[Call, Random]:
        """Note a call, and decide how it goes."""
        marker = request.messages[-1].content.split()[0]
        earlier = sum(call.marker == marker for call in self.calls)
        numbers = Random(f"{self._seed} {marker} {earlier}")
        behaviour = self.behaviour or numbers.choices(BEHAVIOURS, _WEIGHTS)[0]
        call = Call(marker, process, behaviour, len(request.messages[-1].content) // 4, request)
        self.calls.append(call)
        self.world.tell(f"calls the model for {marker}, which is {behaviour}")
        return call, numbers


class Answering:
    """The provider as one replica sees it."""

    name = "simulated"
    is_loaded = True

    def __init__(self, provider: Provider, process: Process, default_model: str | None) -> None:
        self._provider = provider
        self._process = process
        self.default_model = default_model or MODELS[0]

    def models(self) -> list[Model]:
        return [Model(id=name, answerer=self.name, description=name) for name in MODELS]

    def max_tokens(self, model: str) -> int:
        return MAX_TOKENS

    async def warm(self) -> None:
        """Nothing to prepare."""

    async def close(self) -> None:
        """Nothing to close."""

    def cost_usd(self, finish: Finish) -> float | None:
        return ((finish.input_tokens or 0) + (finish.output_tokens or 0)) / 1_000_000

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        call, numbers = self._provider.begin(self._process, request)
        await asyncio.sleep(numbers.uniform(0.01, 0.3))
        if call.behaviour == "overloaded":
            raise ProviderOverloaded(retry_after=numbers.choice((None, 1, 3)))
        if call.behaviour == "broken":
            call.is_billed = True
            raise ProviderFailed(may_be_billed=True)
        call.is_billed = True
        yield Begin(request.model, call.input_tokens)
        pause = 4.0 if call.behaviour == "slow" else 0.4
        count = 1 if call.behaviour == "short" else numbers.randint(1, 25)
        for number in range(count):
            await asyncio.sleep(numbers.uniform(0, pause))
            if number == count // 2 and call.behaviour == "cut":
                raise Interrupted("The connection to the model broke off; ask again.")
            if number == count // 2 and call.behaviour == "silent":
                await asyncio.sleep(10_000)
            word = f"{call.marker}.{number} "
            call.words.append(word)
            call.times.append(self._provider.world.now)
            yield word
        call.has_finished = True
        call.has_reported = call.behaviour != "unreported"
        output = len(call.words) if call.has_reported else None
        yield Finish("end_turn", request.model, call.input_tokens, output)
