"""Runs the cells of one submission with nbclient, in a Jupyter kernel: the program that `sandbox` starts inside.

Reads a JSON request from stdin and writes one JSON line per cell to stdout, so that what ran before a sudden end is
kept. Knows nothing of gradebooks: it gets code, and gives back outputs.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time

import psutil
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook, new_output

TEXT_PER_CELL = 20_000  # characters
CUT = "\n[the rest of the output was cut]\n"
PATIENCE = 5  # seconds for the end of a cell that was interrupted, and for its word that it is done
LOOK_EVERY = 0.2  # seconds between two looks at the kernel


class Runner(NotebookClient):
    """nbclient, with an end to what cells may take: room for their output, and `seconds` for each. Those are seconds in
    which the kernel computes or sleeps, not those in which the machine has other things to do."""

    def __init__(self, cells, seconds, room, report):
        manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{tempfile.mkdtemp()}/kernel")
        notebook = new_notebook(cells=[new_code_cell(source, metadata={"token": token}) for _, source, token in cells])
        super().__init__(notebook, manager, allow_errors=True, coalesce_streams=True, startup_timeout=1000)
        self.indices, self.seconds, self.room, self.report = [index for index, *_ in cells], seconds, room, report
        self.spent, self.deadline, self.notes = 0.0, None, {}

    def run(self):
        """Run all cells and report on each: "", or why the next one was not reached."""
        try:
            self.start_new_kernel()
            self.start_new_kernel_client()
        except Exception as error:
            return f"no kernel starts here: {type(error).__name__}: {error}"
        self.kernel = psutil.Process(self.km.provisioner.pid)
        threading.Thread(target=self.watch, daemon=True).start()
        for number, index in enumerate(self.indices):
            self.report({"index": index, "outputs": [], "notes": [*self.notes]})
            cell, self.text, self.late, self.idle = self.nb.cells[number], TEXT_PER_CELL, False, False
            self.deadline = self.spent + self.seconds
            try:
                self.execute_cell(cell, number)
            except DeadKernelError:
                return "the Python process ended: an exit, a crash, or too much memory"
            self.deadline = None
            if self.late:
                said = f"the cell ran longer than {self.seconds} seconds"
                cell.outputs.append(new_output("error", ename="TimeoutError", evalue=said, traceback=[said]))
                self.notes[f"some of its cells ran longer than {self.seconds} seconds, interrupted"] = True
            self.report({"index": index, "outputs": cell.outputs, "notes": [*self.notes]})
        return ""

    def watch(self):
        """Count the seconds that the kernel computes or sleeps; interrupt a cell that is late, end all if in vain."""
        computed = 0.0
        while self.kernel.is_running():
            time.sleep(LOOK_EVERY)
            before, computed = computed, sum(self.kernel.cpu_times()[:2])
            slept = LOOK_EVERY * (self.kernel.status() != psutil.STATUS_RUNNING)
            self.spent += max(computed - before, slept)
            if self.deadline is not None and self.spent > self.deadline:
                if self.idle:
                    self.end("the kernel no longer answers, a cell has changed how it works")
                if self.late:
                    self.end(f"a cell ran longer than {self.seconds} seconds and could not be interrupted")
                self.late, self.deadline = True, self.spent + PATIENCE
                os.killpg(self.kernel.pid, signal.SIGINT)

    def end(self, reason):
        """Say why there are no more cells, and leave the kernel and all else for the sandbox to end."""
        self.report({"end": reason})
        os._exit(0)

    def process_message(self, message, cell, number):
        """Take over one message of the kernel, shortened to what there is room for."""
        content, kind = message["content"], message["msg_type"]
        self.idle = kind == "status" and content["execution_state"] == "idle"
        if self.idle or self.late:
            self.deadline = self.spent + PATIENCE  # a cell that was interrupted had much to say, which still comes
        if kind == "stream":
            content["text"] = self.shortened(content["text"], cell.metadata.token)
        elif kind == "error":
            content["traceback"] = [line[:2000] for line in content["traceback"][-20:]]
            content.update(ename=content["ename"][:200], evalue=content["evalue"][:2000])
            if content["ename"] in ("ModuleNotFoundError", "FileNotFoundError"):
                said = f"{content['evalue'][:100]} (only the notebook comes along: put into it what it uses)"
                self.notes[said] = True
        elif kind in ("display_data", "execute_result", "update_display_data"):
            content["data"] = {name: self.fitting(name, value) for name, value in content["data"].items()}
        return None if self.late and not self.idle else super().process_message(message, cell, number)

    def shortened(self, text, token=None):
        """As much of a text as there is room for in its cell, and of what is cut the token."""
        if len(text) <= self.text:
            self.text -= len(text)
            return text
        kept = text[: self.text] + CUT * (self.text > 0) + (token if token and token in text else "")
        self.text, self.notes["the output of some of its cells was cut"] = 0, True
        return kept

    def fitting(self, name, value):
        """One form of an output as text, as far as there is room for it: shortened, or empty."""
        text = value if isinstance(value, str) else json.dumps(value)
        if name in ("text/plain", "text/markdown", "text/latex"):
            return self.shortened(text)
        text = text if len(text) <= self.room else ""
        self.room -= len(text)
        return text


def main():
    request = json.load(sys.stdin)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")  # the kernel gets no hold of it: copies are not inherited
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)

    def report(line):
        lines.write(json.dumps(line) + "\n")
        lines.flush()

    runner = Runner(request["cells"], request["cell_seconds"], request["room"], report)
    runner.end(runner.run())


if __name__ == "__main__":
    main()
