"""Where a benchmark runs: its clock, works timed in turn, and how fast it multiplies matrices and reads memory."""

import os
import platform
import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch

TURNS = 3


@dataclass
class Machine:
    """A device, "cpu" or "cuda", with what `measure_limits` found: flops (by dtype) and bytes, both a second."""

    device: str
    gemm: dict = field(default_factory=dict)
    memory: float = float("nan")

    def zeros(self, dtype=torch.float64):
        """A number of this dtype here: what `.to(...)` takes as its example."""
        return torch.zeros((), dtype=dtype, device=self.device)

    def clock(self):
        """CPU seconds, which a busy machine disturbs little; on a GPU seconds, once all that was asked for is done."""
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def seconds(self, work, *, repeat=1):
        """What a call of `work` takes, the mean of `repeat`."""
        begun = self.clock()
        for _ in range(repeat):
            work()
        return (self.clock() - begun) / repeat

    def in_turn(self, *works, turns=TURNS, repeat=1):
        """The median seconds of each work; each turn times all of them once, and a first turn is not counted."""
        times = [[self.seconds(work, repeat=repeat) for work in works] for _ in range(turns + 1)][1:]
        return [statistics.median(column) for column in zip(*times, strict=True)]

    def measure_limits(self, size=1024):
        """Fill in `gemm` and `memory`; returns the machine."""
        for dtype in (torch.float32, torch.float64):
            A = torch.ones(size, size, dtype=dtype, device=self.device)
            (seconds,) = self.in_turn(lambda A=A: A @ A)
            self.gemm[dtype] = 2 * size**3 / seconds
        x = torch.ones(1 << 24, device=self.device)  # 64 MB: more than a cache holds
        (seconds,) = self.in_turn(lambda: x.sum())
        self.memory = x.nbytes / seconds
        return self

    def __str__(self):
        if self.device == "cpu":
            name = f"{processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB"
        else:
            name = torch.cuda.get_device_name()
        threads = torch.get_num_threads()
        speeds = " / ".join(f"{self.gemm[dtype] / 1e9:.0f}" for dtype in (torch.float32, torch.float64))
        return (
            f"{name}; Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}, {threads} "
            f"thread{'s' * (threads > 1)}; matrix products at {speeds} GFLOP/s (float32 / float64), memory read at "
            f"{self.memory / 1e9:.0f} GB/s"
        )


def processor():
    """The model of the CPU in words."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text(encoding="utf-8")) if info.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
