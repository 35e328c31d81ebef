"""How a problem holds its data (a box in chapter 1): each form's cost and memory, and the cheapest that fits.

"gram": the sufficient statistics, the Gram matrix 𝒜*𝒜/n in the D = d(d+1)/2 coordinates of `svec`. Building it costs a
pass over the data and D² numbers; a step then costs the same whatever n is. "rows": every step reads the n rows.
"""

import psutil
import torch

from helpers.arguments import choice, integer

FORMS = ("gram", "rows")
STEPS = 400  # gradients that a problem is asked for, unless its maker says otherwise: one training and a fine-tuning
CHUNK = 2048  # rows of data handled at once on the CPU: the memory of a step is that of one chunk
READ = 10  # what reading a number costs that is used once, in multiplications of a matrix product


def cost(form, ensemble, d, n, *, steps=STEPS):
    """Multiplications that building a form and taking `steps` gradients cost, where k = d.

    Building a Gram matrix takes D²/2 for each row, since it is symmetric. A step reads it once; or it reads the rows of
    the Gaussian ensemble twice; or it multiplies the rank-one rows by d × d matrices, twice as well.
    """
    size = d * (d + 1) // 2
    if form == "gram":
        return n * size**2 / 2 + steps * READ * size**2
    return steps * 2 * n * (READ * size if ensemble == "gaussian" else d**2)


def memory(form, ensemble, d, n, *, itemsize=8):
    """Bytes that the data need in this form while it is built: the rows, and for "gram" D² numbers twice."""
    size = d * (d + 1) // 2
    rows = n * ((size if ensemble == "gaussian" else d) + 2)
    return itemsize * (rows + 2 * size**2 * (form == "gram"))


def cheapest(ensemble, d, n, *, steps=STEPS, itemsize=8, free=float("inf")):
    """The cheaper of the two forms; "rows" where the Gram matrix does not fit into `free` bytes.

    d, n ≥ 1; steps ≥ 0: about how many gradients these data will be asked for, over all runs. Raises TypeError or
    ValueError.
    """
    d, n, steps = integer("d", d, low=1), integer("n", n, low=1), integer("steps", steps, low=0)
    gram, rows = (cost(form, ensemble, d, n, steps=steps) for form in FORMS)
    fits = memory("gram", ensemble, d, n, itemsize=itemsize) <= free
    return "gram" if gram < rows and fits else "rows"


def rows_at_once(numbers, *, itemsize=8, device="cpu"):
    """How many rows of data a step handles at once, if it makes so many numbers (≥ 0) of each. The CPU's cache holds
    `CHUNK`; an accelerator, which so few leave idle, is given as many as a sixteenth of its memory has room for.

    Of all its memory, not of what is free: then a step adds up the same parts in the same order whenever it runs.
    """
    if torch.device(device).type == "cpu":
        return CHUNK
    return max(CHUNK, total_memory(device) // (16 * itemsize * max(numbers, 1)))


def total_memory(device):
    """Bytes that an accelerator, a torch device, has."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return psutil.virtual_memory().total  # the others share the machine's


def free_memory(device):
    """Bytes that are free on a torch device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def require(size, what, device, advice):
    """Refuse what does not fit, before any of it is allocated: MemoryError with the estimate and what to do."""
    free = free_memory(device)
    if size > free:
        raise MemoryError(f"{what} needs about {size / 1e9:.3g} GB, {free / 1e9:.3g} GB are free on {device}: {advice}")


def chosen(form, ensemble, d, n, *, steps, itemsize, device):
    """`form`, or the cheapest where it is None, once it is known to fit. Raises MemoryError or ValueError."""
    if form is None:
        form = cheapest(ensemble, d, n, steps=steps, itemsize=itemsize, free=free_memory(device))
    choice("form", form, FORMS)
    other = "" if ensemble == "rank-one" else ", rank-one measurements, which are d numbers each instead of d(d+1)/2"
    rows = "" if form == "rows" else ', form="rows"'
    advice = f"take a smaller n or d, float32{rows}{other}."
    require(memory(form, ensemble, d, n, itemsize=itemsize), f"{ensemble} data with d = {d}, n = {n}", device, advice)
    return form
