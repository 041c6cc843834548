"""The parts of several files are fetched in turn, and digests are not left far behind."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

from pipelines.pull.download import DownloadSettings, download
from pipelines.pull.part_file import PartFile
from pipelines.pull.part_queue import Wanted
from tests.pull.deals import content

PART = 1_000
FILES = {f"f{number}": content(number, 3 * PART) for number in range(5)}


class Lane:
    """A connection that notes what is asked for."""

    def __init__(self, asked: list[tuple[str, int]]) -> None:
        self._asked = asked

    def chunks(self, path: str, start: int, stop: int, size: int) -> Iterator[memoryview]:
        self._asked.append((path, start // PART))
        yield memoryview(FILES[path])[start:stop]

    def whole(self, path: str, max_bytes: int) -> bytes:
        raise NotImplementedError

    def hang_up(self) -> None: ...

    def close(self) -> None: ...


class Origin:
    """A place with the files; it notes in which order their parts are asked for."""

    uri = "memory"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def lane(self) -> Lane:
        return Lane(self.asked)

    def renew(self, path: str, refused: str) -> bool:
        return False

    def prepare(self, paths: object) -> None: ...


def wanted() -> list[Wanted]:
    return [
        Wanted(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in FILES.items()
    ]


def test_as_many_files_as_connections_are_under_way(tmp_path: Path) -> None:
    for lanes in (1, 3, 8):
        origin, folder = Origin(), tmp_path / str(lanes)
        folder.mkdir()
        settings = DownloadSettings(lanes, 10.0, PART, 0.01)
        download(origin, folder, wanted(), settings, lambda count: None)
        assert sorted(origin.asked) == [(path, part) for path in FILES for part in range(3)]
        assert {path.name for path in folder.iterdir()} == {one.sha256 for one in wanted()}
        if lanes == 1:
            assert [path for path, _ in origin.asked] == [path for path in FILES for _ in range(3)]


def test_whoever_is_far_ahead_waits_for_the_digest(tmp_path: Path) -> None:
    data = content(9, 6 * PART)
    file = PartFile(tmp_path, hashlib.sha256(data).hexdigest(), len(data), PART)
    for part in file.open()[:5]:
        start, stop = file.bounds(part)
        file.write(start, memoryview(data)[start:stop])
        file.finish_part(part, 0)
    with file._hashing:  # another thread is at it
        file.digest_ahead(parts_ahead=5)  # not too far: it goes on
        waiting = threading.Thread(target=file.digest_ahead, args=(4,), daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive() and file._hashed == 5
    file.close()
