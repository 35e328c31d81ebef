"""Problem set 4: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "kappa": {
        "sum instead of mean": (".mean()", ".sum()"),
        "squared norm of u": ("(u @ u) ** 2", "(u @ u)"),
        "not squared": ("values.square().mean()", "values.square().mean().sqrt()"),
        "not normalised": (" / (u @ u) ** 2", ""),
        "mean of the values": ("values.square().mean()", "values.mean() ** 2"),
        "absolute values": ("values.square()", "values.abs()"),
        "one sided": ("A, u, u)", "A, u, torch.ones_like(u))"),
        "right for n = 5 only": ("values.square().mean()", "values.square().sum() / 5"),
        "norms of A u": ("values.square().mean()", "(A @ u).square().sum() / len(A)"),
        "divided by n twice": ("values.square().mean()", "values.square().mean() / len(A)"),
    },
    "edge": {
        "squared norm": ("high**0.5", "high"),
        "factor 2 forgotten": ("2 * kappa / strength", "kappa / strength"),
        "upside down": ("2 * kappa / strength", "strength / (2 * kappa)"),
        "limit of no smoothing": "return 0.5 * (strength / kappa) ** (1 / 3)",
        "threshold": "return 2 * beta**0.5",
        "never zero": ("return 0.0", "return beta**0.5"),
        "h' instead of h''": ("(x + 4 * beta) / (4 * (x + beta) ** 2.5)", "(x + 2 * beta) / (2 * (x + beta) ** 1.5)"),
        "without the quarter": ("(4 * (x + beta) ** 2.5)", "(x + beta) ** 2.5"),
        "never larger than one": ("while bend(high) > allowed:\n        high *= 2", "pass"),
        "zero unless it holds the threshold": ("bend(0) <= allowed", "strength <= 5**2.5 * kappa * beta**1.5"),
    },
    "count": {
        "projectors exchanged": ("Q = basis @ basis.T", "Q = torch.eye(len(M), dtype=M.dtype) - basis @ basis.T"),
        "minus forgotten": ("-P @ E @ P", "P @ E @ P"),
        "norm instead of largest eigenvalue": (
            "torch.linalg.eigvalsh(Q @ E @ Q)[-1]", "torch.linalg.matrix_norm(Q @ E @ Q, 2)"
        ),
        "largest eigenvalue of M": ("values[values > 1e-9].min()", "values.max()"),
        "smallest eigenvalue of M, zero": ("values[values > 1e-9].min()", "values.min()"),
        "no projection": ("Q @ E @ Q", "E"),
        "factor 2 forgotten": ("2 * values", "values"),
        "β instead of its root": ("beta**0.5", "beta"),
        "g_min without the 2": ("2 * g_min", "g_min"),
        "one-sided projection": ("-P @ E @ P", "-P @ E"),
        "answers exchanged": ("bool(at_least), bool(at_most)", "bool(at_most), bool(at_least)"),
    },
    "band": {
        "square root of β": ("penalty.threshold", "penalty.smoothing"),
        "largest kept": ("norms[kept].min()", "norms[kept].max()"),
        "smallest of all": ("norms[kept].min()", "norms.min()"),
        "squared norms": ("norms[kept].min().item()", "norms[kept].min().item() ** 2"),
        "squares against the threshold": ('steps=2000).U)', 'steps=2000).U) ** 2'),
        "two in the other order": (
            'return dropped, norms[kept].min().item() if kept.any() else float("inf")',
            'return norms[kept].min().item() if kept.any() else float("inf"), dropped',
        ),
        "rows": ("column_norms(", "(lambda Z: Z.norm(dim=1))("),
        "no penalty": ("penalty=penalty, ", ""),
        "untrained": ("train(problem, U0, penalty=penalty, method=\"l-bfgs\", steps=2000).U", "U0"),
        "fails when nothing is kept": ('.item() if kept.any() else float("inf")', ""),
        "exchanged": "a, b = 0.5, 0.0\nreturn a, b",
        "the edge instead of a measurement": "return 0.0, 0.5 * penalty.strength ** (1 / 3)",
    },
}

RIGHT = {
    "kappa": {
        "loop": """
total = 0.0
for Ai in A:
    total += float(u @ (Ai @ u)) ** 2
return total / len(A) / float(u @ u) ** 2""",
        "normalised first, numpy": """
import numpy as np
A, v = A.numpy(), u.numpy() / np.linalg.norm(u.numpy())
return np.mean((v @ A @ v) ** 2)""",
    },
    "edge": {
        "root finder": """
from scipy.optimize import brentq
excess = lambda x: (x + 4 * beta) / (4 * (x + beta) ** 2.5) - 2 * kappa / strength
if excess(0) <= 0:
    return 0
return brentq(excess, 0, 100 * (1 + strength / kappa), xtol=1e-15, rtol=1e-14) ** 0.5""",
        "bisection in the norm": """
low, high = 0.0, 100.0
for _ in range(300):
    v = (low + high) / 2
    if strength * (v * v + 4 * beta) > 8 * kappa * (v * v + beta) ** 2.5:
        low = v
    else:
        high = v
return 0.0 if strength * beta**-1.5 <= 2 * kappa else torch.tensor(high)""",
    },
    "count": {
        "in the two bases": """
values, V = torch.linalg.eigh(M)
r = int((values > 1e-9).sum())
N, R = V[:, :-r], V[:, -r:]
room = 2 * values[-r] - strength / beta**0.5
first = max(0, torch.linalg.eigvalsh(R.T @ E @ R).max()) < room
second = max(0, -torch.linalg.eigvalsh(N.T @ E @ N).min()) < 2 * g_min
return bool(first), bool(second)""",
        "as a list, with a loop": """
values, V = torch.linalg.eigh(M)
Q = sum(torch.outer(v, v) for x, v in zip(values, V.T) if x > 1e-9)
P = torch.eye(len(M), dtype=M.dtype) - Q
room = 2 * min(x for x in values if x > 1e-9) - strength / beta**0.5
return [torch.linalg.eigvalsh(Q @ E @ Q).max() < room, torch.linalg.eigvalsh(P @ -E @ P).max() < 2 * g_min]""",
        "pseudo-inverse, numpy": """
import numpy as np
E, M = E.numpy(), M.numpy()
Q = M @ np.linalg.pinv(M, rcond=1e-9)
P = np.eye(len(M)) - Q
mu = [x for x in np.linalg.eigvalsh(M) if x > 1e-9]
sym = lambda Z: np.linalg.eigvalsh((Z + Z.T) / 2).max()
return sym(Q @ E @ Q) < 2 * min(mu) - strength / np.sqrt(beta), sym(-P @ E @ P) < 2 * g_min""",
    },
    "band": {
        "sorted list": """
U = train(problem, U0, penalty=penalty, method="l-bfgs", steps=2000).U
norms = sorted(column_norms(U).tolist())
kept = [x for x in norms if x > 2 * penalty.smoothing**0.5]
return max(norms[: len(norms) - len(kept)], default=0.0), min(kept, default=float("inf"))""",
        "numpy": """
import numpy as np
run = train(problem, U0, penalty=penalty, method="l-bfgs", steps=2000)
norms = np.linalg.norm(run.U.numpy(), axis=0)
above = norms > penalty.threshold
return norms[~above].max(initial=0.0), norms[above].min(initial=np.inf)""",
    },
}
