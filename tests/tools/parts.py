"""Long computations in parts, on the processors here or on the workers of a Dask cluster, with the same outcome.

Each part's result is written to a folder as it comes. Whatever stops the command, a part that is there is not computed
again; and what a killed worker had begun, another one does.
"""

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
TRIES = 4  # of a part whose worker dies


def fingerprint(*texts, paths=()):
    """A short name for what a result depends on: texts, and the contents of files."""
    digest = hashlib.sha256("\0".join(texts).encode())
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def computed(function, parts, folder, *, cluster=None, workers=None, title=""):
    """[function(part) for part in parts], each result as JSON gives it back.

    function: importable by its name where the parts are computed; a result is made of lists, dictionaries, numbers and
    texts. folder: where finished parts lie, NUMBER.json; it must belong to this function and these parts. cluster: a
    Dask scheduler's address, or None for `workers` processes here (None: one a processor). Raises what a part raises.
    """
    parts, folder = list(parts), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [i for i in range(len(parts)) if not (folder / f"{i}.json").exists()]
    run = _on_cluster(function, cluster) if cluster else _here(function, workers)
    with tqdm(total=len(parts), initial=len(parts) - len(waiting), desc=title, disable=not title) as bar:
        for i, result in run([(i, parts[i]) for i in waiting]) if waiting else ():
            _write(folder / f"{i}.json", result)
            bar.update()
    return [json.loads((folder / f"{i}.json").read_text(encoding="utf-8")) for i in range(len(parts))]


def _write(path, result):
    """Whole or not at all: an interruption leaves no half of a file."""
    half = path.with_suffix(".part")
    half.write_text(json.dumps(result), encoding="utf-8")
    os.replace(half, path)


def _here(function, workers):
    def run(numbered):
        waiting = dict(numbered)
        for left in reversed(range(TRIES)):
            try:
                with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                    futures = {pool.submit(function, part): i for i, part in waiting.items()}
                    for future in as_completed(futures):
                        yield futures[future], future.result()
                        del waiting[futures[future]]
                return
            except BrokenProcessPool:  # one was killed, and the others ended with it: go on with what is missing
                if not left:
                    raise

    return run


def _on_cluster(function, address):
    def run(numbered):
        from distributed import Client, as_completed

        with Client(address, timeout="20s") as client:
            if not client.scheduler_info()["workers"]:
                raise OSError(f"no worker at {address}: start some with `make worker CLUSTER={address}`")
            futures = {client.submit(function, part, pure=False, retries=TRIES): i for i, part in numbered}
            for future in as_completed(futures):
                yield futures[future], future.result()

    return run
