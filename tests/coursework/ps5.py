"""Problem set 5: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "step": {
        "factor 2": ("4 * step", "2 * step"),
        "one side only": ("E @ M + M @ E", "E @ M"),
        "wrong sign": ("E - 4", "E + 4"),
        "gradient in X": ("4 * step * (E @ M + M @ E)", "2 * step * E"),
        "sandwich": ("E @ M + M @ E", "M @ E @ M"),
        "factor 8": ("4 * step", "8 * step"),
        "E only": ("E - 4 * step * (E @ M + M @ E)", "E"),
        "visible step": ("4 * step", "4 * 0.05"),
    },
    "tangent": {
        "columns only": ("P @ E + E @ P - P @ E @ P", "P @ E"),
        "both sides": ("P @ E + E @ P - P @ E @ P", "P @ E @ P"),
        "inside counted twice": (" - P @ E @ P", ""),
        "half": ("P @ E + E @ P - P @ E @ P", "(P @ E + E @ P) / 2"),
        "complement": ("P @ E + E @ P - P @ E @ P", "E - P @ E - E @ P + P @ E @ P"),
        "columns not orthonormal": ("P = Q @ Q.T", "P = U_star @ U_star.T"),
        "inside subtracted twice": ("- P @ E @ P", "- 2 * P @ E @ P"),
        "first two columns": ("P = Q @ Q.T", "P = Q[:, :2] @ Q[:, :2].T"),
    },
    "rate": {
        "small steps only": "return 1 - 4 * step * mu.min()",
        "factor 2": ("4 * step * mu.min()", "2 * step * mu.min()"),
        "factor 8 for the slow direction": ("4 * step * mu.min()", "8 * step * mu.min()"),
        "largest eigenvalue for both": ("mu.min()", "mu.max()"),
        "fastest": ("return max(", "return min("),
        "factor 4 for the fast direction": ("8 * step", "4 * step"),
        "without modulus": "return max(1 - 4 * step * mu.min(), 1 - 8 * step * mu.max())",
        "exponential": "return torch.exp(-4 * step * mu.min())",
        "visible answer": "return 0.92 if step > 0.1 else 0.9",
    },
    "bound": {
        "standard deviation": ("noise**2", "noise"),
        "no noise": ("noise**2 * ", ""),
        "averaged": ("return noise", "return len(A) * noise"),
        "whole space": ("rows = (P @ A + A @ P - P @ A @ P).flatten(1)", "rows = A.flatten(1)"),
        "rd values": ("r * d - r * (r - 1) // 2", "r * d - r * (r - 1) // 2 - 1"),
        "inverse of the trace": (
            "return noise**2 * (values[: r * d - r * (r - 1) // 2] ** -2).sum()",
            "k = r * d - r * (r - 1) // 2\n    return noise**2 * k**2 / (values[:k] ** 2).sum()",
        ),
        "singular values not squared": ("** -2", "** -1"),
        "formula for infinite n": "d, r = U_star.shape\nreturn noise**2 * (r * d - r * (r - 1) / 2) / len(A)",
        "columns only": ("P @ A + A @ P - P @ A @ P", "P @ A"),
    },
    "efficiency": {
        "not squared": ("fine_tune(problem, U_star).U) ** 2", "fine_tune(problem, U_star).U)"),
        "not fine-tuned": ("fine_tune(problem, U_star).U", "U_star + 0.0"),
        "rd in place of dof": ("(r * d - r * (r - 1) / 2)", "(r * d)"),
        "standard deviation": ("noise**2", "noise"),
        "sum over the draws": (".mean()", ".sum()"),
        "stops early": ("fine_tune(problem, U_star)", "fine_tune(problem, U_star, steps=2)"),
        "finite n built in": ("* n /", "* (n - r * d) /"),
        "the same sample again": ("seed=seed + i", "seed=seed"),
        "theory instead of measurement": "return n / (n - (r * d - r * (r - 1) / 2) - 1)",
    },
}

RIGHT = {
    "step": {
        "numpy": "E, M = E.numpy(), M.numpy()\nreturn E - 4 * step * (E.dot(M) + M.dot(E))",
        "symmetrised": "half = E / 2 - 4 * step * E @ M\nreturn half + half.T",
        "as a conjugation": """
I = torch.eye(len(M), dtype=M.dtype)
return ((I - 4 * step * M) @ E @ (I + 0 * M) - 4 * step * E @ M)""",
    },
    "tangent": {
        "complement twice": """
P = torch.eye(len(E), dtype=E.dtype) - U_star @ torch.linalg.pinv(U_star)
return E - P @ E @ P""",
        "least squares over Z": """
d, r = U_star.shape
columns = []
for i in range(d * r):
    Z = torch.zeros(d * r, dtype=E.dtype)
    Z[i] = 1
    Z = Z.reshape(d, r)
    columns.append((U_star @ Z.T + Z @ U_star.T).flatten())
B = torch.stack(columns, 1)
return (B @ (torch.linalg.pinv(B) @ E.flatten())).reshape(d, d)""",
    },
    "rate": {
        "all pairs": """
factors = [1 - 4 * step * m for m in mu.tolist()]
factors += [1 - 4 * step * (a + b) for a in mu.tolist() for b in mu.tolist()]
return max(abs(f) for f in factors)""",
        "numpy": "m = 4 * step * mu.numpy()\nreturn max(abs(1 - m.min()), abs(1 - 2 * m.max()))",
    },
    "bound": {
        "with a basis of the tangent space": """
d, r = U_star.shape
Q = torch.linalg.qr(U_star, mode="complete").Q
total = []
for i in range(r):
    for j in range(i, d):
        B = torch.outer(Q[:, i], Q[:, j]) + torch.outer(Q[:, j], Q[:, i])
        total.append((A * B / B.norm()).sum((1, 2)))
G = torch.stack(total) @ torch.stack(total).T
return noise**2 * torch.linalg.eigvalsh(G).reciprocal().sum().item()""",
        "pseudo-inverse": """
P = U_star @ torch.linalg.pinv(U_star)
I = torch.eye(len(P), dtype=P.dtype)
rows = torch.stack([a - (I - P) @ a @ (I - P) for a in A]).flatten(1)
return noise**2 * torch.linalg.pinv(rows.T @ rows, rtol=1e-9).trace()""",
    },
    "efficiency": {
        "numpy mean": """
import numpy as np
U_star, found = ground_truth(d, r, seed=seed), []
for i in range(draws):
    problem = Empirical.sample(U_star, n, noise=noise, seed=seed + i)
    U = fine_tune(problem, U_star, steps=50_000, tolerance=1e-10).U
    found.append(float((U @ U.T - problem.M).square().sum()))
return np.mean(found) * n / noise**2 / (d * r - r * (r - 1) // 2)""",
        "l-bfgs": """
from helpers.training import train
U_star, total = ground_truth(d, r, seed=seed), 0.0
for i in range(draws):
    problem = Empirical.sample(U_star, n, noise=noise, seed=seed + i)
    total += problem.error(train(problem, U_star, steps=500, method="l-bfgs").U).item() ** 2
return total / draws * n / noise**2 / (r * d - r * (r - 1) / 2)""",
    },
}

FITTED = {"rate": ["visible answer"]}  # made from the visible instance: only the hidden ones tell
