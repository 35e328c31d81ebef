"""Parts are computed once, here and on a cluster, though a worker is killed on the way."""

import os
import signal
from pathlib import Path

import pytest
from tools import parts


def square(part):
    """The square of a number, and a line in the log of who computed what."""
    folder, number, deadly = part
    with (Path(folder) / "log").open("a") as log:
        log.write(f"{number}\n")
    if deadly and not (Path(folder) / "killed").exists():
        (Path(folder) / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": number**2, "half": number / 3}


def parts_in(folder, count=6, deadly=()):
    return [(str(folder), number, number in deadly) for number in range(count)]


def expected(count=6):
    return [{"square": number**2, "half": number / 3} for number in range(count)]


def log(folder):
    return sorted(map(int, (folder / "log").read_text().split()))


def test_finished_parts_are_on_disk_and_not_run_again(tmp_path):
    some = parts_in(tmp_path)
    assert parts.computed(square, some, tmp_path / "found", workers=2) == expected()
    assert log(tmp_path) == list(range(6))
    (tmp_path / "found" / "4.json").unlink()
    (tmp_path / "found" / "3.part").write_text("{")  # what an interruption may leave
    assert parts.computed(square, some, tmp_path / "found", workers=2) == expected()
    assert log(tmp_path) == [0, 1, 2, 3, 4, 4, 5]


def test_what_a_killed_process_had_begun_another_one_does(tmp_path):
    assert parts.computed(square, parts_in(tmp_path, deadly=[2]), tmp_path / "found", workers=2) == expected()
    assert set(log(tmp_path)) == set(range(6))
    assert log(tmp_path).count(2) >= 2


@pytest.mark.slow
def test_a_cluster_gives_the_same_though_one_of_two_workers_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        some, folder = parts_in(tmp_path, deadly=[2]), tmp_path / "found"
        assert parts.computed(square, some, folder, cluster=cluster.scheduler_address) == expected()
    assert log(tmp_path).count(2) >= 2
    before = len(log(tmp_path))
    assert parts.computed(square, some, folder, cluster="tcp://127.0.0.1:9") == expected()  # nobody is asked
    assert len(log(tmp_path)) == before


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_said(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9"):
        parts.computed(square, parts_in(tmp_path), tmp_path / "found", cluster="tcp://127.0.0.1:9")


def test_an_error_in_a_part_is_raised_and_the_others_are_kept(tmp_path):
    with pytest.raises(TypeError):
        parts.computed(square, [*parts_in(tmp_path, 2), (str(tmp_path), None, False)], tmp_path / "found", workers=1)
    assert (tmp_path / "found" / "0.json").exists()


def test_a_fingerprint_changes_with_texts_and_files(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("1")
    one = parts.fingerprint("x", paths=[path])
    assert one == parts.fingerprint("x", paths=[path]) != parts.fingerprint("y", paths=[path])
    path.write_text("2")
    assert one != parts.fingerprint("x", paths=[path])
