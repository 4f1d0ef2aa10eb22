"""Looks at disks that a crash may leave: recovers from each, and holds the outcome against the promises

The invariant: a message that was answered 250 is delivered or queued, each is delivered once, or twice
where a crash came between; nobody sees a part of a message; what is left over is cleaned in time.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from pymail.proving import instance, recovery
from pymail.proving.disk import MODELS, Image, Model, choices
from pymail.proving.letters import AWAY, Copies, Letter, letters, mailboxes
from pymail.proving.recorder import Recording
from pymail.proving.trace import ANSWERED, Moment
from pymail.unix.home import Home

WHOLE_EVERY = 30  # images from one that all programs recover from to the next


@dataclass(frozen=True)
class Recipe:
    """How to make an image again from the same recording: the model, after how many steps, the outcomes."""

    model: str
    step: int
    choice: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.model}:{self.step}:{','.join(map(str, self.choice))}"

    @classmethod
    def parse(cls, text: str) -> "Recipe":
        """Raises ValueError."""
        model, step, choice = text.split(":")
        if model not in MODELS:
            raise ValueError(model)
        return cls(model, int(step), tuple(map(int, choice.split(","))))


@dataclass
class Promises:
    """What the world outside knows when the crash comes."""

    answered: set[str] = field(default_factory=set)
    accepted: Counter[str] = field(default_factory=Counter)

    def learn(self, moment: Moment) -> None:
        if moment.kind == ANSWERED:
            self.answered.add(moment.token)
        else:
            self.accepted[moment.token] += 1


@dataclass
class Tally:
    """How many images there were, how many of them were different, and how many recovered for real."""

    images: int = 0
    different: int = 0
    whole: int = 0


@dataclass(frozen=True)
class Violation:
    recipe: Recipe
    complaints: list[str]
    really: bool  # whether all programs ran


def follow(recording: Recording, name: str) -> "Iterator[tuple[int, Model, Promises]]":
    """The disk after each number of steps, and what was promised by then."""
    model, promises = MODELS[name](recording.directories), Promises()
    yield 0, model, promises
    for number, step in enumerate(recording.steps):
        if isinstance(step, Moment):
            promises.learn(step)
        else:
            model.apply(number, step)
        yield number + 1, model, promises


class Checker:
    """Checks images of one recording, in one instance that is used for all."""

    def __init__(self, recording: Recording, home: Home, tell: Callable[[Tally, str], None]) -> None:
        """tell: called after each image with the tally so far and the model."""
        self._recording, self._home, self._tell = recording, home, tell
        self._letters = letters(recording.count, recording.seed)
        self._seen: set[int] = set()

    def check(self, name: str, most: int, seed: int) -> tuple[Tally, list[Violation]]:
        """Check about `most` images of a model, spread over all moments of the run."""
        random = Random(f"{seed} {name}")
        moments = len(self._recording.steps) + 1
        each, rest = divmod(most, moments)
        more = set(random.sample(range(moments), rest))
        tally, violations = Tally(), []
        self._seen.clear()
        for step, model, promises in follow(self._recording, name):
            quota = each + (step in more)
            for choice in choices(model.axes(), quota, random) if quota else ():
                tally.images += 1
                found = self._check(Recipe(name, step, choice), model.image(choice), promises, tally)
                if found is not None:
                    violations.append(found)
                self._tell(tally, name)
        return tally, violations

    def replay(self, recipe: Recipe) -> list[Violation]:
        """Check one image. Raises ValueError if the recording has no such moment."""
        for step, model, promises in follow(self._recording, recipe.model):
            if step == recipe.step:
                if len(recipe.choice) != len(model.axes()):
                    raise ValueError(str(recipe))
                found = self._check(recipe, model.image(recipe.choice), promises, Tally())
                return [] if found is None else [found]
        raise ValueError(str(recipe))

    def _check(self, recipe: Recipe, image: Image, promises: Promises, tally: Tally) -> Violation | None:
        files = image.files()
        state = (frozenset(files.items()), frozenset(promises.answered), frozenset(promises.accepted.items()))
        if hash(state) in self._seen:
            return None
        self._seen.add(hash(state))
        tally.different += 1
        really = tally.different % WHOLE_EVERY == 0
        tally.whole += really
        complaints = self._recover(image, promises, recovery.really if really else recovery.quickly)
        return Violation(recipe, complaints, really) if complaints else None

    def _recover(
        self,
        image: Image,
        promises: Promises,
        recover: Callable[[Home, list[Letter]], recovery.Recovered],
    ) -> list[str]:
        mail = {path: content for path, content in image.files().items() if path.startswith("alias/")}
        _, complaints = mailboxes(self._letters, mail)
        instance.clear(self._home)
        instance.write(self._home, image)
        recovered = recover(self._home, self._letters)
        copies, more = mailboxes(self._letters, instance.mail_files(self._home))
        for token in (*promises.accepted.elements(), *recovered.away):
            copies[token, AWAY] += 1
        complaints += [*more, *([recovered.trouble] if recovered.trouble else [])]
        complaints += [f"{path} is left over" for path in recovered.left]
        return complaints + [text for letter in self._letters for text in judge(letter, copies, promises)]


def judge(letter: Letter, copies: Copies, promises: Promises) -> Iterator[str]:
    """What is wrong with the copies of one letter that were found after the recovery."""
    expected = letter.token in promises.answered
    arrived = any(copies[letter.token, place] for place in letter.places)
    for place, hops in letter.places.items():
        count = copies[letter.token, place]
        if not count and (expected or arrived):
            why = "it was answered 250" if expected else "others have it"
            yield f"{letter.token} is lost on its way to {place}: {why}"
        if count > 2**hops:
            yield f"{letter.token} is in {place} {count} times"


def disk_for_images() -> str | None:
    """Where images are made: in memory, where that is possible; None for the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
