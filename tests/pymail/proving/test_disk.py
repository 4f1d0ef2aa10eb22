"""The models of a disk: what may be there after a power loss, and what must be"""

from collections.abc import Sequence
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.proving.disk import MODELS, Model, Names, Operation, Sync, Truncate, Write, choices

TOP, A, B = 0, 1, 2
DIRECTORIES = {"": TOP, "a": A, "b": B}
FILE, OTHER = 10, 11


def link(directory: int, name: str, node: int = FILE) -> Names:
    return Names(((directory, name, node),))


def unlink(directory: int, name: str) -> Names:
    return Names(((directory, name, None),))


def after(model: Model, operations: Sequence[Operation]) -> Model:
    for number, operation in enumerate(operations):
        model.apply(number, operation)
    return model


def images(name: str, *operations: Operation) -> list[dict[str, bytes]]:
    """The files of every image."""
    model = after(MODELS[name](DIRECTORIES), operations)
    return [model.image(choice).files() for choice in product(*map(range, model.axes()))]


@pytest.mark.parametrize("name", MODELS)
def test_what_is_synced_stays(name: str) -> None:
    done = (link(A, "x"), Write(FILE, 0, b"data"), Sync(FILE, 2), Sync(A, 3))
    assert images(name, *done) == [{"a/x": b"data"}]


@pytest.mark.parametrize("name", MODELS)
def test_a_sync_that_began_earlier_does_not_cover_what_came_later(name: str) -> None:
    found = images(name, link(A, "x"), Sync(A, 1), Write(FILE, 0, b"data"), Sync(FILE, 2))
    assert {} not in found
    assert {"a/x": b""} in found
    assert {"a/x": b"data"} in found


def test_posix_file_synced_name_not() -> None:
    found = images("posix", link(A, "x"), Write(FILE, 0, b"data"), Sync(FILE, 2))
    assert found == [{}, {"a/x": b"data"}]


def test_ext4_fsync_of_a_file_brings_its_name() -> None:
    assert images("ext4", link(A, "x"), Write(FILE, 0, b"data"), Sync(FILE, 2)) == [{"a/x": b"data"}]


def test_ext4_fsync_brings_what_happened_before_elsewhere() -> None:
    done = (link(B, "y", OTHER), link(A, "x"), Sync(A, 2))
    assert images("ext4", *done) == [{"b/y": b"", "a/x": b""}]
    assert {"a/x": b""} in images("posix", *done)


def test_ext4_fsync_of_what_did_not_change_brings_nothing() -> None:
    assert {} in images("ext4", link(B, "y", OTHER), Sync(A, 1))


def test_ext4_keeps_the_order_of_names() -> None:
    done = (link(A, "x"), link(B, "y"), unlink(A, "x"))
    assert [set(found) for found in images("ext4", *done)] == [set(), {"a/x"}, {"a/x", "b/y"}, {"b/y"}]


def test_posix_keeps_no_order_of_names() -> None:
    """A file may be gone from where it was and not be where it went."""
    found = images("posix", link(A, "x"), Sync(A, 1), link(B, "y"), unlink(A, "x"))
    assert {frozenset(names) for names in found} == {
        frozenset(), frozenset({"a/x"}), frozenset({"b/y"}), frozenset({"a/x", "b/y"})
    }  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_two_names_are_one_file(name: str) -> None:
    model = after(
        MODELS[name](DIRECTORIES), [link(A, "x"), Write(FILE, 0, b"d"), link(B, "y"), Sync(FILE, 3)]
    )
    image = model.image([size - 1 for size in model.axes()])
    assert image.paths["a/x"] == image.paths["b/y"] == FILE
    assert image.files() == {"a/x": b"d", "b/y": b"d"}


def test_data_may_be_missing_though_the_name_is_there() -> None:
    done = (link(A, "x"), Write(FILE, 0, b"data"), Sync(A, 2))
    for name in MODELS:
        assert {"a/x": b""} in images(name, *done)


def test_posix_data_may_be_torn_and_its_size_come_first() -> None:
    text = b"1" * 512 + b"2" * 512
    found = images("posix", link(A, "x"), Sync(A, 1), Write(FILE, 0, text))
    contents = {content for files in found for content in files.values()}
    assert contents == {
        b"",
        b"\0" * 1024,
        b"1" * 512,
        b"1" * 512 + b"\0" * 512,
        b"\0" * 512 + b"2" * 512,
        text,
    }


def test_ext4_data_comes_in_order() -> None:
    text = b"1" * 4096 + b"2" * 10
    found = images("ext4", link(A, "x"), Sync(A, 1), Write(FILE, 0, text))
    assert [files["a/x"] for files in found] == [b"", text[:4096], text]


@pytest.mark.parametrize("name", MODELS)
def test_a_byte_in_place(name: str) -> None:
    found = images(name, link(A, "x"), Write(FILE, 0, b"Tx"), Sync(FILE, 2), Sync(A, 3), Write(FILE, 0, b"D"))
    assert {files["a/x"] for files in found} == {b"Tx", b"Dx"}


@pytest.mark.parametrize("name", MODELS)
def test_truncated(name: str) -> None:
    done = (link(A, "x"), Write(FILE, 0, b"data"), Sync(FILE, 2), Sync(A, 3), Truncate(FILE, 0))
    assert {files["a/x"] for files in images(name, *done)} == {b"data", b""}


STEPS = st.lists(
    st.one_of(
        st.builds(link, st.sampled_from([A, B]), st.sampled_from("xy"), st.sampled_from([FILE, OTHER])),
        st.builds(unlink, st.sampled_from([A, B]), st.sampled_from("xy")),
        st.sampled_from([FILE, OTHER]).map(lambda node: Write(node, 0, b"data")),
        st.sampled_from([FILE, OTHER]).map(lambda node: Truncate(node, 0)),
        st.sampled_from([A, B, FILE, OTHER]).map(lambda node: Sync(node, 0)),
    ),
    max_size=8,
)


def numbered(steps: list[Operation]) -> list[Operation]:
    """Every fsync covers what came before; no file is written to before it has its first name."""
    known: set[int | None] = {A, B}
    found: list[Operation] = []
    for step in steps:
        if isinstance(step, Names):
            known |= {node for _, _, node in step.changes}
        elif step.node not in known:
            continue
        found.append(Sync(step.node, len(found)) if isinstance(step, Sync) else step)
    return found


@given(STEPS)
def test_the_newest_outcome_is_what_was_done(steps: list[Operation]) -> None:
    found = []
    for name in MODELS:
        model = after(MODELS[name](DIRECTORIES), numbered(steps))
        found.append(model.image([size - 1 for size in model.axes()]).files())
    assert found[0] == found[1]


@given(STEPS)
def test_what_ext4_may_leave_posix_may_leave(steps: list[Operation]) -> None:
    """posix is the weaker model: whatever was promised there holds on ext4."""
    done = numbered(steps)
    weak = {frozenset(files.items()) for files in images("posix", *done)}
    assert {frozenset(files.items()) for files in images("ext4", *done)} <= weak


@given(STEPS)
def test_after_everything_was_synced_there_is_one_disk(steps: list[Operation]) -> None:
    done = numbered(steps)
    nodes = {A, B} | {node for step in done if isinstance(step, Names) for *_, node in step.changes if node}
    done += [Sync(node, len(done)) for node in sorted(nodes)]
    for name in MODELS:
        assert len({frozenset(files.items()) for files in images(name, *done)}) == 1


def test_choices() -> None:
    assert choices([2, 2], 4, Random(1)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert choices([], 1, Random(1)) == [()]
    sample = choices([3] * 20, 200, Random(1))
    assert len(set(sample)) == len(sample) == 200
    assert {(0,) * 20, (2,) * 20} <= set(sample)
    assert sample == choices([3] * 20, 200, Random(1))
    assert sample != choices([3] * 20, 200, Random(2))
