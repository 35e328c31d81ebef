"""The build's care for executed notebooks, whatever command or system starts it.

myst-nb keeps executed notebooks in a cache keyed on their code alone. This extension adds what that key leaves out:

- the cache is dropped when a file named by ``execution_depends`` (see _config.yml) or the Python version changes;
- damaged entries are removed, so that their notebooks run again, and an unreadable cache starts afresh;
- notebooks that are not in the cache run side by side, one a processor, before Sphinx reads them one by one.

At the end it prints how long each chapter took, and names the chapter, cell and error where one failed. Where the
machine is at fault, a full disk say, the last line says so.
"""

import atexit
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord
from jupyter_cache.executors.utils import single_nb_execution
from jupyter_core.utils import ensure_event_loop
from sphinx.errors import ConfigError
from sphinx.util import logging

logger = logging.getLogger(__name__)
ANSI = re.compile(r"\x1b\[[0-9;]*m")
FAULTS = {  # of the machine: what an error says, what that means
    "No space left on device|disk is full": "the disk is full. What has run is kept: make room and build again",
    "Read-only file system|Permission denied|readonly database": "a folder cannot be written; jupyter-book's option "
    "--path-output FOLDER builds elsewhere",
}


def setup(app):
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the matrices are small: threads only wait for each other
    app.add_config_value("execution_depends", [], "")
    app.connect("builder-inited", check_cache, priority=900)  # after myst-nb has settled where the cache is
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", note_cached)
    app.connect("build-finished", blame, priority=1)  # before handlers that write
    app.connect("build-finished", report, priority=900)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def dependency_key(root, patterns):
    """Hash of the Python version and of every file under `root` that matches one of the glob `patterns`."""
    digest = hashlib.sha256(f"{platform.python_implementation()} {platform.python_version()}".encode())
    for path in sorted({p for pattern in patterns for p in Path(root).glob(pattern) if p.is_file()}):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def check_cache(app):
    """Make sure that what myst-nb finds in its cache is valid."""
    try:
        str(app.srcdir).encode()
    except UnicodeEncodeError:  # nothing that stores a path would accept it
        raise ConfigError("this Python reads names of folders as ASCII, and the book's has other letters: "
                          "set the environment variable PYTHONUTF8=1, or move the book") from None  # fmt: skip
    app.execution_started = time.time()
    app.execution_ran = set()  # documents that ran side by side in this build
    app.execution_cached = {}  # document name -> whether its outputs came from the cache
    folder = Path(app.env.mystnb_config.execution_cache_path)
    stored, key = folder / "key.txt", dependency_key(app.srcdir, app.config.execution_depends)
    app.execution_rerun = not stored.is_file() or stored.read_text(encoding="utf8") != key
    if folder.is_dir():
        try:
            os.utime(folder)
        except OSError as error:
            blame(app, error)
            raise
    if app.execution_rerun and folder.is_dir():
        drop(folder, "what the notebooks depend on (helpers/, data, requirements.txt, Python) has changed")
    try:
        removed = remove_damaged(folder)
        app.execution_rerun |= bool(removed)
        if removed:
            logger.info("execution cache: %d damaged entries removed, these notebooks run again", removed)
    except Exception as error:  # a damaged database raises many kinds, and none of them matters: it is a cache
        drop(folder, f"it cannot be read ({type(error).__name__})")
        app.execution_rerun = True
    folder.mkdir(parents=True, exist_ok=True)
    stored.write_text(key, encoding="utf8")


def drop(folder, reason):
    logger.info("execution cache dropped: %s", reason)
    shutil.rmtree(folder) if folder.is_dir() else folder.unlink(missing_ok=True)


def remove_damaged(folder):
    """Remove records and folders of the cache that do not hold the notebook they promise; return how many."""
    cache = get_cache(str(folder))
    try:
        records = {record.hashkey: record.pk for record in cache.list_cache_records()}
        broken = [hashkey for hashkey in records if not is_whole(cache, hashkey)]
        NbCacheRecord.remove_records([records[hashkey] for hashkey in broken], cache.db)
    finally:
        cache.db.dispose()  # an open database cannot be deleted on Windows
    strays = [path for path in (folder / "executed").glob("*") if path.name not in set(records) - set(broken)]
    for path in strays:
        shutil.rmtree(path)
    return len({*broken, *(path.name for path in strays)})


def is_whole(cache, hashkey):
    """Whether the cached notebook exists, can be read, holds the code it is filed under, and ran to its end."""
    try:
        notebook = nbformat.read(cache_file(cache.path, hashkey), nbformat.NO_CONVERT)
    except Exception:  # missing, truncated, not JSON, not a notebook
        return False
    ran = all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code" and cell.source)
    return ran and cache.create_hashed_notebook(notebook)[1] == hashkey


def cache_file(folder, hashkey):
    return Path(folder, "executed", hashkey, "base.ipynb")


def outdated(app, env, added, changed, removed):
    """Notebooks that a warm build must read again: all when the cache changed, else those that failed last time."""
    failed = {name for name, data in executions(env).items() if data["error"]}
    again = [name for name in env.found_docs if is_notebook(app, name) and (app.execution_rerun or name in failed)]
    if env.mystnb_config.execution_mode == "cache":
        run_side_by_side(app, {*added, *changed, *again})
    return again


def run_side_by_side(app, names):
    """Put the notebooks that are not in the cache there. One that fails is left out: Sphinx runs it and says why."""
    config, cache, waiting = app.env.mystnb_config, get_cache(app.env.mystnb_config.execution_cache_path), {}
    for name in sorted(names, reverse=True):  # the last chapters take longest: they start first
        if is_notebook(app, name):
            notebook = nbformat.read(app.env.doc2path(name), as_version=4)
            if not cache_file(cache.path, cache.create_hashed_notebook(notebook)[1]).is_file():
                waiting[name] = notebook
    if len(waiting) < 2:
        return

    def run(name):
        folder = str(Path(app.env.doc2path(name)).parent)
        options = {"timeout": config.execution_timeout, "allow_errors": False, "meta_override": True}
        with closing(ensure_event_loop()):  # of this thread
            return name, single_nb_execution(waiting[name], cwd=folder, **options)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a thread waits, the notebook's kernel is a process
        for future in as_completed([pool.submit(run, name) for name in waiting]):
            if future.exception() is None and future.result()[1].err is None:
                name, result = future.result()
                data = {"execution_seconds": result.time}
                bundle = CacheBundleIn(waiting[name], str(app.env.doc2path(name)), data=data)
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                app.execution_ran.add(name)


def executions(env):
    """What myst-nb recorded of each executed document (nothing before its first build)."""
    recorded = getattr(env, "nb_metadata", {})
    return {name: data["exec_data"] for name, data in recorded.items() if data.get("exec_data")}


def is_notebook(app, name):
    return str(app.env.doc2path(name)).endswith(".ipynb")


def note_cached(app, name, source):
    """Note whether the notebook, about to be read, will find its outputs in the cache."""
    if is_notebook(app, name):
        folder = app.env.mystnb_config.execution_cache_path
        notebook = nbformat.reads(source[0], as_version=4)
        hashkey = get_cache(folder).create_hashed_notebook(notebook)[1]
        app.execution_cached[name] = cache_file(folder, hashkey).is_file() and name not in app.execution_ran


def blame(app, exception):
    """Where the machine is at fault, let one sentence say so after all that Sphinx and Jupyter Book have to say."""
    for pattern, fault in FAULTS.items():
        if exception and re.search(pattern, str(exception)):
            atexit.register(print, f"FAILED the build: {fault}.\n({exception})", file=sys.stderr)


def report(app, exception):
    """Print the time each chapter took, then every failure with its chapter, cell and error."""
    runs = executions(app.env)
    if runs:
        logger.info("\nchapters (seconds to run):")
    for name, data in sorted(runs.items()):
        seconds = "     -" if data["runtime"] is None else f"{data['runtime']:6.1f}"
        cached = "  cached, not run again" if app.execution_cached.get(name, True) else ""
        logger.info("  %-48s %s%s", name, seconds, "  FAILED" if data["error"] else cached)
    logger.info("  %-48s %6.1f\n", "the whole build", time.time() - app.execution_started)
    for name, data in sorted(runs.items()):
        if data["error"]:
            path = app.env.doc2path(name)
            logger.info("FAILED %s, %s", path_in_book(app, path), failure(path, data))
    if exception and is_notebook_error(exception):
        path = app.env.doc2path(app.env.temp_data.get("docname", "a notebook"))
        logger.info("FAILED %s: %s", path_in_book(app, path), exception)


def is_notebook_error(exception):
    """Whether the exception came out of a running notebook (a kernel that died does not become a cell's error)."""
    return type(exception).__module__.split(".")[0] in {"nbclient", "jupyter_client", "jupyter_cache", "myst_nb"}


def path_in_book(app, path):
    return Path(path).relative_to(app.srcdir).as_posix()


def failure(path, data):
    """One line: the number of the cell that failed and its first line, and the error."""
    text = ANSI.sub("", data["traceback"])
    error = text.strip().splitlines()[-1]
    if data["error"] == "CellTimeoutError":
        error = "the cell took longer than execute.timeout in _config.yml allows"
    for number, cell in enumerate(json.loads(Path(path).read_text(encoding="utf8"))["cells"], 1):
        code = "".join(cell["source"]).strip()
        quoted = "-\n" + code in text or str(code.splitlines()[:5]) in text  # a long cell that timed out is abridged
        if cell["cell_type"] == "code" and code and quoted:
            return f"cell {number} (`{code.splitlines()[0]}`): {error}"
    return error
