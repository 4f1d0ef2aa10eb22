"""pymail prove --crash: record, make every image, recover, tell"""

import os
import pwd
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass

from pymail.proving import instance, recorder
from pymail.proving.checker import Checker, Recipe, Tally, Violation, disk_for_images
from pymail.unix.home import Home
from pysvc.installation import packages
from pysvc.unix import ids
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to

NOBODY = "nobody"  # who acts where root asks
EVERY = 0.5, 10.0  # seconds between two reports of progress: on a terminal, elsewhere
SHOWN = 10  # violations that are printed
LETTERS = 12


@dataclass(frozen=True)
class Wanted:
    """images: of each model. models: their names. seed: of letters and sample. keep: the files stay.

    recording: one to be looked at again, instead of a new one; image: the only one to be looked at.
    """

    images: int
    models: tuple[str, ...]
    seed: int
    keep: bool
    recording: str | None = None
    image: str | None = None


def prove(wanted: Wanted) -> int:
    """Do all of it; 1 if the invariant was violated. Fatal if it cannot be done."""
    step_down()
    with unable_to("make a temporary directory"):
        folder = tempfile.mkdtemp(prefix="prove-")
        images = tempfile.mkdtemp(prefix="prove-", dir=disk_for_images())
    keep = wanted.keep
    try:
        violations = _prove(wanted, folder, f"{images}/home")
        keep = keep or bool(violations)
        return 1 if violations else 0
    finally:
        if keep:
            say(f"kept: {folder}, {images}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(images, ignore_errors=True)


def step_down() -> None:
    """Mail is not delivered as root, and nothing of this needs it. Fatal if there is nobody to become."""
    if os.geteuid() == 0:
        try:
            account = pwd.getpwnam(NOBODY)
        except KeyError:
            raise Fatal(f"unable to find user {NOBODY}: run this as an ordinary user", PERMANENT) from None
        ids.become(account.pw_uid, account.pw_gid)
    for path in (packages.interpreter(), *packages.search_path()):
        if not os.access(path, os.R_OK | os.X_OK):
            raise Fatal(f"user {os.geteuid()} cannot read {path}: run this as a user who can", PERMANENT)


def _prove(wanted: Wanted, folder: str, home: str) -> list[Violation]:
    path = wanted.recording
    if path is None:
        say(f"recording {LETTERS} messages on their way, seed {wanted.seed}")
        path = recorder.record(folder, LETTERS, wanted.seed)
    recording = recorder.Recording(path)
    say(f"{recording.count} messages, {len(recording.steps)} operations and moments")
    with unable_to(f"make an instance in {home}"):
        instance.build(home)
    checker = Checker(recording, Home(home), Progress(wanted.images).tell)
    if wanted.image is not None:
        violations = _replay(checker, wanted.image)
    else:
        violations = [found for name in wanted.models for found in _check(checker, name, wanted)]
    for violation in violations[:SHOWN]:
        _show(violation, path)
    say(f"violations: {len(violations)}")
    return violations


def _check(checker: Checker, name: str, wanted: Wanted) -> list[Violation]:
    tally, violations = checker.check(name, wanted.images, wanted.seed)
    say(
        f"{name}: {tally.images} images of the disk, {tally.different} different; recovered from all of "
        f"these, from {tally.whole} with all programs running; violations: {len(violations)}"
    )
    return violations


def _replay(checker: Checker, image: str) -> list[Violation]:
    try:
        return checker.replay(Recipe.parse(image))
    except (ValueError, IndexError):
        raise Fatal(f"unable to make the image {image}: there is none in this recording", PERMANENT) from None


def _show(violation: Violation, recording: str) -> None:
    say(f"violation, image {violation.recipe}{' with all programs running' if violation.really else ''}")
    for complaint in violation.complaints:
        say(f"    {complaint}")
    say(f"    again: pymail prove --crash --recording {recording} --image {violation.recipe}")


class Progress:
    """A line now and then on standard error."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def tell(self, tally: Tally, name: str) -> None:
        if time.monotonic() - self._last < EVERY[not self._terminal]:
            return
        self._last = time.monotonic()
        line = f"{name}: {tally.images} of about {self._images} images"
        end = "\r" if self._terminal else "\n"
        sys.stderr.write(line + end)
        sys.stderr.flush()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
