"""A sweep's parts are computed side by side, kept, and not computed again (tests/tools/test_parts.py has the rest)."""

from benchmarks import results


def third(part):
    """A row of some sweep."""
    return {"part": part, "third": part / 3}


def test_a_sweep_is_computed_once_and_then_read(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FINISHED", tmp_path)
    rows = [third(part) for part in range(4)]
    assert results.swept(third, range(4), arguments=[]) == rows
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 4
    # what is finished needs no worker: here is none
    assert results.swept(third, range(4), arguments=["--cluster", "tcp://127.0.0.1:9"]) == rows
    assert results.swept(third, [3], arguments=[]) == rows[3:]
    assert len(list(tmp_path.iterdir())) == 2
