"""The import finder, on small packages of its own: `old` is served by `new`."""

from __future__ import annotations

import importlib
import importlib.resources
import importlib.util
import pickle
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from waterspout.dropin.finder import DropinFinder


@pytest.fixture
def finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DropinFinder]:
    """Serve `old` from `new`, a package with a submodule, and patch the module `plain`."""
    new = tmp_path / "new"
    new.mkdir()
    (new / "__init__.py").write_text("from .things import Thing\n")
    (new / "things.py").write_text("class Thing: pass\n")
    (new / "__main__.py").write_text("from .things import Thing\nfound = (Thing, __package__)\n")
    (new / "note.txt").write_text("a resource")
    (tmp_path / "flask_dated.py").write_text("value = 'from flask_dated'\n")
    (tmp_path / "plain.py").write_text("given = 1\n")
    monkeypatch.syspath_prepend(tmp_path)

    def patch(module: ModuleType) -> None:
        module.added = module.given + 1  # type: ignore[attr-defined]

    before = set(sys.modules)
    finder = DropinFinder({"old": "new", "old.moved": "new.things"}, {"plain": patch})
    sys.meta_path.insert(0, finder)
    yield finder
    sys.meta_path.remove(finder)
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.usefixtures("finder")
class TestAliases:
    """One module under two names."""

    def test_same_module_whatever_form_imports_it(self) -> None:
        import new  # type: ignore[import-not-found]
        import new.things  # type: ignore[import-not-found]
        import old  # type: ignore[import-not-found]
        import old.things as by_as  # type: ignore[import-not-found]
        from old import things as by_from

        assert old is new
        assert by_as is by_from is new.things is importlib.import_module("old.things")
        assert sys.modules["old.things"] is sys.modules["new.things"]

    def test_one_class_when_the_old_name_comes_first(self) -> None:
        from old.things import Thing  # type: ignore[import-not-found]

        assert Thing is importlib.import_module("new").Thing
        assert isinstance(pickle.loads(pickle.dumps(Thing())), Thing)

    def test_longest_alias_wins(self) -> None:
        assert importlib.import_module("old.moved") is importlib.import_module("new.things")

    def test_module_keeps_its_own_spec(self) -> None:
        old = importlib.import_module("old")
        assert old.__spec__ is not None
        assert old.__spec__.name == old.__name__ == "new"
        assert importlib.reload(old) is old
        assert importlib.resources.files("old").joinpath("note.txt").read_text() == "a resource"

    def test_import_again_after_removal_from_sys_modules(self) -> None:
        """Flask's conftest removes what a test imported first."""
        thing = importlib.import_module("old.things").Thing
        del sys.modules["old.things"]
        assert importlib.import_module("old.things").Thing is thing

    def test_run_as_a_program(self) -> None:
        """`python -m old` is `python -m new`."""
        names = runpy.run_module("old", run_name="__main__", alter_sys=True)
        assert names["found"] == (importlib.import_module("new").Thing, "old")
        spec = importlib.util.find_spec("old")
        assert spec is not None
        assert spec.submodule_search_locations

    def test_missing_submodule_is_named_as_it_was_asked_for(self) -> None:
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'old\.absent'"):
            importlib.import_module("old.absent")

    def test_error_in_a_target_is_not_hidden(self, tmp_path: Path) -> None:
        (tmp_path / "new" / "broken.py").write_text("import not_a_module\n")
        importlib.invalidate_caches()
        with pytest.raises(ModuleNotFoundError, match="No module named 'not_a_module'"):
            importlib.import_module("old.broken")
        assert "old.broken" not in sys.modules


@pytest.mark.usefixtures("finder")
def test_patched_module_is_its_own_module_with_more() -> None:
    plain = importlib.import_module("plain")
    assert (plain.given, plain.added) == (1, 2)
    assert type(plain.__loader__).__name__ == type(plain.__spec__.loader).__name__
    assert type(plain.__loader__).__name__ == "SourceFileLoader"


@pytest.mark.usefixtures("finder")
def test_old_extension_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flask.ext.X` is `flask_X`, with a warning; no real `flask` is needed for that."""
    monkeypatch.setitem(sys.modules, "flask", ModuleType("flask"))
    sys.modules["flask"].__path__ = []
    with pytest.warns(DeprecationWarning, match="import 'flask_dated' instead") as caught:
        from flask.ext import dated  # type: ignore[import-not-found]
    assert caught[0].filename == __file__
    assert dated is importlib.import_module("flask_dated")
    with pytest.raises(ModuleNotFoundError, match=r"flask\.ext\.absent"):
        importlib.import_module("flask.ext.absent")
