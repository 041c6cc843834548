"""Messages between the guarded child and its parent: they arrive whole, in time, or not at all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.pipe_messages import (
    Channel,
    PipeMessageError,
    SharedMemory,
    pack_image,
    unpack_images,
)
from tests.media.media_samples import picture


class Ends:
    """Both ends of a channel, and the raw ends of its pipes."""

    def __init__(self, shared: SharedMemory | None = None) -> None:
        requests, answers = os.pipe(), os.pipe()
        os.set_blocking(requests[1], False)
        self.open = {*requests, *answers}
        self.parent = Channel(answers[0], requests[1], shared)
        self.child = Channel(requests[0], answers[1], shared)
        self.read_answers, self.answers = answers

    def feed(self, stream: bytes, piece: int) -> None:
        """Writes a child's answers in pieces, and ends them."""
        for at in range(0, len(stream), piece):
            os.write(self.answers, stream[at : at + piece])
        self.close(self.answers)

    def close(self, *handles: int) -> None:
        for handle in handles or tuple(self.open):
            os.close(handle)
            self.open.remove(handle)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


@pytest.fixture
def shared() -> Iterator[SharedMemory]:
    made = SharedMemory.create()
    if made is None:
        pytest.skip("there is no anonymous shared memory on this system")
    yield made
    made.close()


MESSAGES = st.lists(
    st.tuples(
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20), max_size=3),
        st.lists(st.binary(max_size=300), max_size=3),
    ),
    max_size=4,
)


@given(MESSAGES, st.integers(1, 700))
def test_messages_arrive_whole_however_they_are_cut(
    messages: list[tuple[dict[str, int | str], list[bytes]]], piece: int
) -> None:
    with ExitStack() as stack:
        whole, cut = Ends(), Ends()
        stack.callback(whole.close)
        stack.callback(cut.close)
        for facts, blobs in messages:
            whole.child.send({"facts": facts}, blobs)
        whole.close(whole.answers)
        with os.fdopen(os.dup(whole.read_answers), "rb") as source:
            stream = source.read()
        feeder = threading.Thread(target=cut.feed, args=(stream, piece))
        feeder.start()
        for facts, blobs in messages:
            header = cut.parent.receive_header(time.monotonic() + 30)
            assert header["facts"] == facts
            assert cut.parent.receive_blobs(header, 1000, time.monotonic() + 30) == blobs
        feeder.join()


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 40])
def test_a_message_that_breaks_off_is_an_error(ends: Ends, cut: int) -> None:
    ends.child.send({"some": "header that is longer than forty characters"})
    stream = os.read(ends.read_answers, 1 << 16)
    os.write(ends.answers, stream[:cut])
    ends.close(ends.answers)
    with pytest.raises(PipeMessageError, match="has ended"):
        ends.parent.receive_header(time.monotonic() + 30)


@pytest.mark.parametrize("sent", [0, 2, 20])
def test_an_answer_that_does_not_come_is_late(ends: Ends, sent: int) -> None:
    ends.child.send({"some": "header"})
    os.write(ends.answers, os.read(ends.read_answers, 1 << 16)[:sent])
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        ends.parent.receive_header(started + 0.2)
    assert 0.2 <= time.monotonic() - started < 10


def test_a_request_that_is_not_taken_is_late(ends: Ends) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        ends.parent.send({}, [bytes(1 << 20)], started + 0.2)
    assert 0.2 <= time.monotonic() - started < 10


@pytest.mark.parametrize(
    "header", [{"blobs": [-1]}, {"blobs": ["1"]}, {"blobs": [8, 8]}, {"blobs": [], "shared": True}]
)
def test_impossible_blobs_are_an_error(ends: Ends, header: dict[str, object]) -> None:
    with pytest.raises(PipeMessageError):
        ends.parent.receive_blobs(header, 15)


def test_blobs_are_not_copied_and_end_with_the_next_message(shared: SharedMemory) -> None:
    ends = Ends(shared)
    ends.child.send({}, [b"first", b"second"])
    blobs = ends.parent.receive_blobs(ends.parent.receive_header(), 100)
    assert [bytes(blob) for blob in blobs] == [b"first", b"second"]
    ends.child.send({}, [b"third"])
    with pytest.raises(ValueError, match="released"):
        bytes(blobs[0])
    (blob,) = ends.parent.receive_blobs(ends.parent.receive_header(), 100)
    assert bytes(blob) == b"third"
    ends.close()


def test_pictures_survive_the_journey() -> None:
    images = [picture(31, 17), picture(1, 5), picture(8, 8)]
    sizes, blobs = zip(*map(pack_image, images), strict=True)
    assert unpack_images(sizes, blobs) == images
    for wrong in ([[31, 16], *sizes[1:]], sizes[:2], [[31], *sizes[1:]], [["a", 1], *sizes[1:]]):
        with pytest.raises(PipeMessageError):
            unpack_images(wrong, blobs)
