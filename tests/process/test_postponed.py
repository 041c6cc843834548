"""Postponed modules run when they are first used, once, and are like others then."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.process.postponed import leave_out, postpone


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A postponed package that counts how often it runs, and has a module that asks for it."""
    folder = tmp_path / "later_here"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import sys, time\n"
        "sys.later_runs = getattr(sys, 'later_runs', 0) + 1\n"
        "time.sleep(0.05)\n"
        "from later_here import part\n"
        "name = part.name\n"
    )
    (folder / "part.py").write_text("import later_here\nname = 'a part'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "later_runs", 0, raising=False)
    postpone("later_here", "later_nowhere")
    yield "later_here"
    for name in ("later_here", "later_here.part"):
        sys.modules.pop(name, None)


def _runs() -> int:
    return int(getattr(sys, "later_runs"))  # noqa: B009  (mypy does not know it)


def test_a_postponed_module_runs_when_a_name_is_asked_for(package: str) -> None:
    later = importlib.import_module(package)
    assert importlib.import_module(package) is later
    assert _runs() == 0
    assert later.name == "a part"
    assert (_runs(), type(later)) == (1, ModuleType)
    assert later.__loader__ is later.__spec__.loader  # type: ignore[union-attr]
    with pytest.raises(AttributeError, match="nothing"):
        later.nothing  # noqa: B018


def test_a_part_of_a_postponed_package_can_be_imported_first(package: str) -> None:
    importlib.import_module(package)
    assert importlib.import_module(f"{package}.part").name == "a part"
    assert importlib.import_module(package).name == "a part"
    assert _runs() == 1


def test_threads_wait_until_a_postponed_module_has_run(package: str) -> None:
    later, found = importlib.import_module(package), []
    threads = [threading.Thread(target=lambda: found.append(later.name)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, _runs()) == (["a part"] * 8, 1)


def test_an_error_of_a_postponed_module_arrives_where_it_is_used(
    package: str, tmp_path: Path
) -> None:
    source = tmp_path / package / "__init__.py"
    source.write_text("raise ValueError('broken')\n")
    later = importlib.import_module(package)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            later.name  # noqa: B018


def test_modules_that_are_not_installed_stay_missing(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="later_nowhere"):
        importlib.import_module("later_nowhere")


def test_a_module_that_another_finder_refuses_stays_refused(package: str) -> None:
    class Absent:
        def find_spec(self, name: str, *_: object) -> None:
            if name == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(1, Absent())
    with pytest.raises(ModuleNotFoundError, match=package):
        importlib.import_module(package)


def test_a_module_can_be_postponed_twice(package: str) -> None:
    postpone(package)
    assert importlib.import_module(package).name == "a part"
    assert _runs() == 1


def test_a_command_starts_without_what_few_runs_need() -> None:
    code = (
        "import sys; import pipelines.commands.packaging\n"
        "from pipelines.vision.models import check_model, parse_model\n"
        "from schemas.errors import InputError\n"
        f"check_model(parse_model('coca_ViT-B-32:{__file__}'), 'captioner')\n"
        "try: check_model(parse_model('ViT-B-32:no_such_tag'), 'encoder')\n"
        "except InputError as error: assert 'Its tags: ' in str(error)\n"
        "absent = ('torch', 'open_clip.factory', 'scipy.stats._stats_py', 'altair.vegalite')\n"
        "assert not [name for name in absent if name in sys.modules]\n"
        "from scipy import stats; assert stats.norm.cdf(0) == 0.5\n"
        "from pipelines.vision.compat import import_open_clip\n"
        "assert 'ViT-B-32' in import_open_clip().list_models() and 'torch' in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_package_is_imported_without_what_it_can_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("spare_there", "spare_other"):
        (tmp_path / f"{name}.py").write_text("")
    folder = tmp_path / "spare_user"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import threading\n"
        "from importlib import import_module\n"
        "def found(name):\n"
        "    try:\n"
        "        return bool(import_module(name))\n"
        "    except ImportError:\n"
        "        return False\n"
        "here = [found('spare_there'), found('spare_other'), found('spare_user.part')]\n"
        "elsewhere = []\n"
        "thread = threading.Thread(target=lambda: elsewhere.append(found('spare_there')))\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    (folder / "part.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    leave_out("spare_user", "spare_there", "spare_user.part", "spare_nowhere")
    user = importlib.import_module("spare_user")
    assert user.here == [False, True, False]
    assert user.elsewhere == [True]
    assert user.__loader__ is user.__spec__.loader  # type: ignore[union-attr]
    assert importlib.import_module("spare_user.part").__name__ == "spare_user.part"


def test_beam_starts_without_mongodb_and_its_http_client_without_authentication() -> None:
    code = (
        "import sys, pipelines.commands.packaging\n"
        "assert not {'bson', 'pymongo', 'pyparsing'} & sys.modules.keys()\n"
        "import bson, pymongo, httplib2\n"
        "assert httplib2.auth._parse_www_authenticate({}) == {} and 'pyparsing' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_starts_without_pandas_and_arrow_finds_it_when_it_is_imported() -> None:
    code = (
        "import sys, pipelines.commands.package\n"
        "from pipelines.storage.without_pandas import start_arrow\n"
        "start_arrow()\n"
        "import pipelines.commands.packaging, pyarrow\n"
        "assert 'apache_beam' in sys.modules and 'pandas' not in sys.modules\n"
        "import pandas, apache_beam.io.gcp.bigquery\n"
        "assert pyarrow.array(pandas.Series([1.5, None])).null_count == 1\n"
        "assert len(pyarrow.table({'a': [1.5, None]}).to_pandas()) == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
