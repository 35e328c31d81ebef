"""Runs the cells of one submission: the child process that `isolation` starts, limits, watches and ends.

Reads a JSON request from stdin and writes one JSON line per cell to stdout, so that what ran before a sudden end is
kept. Knows nothing of gradebooks: it gets code, and gives back outputs.
"""

import asyncio
import json
import os
import resource
import sys

import nbformat
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

TEXT_PER_CELL = 20_000  # characters
IMAGES = 2_000_000  # characters of base64 per submission
CUT = "\n[the rest of the output was cut]\n"


class Client(NotebookClient):
    """Keeps text and PNG images only, a limited amount of both, and notes cells that ran into the time limit."""

    def __init__(self, *args, tokens, **options):
        super().__init__(*args, **options)
        self.tokens = tokens  # for each cell what must not be cut, or None
        self.text, self.images, self.cut, self.late = {}, 0, set(), set()

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "execute_result", "update_display_data"):
            data, content = msg["content"].get("data", {}), {}
            if isinstance(image := data.get("image/png"), str) and self.images + len(image) <= IMAGES:
                self.images += len(image)
                content["image/png"] = image
            content["text/plain"] = self._shorten(cell_index, str(data.get("text/plain", "")))
            msg["content"] = {**msg["content"], "data": content, "metadata": {}}
        elif msg["msg_type"] == "stream":
            msg["content"]["text"] = self._shorten(cell_index, msg["content"]["text"])
            if not msg["content"]["text"]:
                return None
        elif msg["msg_type"] == "error":
            content = msg["content"]
            content["evalue"] = content["evalue"][:TEXT_PER_CELL]
            content["traceback"] = [line[:TEXT_PER_CELL] for line in content["traceback"][-20:]]
        return super().process_message(msg, cell, cell_index)

    def _shorten(self, index, text):
        room = TEXT_PER_CELL - self.text.get(index, 0)
        self.text[index] = self.text.get(index, 0) + len(text)
        if len(text) <= room:
            return text
        first, _ = index not in self.cut, self.cut.add(index)
        token = self.tokens[index]
        tail = token + "\n" if token and token in text else ""
        return text[: max(room, 0)] + (CUT if first else "") + tail

    async def _async_handle_timeout(self, timeout, cell=None):
        self.late.add(id(cell))
        return await super()._async_handle_timeout(timeout, cell)


def limit(memory, seconds, file_size):
    """Limits of this process and all that it starts; `isolation` watches what these cannot see."""
    wanted = {
        "RLIMIT_CORE": 0, "RLIMIT_FSIZE": file_size, "RLIMIT_DATA": memory, "RLIMIT_CPU": 4 * seconds,
        "RLIMIT_NOFILE": 1024,
    }  # fmt: skip
    for name, value in wanted.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


async def run(request, report):
    """Run the cells of the request in one kernel and report on each; the last line says how it ended."""
    cells = [nbformat.v4.new_code_cell(source) for _, source, _ in request["cells"]]
    client = Client(
        nbformat.v4.new_notebook(cells=cells), timeout=request["cell_seconds"], kernel_name=NATIVE_KERNEL_NAME,
        tokens=[token for _, _, token in request["cells"]], allow_errors=True, interrupt_on_timeout=True,
        error_on_timeout={"status": "error"},
    )  # fmt: skip
    async with client.async_setup_kernel():
        for number, (index, _, _) in enumerate(request["cells"]):
            report({"starts": index})
            await client.async_execute_cell(cells[number], number)
            late = id(cells[number]) in client.late
            report({"index": index, "outputs": cells[number].outputs, "late": late, "cut": number in client.cut})
            if late:
                await client.kc.wait_for_ready(timeout=5)
        report({"end": "finished"})
        await client._async_cleanup_kernel()


def main():
    request = json.load(sys.stdin)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")  # the kernel gets no hold of it: copies are not inherited
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    limit(request["memory"], request["seconds"], request["file_size"])

    def report(line):
        lines.write(json.dumps(line) + "\n")
        lines.flush()

    try:
        asyncio.run(run(request, report))
    except DeadKernelError:
        report({"end": "died"})
    except (RuntimeError, TimeoutError):
        report({"end": "deaf"})


if __name__ == "__main__":
    main()
