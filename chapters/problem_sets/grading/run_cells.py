"""Runs the cells of one submission in a Jupyter kernel: the program that `sandbox` starts inside.

Reads a JSON request from stdin and writes one JSON line per cell to stdout, so that what ran before a sudden end is
kept. Knows nothing of gradebooks: it gets code, and gives back outputs.
"""

import json
import os
import queue
import re
import sys
import tempfile
import time

from jupyter_client import KernelManager

TEXT_PER_CELL = 20_000  # characters
TEXTS = ("text/plain", "text/markdown", "text/latex")
PICTURES = re.compile("<(img|svg|script|iframe|video|audio|canvas)")
CUT = "\n[the rest of the output was cut]\n"
START = 60  # seconds until a kernel answers, on a busy machine
PATIENCE = 5  # seconds for the end of a cell that was interrupted, and for its word that it is done
LOOK_EVERY = 0.5  # seconds between two looks whether the kernel lives


class Outputs:
    """The outputs of one cell, in the order in which a notebook would show them. room: characters for all of it."""

    def __init__(self, token, room):
        self.token, self.room, self.text, self.cut = token, room, TEXT_PER_CELL, False
        self.kept, self.clear = [], False

    def take(self, kind, content):
        """One message of the kernel."""
        if kind == "clear_output" and content.get("wait"):
            self.clear = True
        elif kind == "clear_output":
            self.kept.clear()
        elif kind in ("stream", "display_data", "execute_result", "update_display_data", "error"):
            if self.clear:
                self.kept.clear()
                self.clear = False
            getattr(self, f"_{kind}", self._shown)(content)

    def _stream(self, content):
        text = self._shortened(content["text"])
        if self.kept and self.kept[-1]["output_type"] == "stream" and self.kept[-1]["name"] == content["name"]:
            self.kept[-1]["text"] += text
        elif text:
            self.kept.append({"output_type": "stream", "name": content["name"], "text": text})

    def _error(self, content):
        lines = [line[:2000] for line in content["traceback"][-20:]]
        error = {"ename": content["ename"][:200], "evalue": content["evalue"][:2000], "traceback": lines}
        self.kept.append({"output_type": "error", **error})

    def _shown(self, content):
        data, found = {}, content["data"]
        for kind, value in found.items():
            if kind in TEXTS:
                data[kind] = self._shortened(value)
            elif kind.startswith("image/") and len(value) <= self.room:
                self.room -= len(value)
                data[kind] = value
            elif kind != "text/html" or PICTURES.search(value) or found["text/plain"].startswith("<IPython"):
                data[kind] = None  # named, not shown: it may hold a script
        shown = {"output_type": "display_data", "data": data, "id": content.get("transient", {}).get("display_id")}
        earlier = [output for output in self.kept if shown["id"] and output.get("id") == shown["id"]]
        for output in earlier:
            output["data"] = data
        if not earlier:
            self.kept.append(shown)

    def _shortened(self, text):
        if len(text) <= self.text:
            self.text -= len(text)
            return text
        tail = self.token if self.token and self.token in text else ""
        text, self.text, first, self.cut = text[: self.text], 0, not self.cut, True
        return text + CUT * first + tail


def execute(manager, client, source, seconds, take):
    """Run one cell: whether it had to be interrupted. EOFError when the kernel has ended, ConnectionError when it does
    not answer, TimeoutError when it cannot be interrupted."""
    sent, end, late = client.execute(source, allow_stdin=False, stop_on_error=False), time.monotonic() + seconds, False
    while True:
        if time.monotonic() > end:
            if late:
                raise TimeoutError
            manager.interrupt_kernel()
            late, end = True, time.monotonic() + PATIENCE
        try:
            message = client.get_iopub_msg(timeout=LOOK_EVERY)
        except queue.Empty:
            if not manager.is_alive():
                raise EOFError from None
            continue
        if message["parent_header"].get("msg_id") == sent:
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            if late:
                end = time.monotonic() + PATIENCE  # it had much to say, which still comes
            else:
                take(message["msg_type"], message["content"])
    try:
        while client.get_shell_msg(timeout=PATIENCE)["parent_header"].get("msg_id") != sent:
            pass
    except queue.Empty:
        raise ConnectionError from None
    return late


def run(request, report):
    """Run the cells of the request in one kernel and report on each: "", or why the last one was not reached."""
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{tempfile.mkdtemp()}/kernel")
    try:
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=START)
    except Exception as error:
        return f"no kernel starts here: {type(error).__name__}: {error}"
    room = request["room"]
    for index, source, token in request["cells"]:
        report({"starts": index})
        outputs = Outputs(token, room)
        try:
            late = execute(manager, client, source, request["cell_seconds"], outputs.take)
        except EOFError:
            return "the Python process ended: an exit, a crash, or too much memory"
        except ConnectionError:
            return "the kernel no longer answers, a cell has changed how it works"
        except TimeoutError:
            return f"a cell ran longer than {request['cell_seconds']} seconds and could not be interrupted"
        room = outputs.room
        report({"index": index, "outputs": outputs.kept, "late": late, "cut": outputs.cut})
    return ""


def main():
    request = json.load(sys.stdin)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")  # the kernel gets no hold of it: copies are not inherited
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)

    def report(line):
        lines.write(json.dumps(line) + "\n")
        lines.flush()

    report({"end": run(request, report)})
    os._exit(0)  # the sandbox ends the kernel and all else


if __name__ == "__main__":
    main()
