"""The command in a folder full of modules named like ours and like those of libraries."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.end_to_end.command import AS_OF, environment, tree
from tests.hostile import Hostile

# The script that pip writes for the command.
SCRIPT = """\
import sys
from pipelines.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


def run(
    hostile: Hostile, python: Sequence[str], words: Sequence[object], extra: Mapping[str, str]
) -> None:
    done = subprocess.run(
        [*python, *map(str, words), "--workers", "2", "--quiet", "--json"],
        capture_output=True,
        text=True,
        cwd=hostile.folder,
        env=environment(extra),
        timeout=600,
    )
    assert (done.returncode, hostile.marks) == (0, []), done.stderr


def test_code_in_the_current_folder_or_pythonpath_is_not_run(tmp_path: Path) -> None:
    """The processes that draw, the workers and their decoders all start in such a folder."""
    hostile, made, again = Hostile(tmp_path / "elsewhere"), tmp_path / "made", tmp_path / "again"
    script = tmp_path / "bin" / "fairshard"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    run(hostile, [sys.executable, str(script)], ["demo", "--out", made, "--assets", 90], {})
    # Whether the variables count for the command itself is up to who starts it; here they do not.
    package = [
        *("package", "--catalogue", made / "catalogue", "--deal", made / "deal.toml"),
        *("--out", again, "--as-of", AS_OF, "--key", made / "out" / "agency" / "signing.key"),
    ]
    run(hostile, [sys.executable, "-I", str(script)], package, hostile.environment)
    delivery = Path("demo-main", "v0001", "delivery")
    assert tree(made / "out" / delivery) == tree(again / delivery) != {}
    members: list[str] = []
    for shard in (again / delivery / "shards").glob("*.tar"):
        with tarfile.open(shard) as file:
            members += file.getnames()
    assert [name for name in members if name.endswith(".mp4")], members
