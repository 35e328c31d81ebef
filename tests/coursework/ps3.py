"""Problem set 3: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "frame": {
        "rows normalised only": "return G / G.norm(dim=1, keepdim=True)",
        "no square root": ("values**-0.5", "values**-1.0"),
        "square root, not its inverse": ("values**-0.5", "values**0.5"),
        "Gram–Schmidt": "return torch.linalg.qr(G.T).Q.T",
        "Cholesky": "return torch.linalg.solve_triangular(torch.linalg.cholesky(G @ G.T), G, upper=False)",
        "transposed eigenvectors": ("vectors @ torch.diag", "vectors.T @ torch.diag"),
        "wrong sign": ("return vectors", "return -vectors"),
        "columns normalised": "return G / G.norm(dim=0)",
        "singular vectors": "return torch.linalg.svd(G, full_matrices=False)[2]",
        "right for four columns only": ("vectors.T @ G", "vectors.T @ G[:, :4]"),
    },
    "counting": {
        "squared norms": ("norms = U.norm(dim=-2)", "norms = U.square().sum(-2)"),
        "rows": ("dim=-2", "dim=-1"),
        "largest not counted": (".sum(-1)", ".sum(-1) - 1"),
        "mean instead of largest": ("norms.amax(-1, keepdim=True)", "norms.mean(-1, keepdim=True)"),
        "largest of the whole batch": ("norms.amax(-1, keepdim=True)", "norms.max()"),
        "those below": (">= c", "< c"),
        "strictly above": (">= c", "> c"),
        "largest entry": ("U.norm(dim=-2)", "U.abs().amax(-2)"),
        "no batch": "norms = U.norm(dim=0)\nreturn (norms >= c * norms.max()).sum()",
        "visible c": ("c * norms", "0.5 * norms"),
    },
    "loss": {
        "squared": ("(kept @ kept.T - M).norm() / M.norm()", "((kept @ kept.T - M).norm() / M.norm()) ** 2"),
        "not relative": (" / M.norm()", ""),
        "keeps the smallest": ("descending=True", "descending=False"),
        "one too many": ("[:m]", "[: m + 1]"),
        "against UUᵀ": ("M = U_star @ U_star.T", "M = U @ U.T"),
        "operator norm": ("(kept @ kept.T - M).norm()", "torch.linalg.matrix_norm(kept @ kept.T - M, 2)"),
        "rescaled after pruning": ("kept = U", "kept = (U.shape[1] / max(m, 1)) ** 0.5 * U"),
        "first columns": ("U.norm(dim=0).argsort(descending=True)[:m]", ":m"),
        "factor instead of product": ("(kept @ kept.T - M).norm() / M.norm()", "1 - kept.norm() / U_star.norm()"),
        "visible m": ("[:m]", "[:3]"),
    },
    "sorted_columns": {
        "not transposed": ("[2].T", "[2]"),
        "left singular vectors": "return torch.linalg.svd(U)[0][:, : U.shape[1]] @ U",
        "without the singular values": "return torch.linalg.svd(U, full_matrices=False)[0]",
        "fewer columns": "A, s, _ = torch.linalg.svd(U, full_matrices=False)\nreturn A * s",
        "increasing order": ("[2].T", "[2].T.flip(1)"),
        "sorts the columns only": "return U[:, U.norm(dim=0).argsort(descending=True)]",
        "squared singular values": """
A, s, _ = torch.linalg.svd(U, full_matrices=False)
return torch.cat([A * s**2, torch.zeros(len(U), U.shape[1] - len(s), dtype=U.dtype)], 1)""",
        "Gram–Schmidt": "return torch.linalg.qr(U.T).Q.T",
        "returns U": "return U",
    },
    "experiment": {
        "squared error": (".mean().item()", ".square().mean().item()"),
        "keeps the rank": ("round(fraction * k)", "r"),
        "drops that fraction": ("round(fraction * k)", "k - round(fraction * k)"),
        "untrained": ("steps=1000", "steps=0"),
        "not relative": (" / problem.M.norm()", ""),
        "before pruning": ("prune(U, keep=round(fraction * k))", "U"),
        "with the group Lasso": """
from helpers.penalties import GroupLasso
problem = Population(ground_truth(d, r, seed=seed))
U0 = gaussian_init(d, k, scale=1e-3, seed=seed + 1, batch=(8,))
U = train(problem, U0, penalty=GroupLasso(0.2, 0.02), steps=1000, record=1).U
return (problem.error(prune(U, keep=round(fraction * k))) / problem.M.norm()).mean().item()""",
        "linear guess": "return 1 - fraction",
        "visible answer": "return theory.frame_pruning_error(0.25, 2) ** 0.5",
    },
}

RIGHT = {
    "frame": {
        "polar factor by svd": "A, _, Bt = torch.linalg.svd(G, full_matrices=False)\nreturn A @ Bt",
        "scipy square root": """
from scipy.linalg import sqrtm
import numpy as np
return np.linalg.solve(sqrtm((G @ G.T).numpy()).real, G.numpy())""",
        "Newton–Schulz": """
W = G / torch.linalg.matrix_norm(G, 2)
for _ in range(100):
    W = 1.5 * W - 0.5 * W @ W.T @ W
return W""",
    },
    "counting": {
        "loop": """
flat = U.reshape(-1, *U.shape[-2:])
counts = []
for model in flat:
    norms = [column.norm() for column in model.T]
    counts.append(sum(bool(n >= c * max(norms)) for n in norms))
return torch.tensor(counts).reshape(U.shape[:-2])""",
        "numpy": """
import numpy as np
norms = np.sqrt((U.numpy() ** 2).sum(-2))
return np.count_nonzero(norms >= c * norms.max(-1, keepdims=True), axis=-1)""",
    },
    "loss": {
        "numpy": """
import numpy as np
U, V = U.numpy(), U_star.numpy()
order = np.argsort(-np.linalg.norm(U, axis=0))[:m]
return np.linalg.norm(U[:, order] @ U[:, order].T - V @ V.T) / np.linalg.norm(V @ V.T)""",
        "with prune": """
V = prune(U[None], keep=m)[0]
M = U_star @ U_star.T
return torch.dist(V @ V.T, M).item() / M.norm().item()""",
    },
    "sorted_columns": {
        "by the Gram matrix": """
values, vectors = torch.linalg.eigh(U.T @ U)
return U @ vectors.flip(1)""",
        "by UUᵀ": """
d, k = U.shape
values, vectors = torch.linalg.eigh(U @ U.T)
V = (vectors * values.clamp(min=0).sqrt()).flip(1)
return torch.cat([V, torch.zeros(d, max(0, k - d), dtype=U.dtype)], 1)[:, :k]""",
        "numpy": "import numpy as np\nA, s, Bt = np.linalg.svd(U.numpy())\nreturn U.numpy() @ Bt.T",
    },
    "experiment": {
        "one start after the other": """
problem = Population(ground_truth(d, r, seed=seed))
errors = []
for U0 in gaussian_init(d, k, scale=1e-3, seed=seed + 1, batch=(8,)):
    U = train(problem, U0, steps=1000, record=1).U
    U = U[:, torch.topk(U.norm(dim=0), round(fraction * k)).indices]
    errors.append(float((U @ U.T - problem.M).norm() / problem.M.norm()))
return sum(errors) / 8""",
        "own gradient descent": """
M = Population(ground_truth(d, r, seed=seed)).M
U = gaussian_init(d, k, scale=1e-3, seed=seed + 1, batch=(8,))
for _ in range(1500):
    U = U - 0.05 * 4 * (U @ U.mT - M) @ U
X = prune(U, keep=round(fraction * k))
return float(((X @ X.mT - M).norm(dim=(1, 2)) / M.norm()).mean())""",
    },
}

FITTED = {"experiment": ["visible answer"]}  # made from the visible instance: only the hidden ones tell
