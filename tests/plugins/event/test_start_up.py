"""What is said while loops are compiled, and how many threads there are."""

from __future__ import annotations

import logging
import sys
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace

import pytest

from snntk_core.errors import SnntkError
from snntk_event import announcing
from snntk_event.parallel import Team, default_workers, map_parts

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")


@pytest.fixture
def announced(monkeypatch, caplog):
    """Return what is announced where loops are kept in a folder, or nowhere."""

    def announce(folder) -> str:
        from snntk_event.kernels import unpack

        kept = None if folder is None else str(folder)
        monkeypatch.setattr(unpack, "pack", SimpleNamespace(stats=SimpleNamespace(cache_path=kept)))
        announcing.announce.cache_clear()
        with caplog.at_level(logging.WARNING, "snntk.event"):
            announcing.announce()
        return caplog.text

    yield announce
    announcing.announce.cache_clear()


def test_the_first_time_is_announced_once(announced, tmp_path):
    text = announced(tmp_path)
    assert "compiles its loops, once on this machine" in text
    announcing.announce()
    assert text.count("compiles") == 1


def test_nothing_is_said_where_loops_are_kept(announced, tmp_path):
    (tmp_path / "loop.nbi").touch()
    assert announced(tmp_path) == ""


def test_a_machine_without_a_place_for_them_is_told(announced):
    assert "Set NUMBA_CACHE_DIR" in announced(None)


def test_a_numba_that_does_not_compile_is_told(announced, monkeypatch, tmp_path):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    with pytest.raises(SnntkError, match="Unset it, or name the simulator numpy"):
        announced(tmp_path)


def test_a_numba_that_does_not_load_is_told(announced, monkeypatch, tmp_path):
    announced(tmp_path)
    monkeypatch.setitem(sys.modules, "numba", None)
    announcing.announce.cache_clear()
    with pytest.raises(SnntkError, match=r"does not load \(ModuleNotFoundError.*snntk\[event\]"):
        announcing.announce()


def test_loops_are_kept_in_a_folder_of_their_sources_wherever_files_can_be_made(monkeypatch, tmp_path):
    from snntk_event.kernels import compiled

    def kept(told="") -> Path | None:
        monkeypatch.setattr(compiled.config, "CACHE_DIR", told)
        return compiled.folder.__wrapped__()

    name = f"loops-{compiled.SOURCES:08x}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert kept(str(tmp_path / "told")) == tmp_path / "told" / name
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiled, "HERE", tmp_path / "file")
    assert kept() == tmp_path / "cache" / "snntk" / name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept() is None
    assert kept(str(tmp_path / "file")) is None


@pytest.mark.parametrize(("told", "workers"), [("3", 3), (" 2 ", 2), ("", None)])
def test_threads_are_those_of_numba(monkeypatch, told, workers):
    monkeypatch.setenv("NUMBA_NUM_THREADS", told)
    assert default_workers() == workers or (workers is None and default_workers() >= 1)


@pytest.mark.parametrize("told", ["0", "many", "-1", "2.5"])
def test_what_is_no_number_of_threads_is_refused(monkeypatch, told):
    monkeypatch.setenv("NUMBA_NUM_THREADS", told)
    with pytest.raises(SnntkError, match="which is no number of threads"):
        default_workers()


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_parts_stay_in_order_and_teams_cover_every_position_once(workers, count):
    def work(part: int, team: Team) -> tuple[int, list[int]]:
        seen = [0] * 35

        def cover(stretch):
            image0, image1, position0, position1 = stretch
            for image in range(image0, image1):
                for position in range(position0, position1):
                    seen[image * 7 + position] += 1

        team.spread(cover, 5, 7, 1.0)
        return part, seen

    answers = map_parts(work, list(range(count)), workers)
    assert answers == [(part, [1] * 35) for part in range(count)]


@pytest.mark.parametrize("workers", [2, 3])
def test_where_one_part_fails_the_others_stop(workers):
    both_run = threading.Barrier(2, timeout=60)

    def work(part: int, team: Team) -> None:
        both_run.wait()
        if part == 0:
            raise KeyboardInterrupt
        assert team.stopped.wait(timeout=60)
        with pytest.raises(CancelledError):
            team.go_on()
        stopped.append(part)

    stopped: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        map_parts(work, [0, 1], workers)
    assert stopped == [1]
