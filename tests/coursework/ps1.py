"""Problem set 1: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "adjoint": {
        "not symmetrised": "return torch.einsum('i,iab->ab', v, B)",
        "transposed instead of symmetrised": "return torch.einsum('i,iab->ba', v, B)",
        "factor 2": ("(total + total.T) / 2", "total + total.T"),
        "averaged": ("(total + total.T) / 2", "(total + total.T) / (2 * len(v))"),
        "wrong sign": ("(total + total.T) / 2", "-(total + total.T) / 2"),
        "antisymmetric part": ("total + total.T", "total - total.T"),
        "weights squared": ("v, B", "v**2, B"),
        "right for n = 5 only": ("(total + total.T) / 2", "(total + total.T) / 2 * len(v) / 5"),
        "visible answer": "Z = draw(3, 3, seed=1)\nreturn (Z + Z.T) / 2",
        "returns nothing": ("return", "answer ="),
    },
    "gradient": {
        "one factor of UUᵀ": ("4 / len(y)", "2 / len(y)"),
        "no square either": ("4 / len(y)", "1 / len(y)"),
        "wrong sign": ("4 / len(y)", "-4 / len(y)"),
        "sum instead of mean": ("4 / len(y)", "4"),
        "mean over entries": ("4 / len(y)", "4 / A.numel()"),
        "forgets the data": (" - y", ""),
        "residual with the wrong sign of y": (" - y", " + y"),
        "gradient in X": (" @ U\n", "\n"),
        "transposed": ("return 4", "return (U.T @ torch.eye(len(U), dtype=U.dtype)).T * 4"),
        "absolute residual": ("residual, A", "residual.abs(), A"),
        "right for n = 6 only": ("4 / len(y)", "4 / 6"),
    },
    "rotation": {
        "turns the other way": "left, _, right = torch.linalg.svd(V.T @ U)\nreturn left @ right",
        "wrong product of factors": ("left @ right", "right.T @ left.T"),
        "forgets that svd returns the transpose": ("left @ right", "left @ right.T"),
        "pseudo-inverse": "return torch.linalg.pinv(U) @ V",
        "normalised Gram matrix": "return U.T @ V / (U.norm() * V.norm())",
        "identity": "return torch.eye(U.shape[1], dtype=U.dtype)",
        "rotates rows": "left, _, right = torch.linalg.svd(U @ V.T)\nreturn left @ right",
        "fits k = 3 only": "left, _, right = torch.linalg.svd((U.T @ V)[:3, :3])\nreturn left @ right",
    },
    "pruning": {
        "one too few": ("[:m]", "[: m - 1]"),
        "one too many": ("[:m]", "[: m + 1]"),
        "keeps the smallest": ("descending=True", "descending=False"),
        "sorted by norm": ("order.sort().values", "order"),
        "largest entry": ("U.norm(dim=0)", "U.abs().amax(dim=0)"),
        "l1 norm": ("U.norm(dim=0)", "U.abs().sum(dim=0)"),
        "the first columns": "return U[:, :m]",
        "rows": "order = U.norm(dim=1).argsort(descending=True)[:m]\nreturn U[order.sort().values]",
        "signed sum": ("U.norm(dim=0)", "U.sum(dim=0)"),
        "zeroes instead of dropping": "V = U.clone()\nV[:, U.norm(dim=0).argsort(descending=True)[m:]] = 0\nreturn V",
        "hard-coded m": ("[:m]", "[:3]"),
        "copies of the largest": "return U[:, [int(U.norm(dim=0).argmax())] * m]",
    },
    "pipeline": {
        "no penalty": ("penalty=penalty, steps", "steps"),
        "told two columns": ("threshold=penalty.threshold", "keep=2"),
        "told the rank": ("threshold=penalty.threshold", "keep=problem.r"),
        "fine-tunes the unpruned": (
            "fine_tune(problem, pruned)", "fine_tune(problem, train(problem, U0, penalty=penalty, steps=600).U)"
        ),
        "no fine-tuning": ("fine_tune(problem, pruned).U", "pruned"),
        "fine-tunes with the penalty": ("fine_tune(problem, pruned)", "fine_tune(problem, pruned, penalty=penalty)"),
        "prunes before training": (
            "prune(train(problem, U0, penalty=penalty, steps=600).U, threshold=penalty.threshold)",
            "train(problem, prune(U0, threshold=penalty.threshold), penalty=penalty, steps=600).U",
        ),
        "training loss instead of error": ("problem.error(", "problem.loss("),
        "squared error": ("problem.error(tuned).item()", "problem.error(tuned).item() ** 2"),
        "reports the trained model": ("problem.error(pruned).item()", "problem.error(U0).item()"),
        "counts all columns": ("pruned.shape[1]", "U0.shape[1]"),
        "visible answer": "return 2, 0.1, 0.05",
    },
}

RIGHT = {
    "adjoint": {
        "loop": "Z = sum(v[i] * B[i] for i in range(len(v)))\nreturn 0.5 * Z + 0.5 * Z.T",
        "numpy": "import numpy as np\nZ = np.tensordot(v.numpy(), B.numpy(), 1)\nreturn (Z + Z.T) / 2",
        "symmetrised first": "return torch.tensordot(v, (B + B.mT) / 2, 1)",
        "autograd": """
X = torch.zeros(B.shape[1:], dtype=B.dtype, requires_grad=True)
value = ((B * (X + X.T) / 2).sum((1, 2)) @ v)
return torch.autograd.grad(value, X)[0]""",
    },
    "gradient": {
        "autograd": """
U = U.detach().requires_grad_()
loss = ((A * (U @ U.T)).sum((1, 2)) - y).square().mean()
return torch.autograd.grad(loss, U)[0]""",
        "loop": """
G = torch.zeros_like(U)
for Ai, yi in zip(A, y):
    G += 4 * (torch.trace(U.T @ Ai @ U) - yi) * Ai @ U / len(y)
return G""",
        "numpy": """
import numpy as np
A, y, U = A.numpy(), y.numpy(), U.numpy()
residual = np.einsum('iab,ak,bk->i', A, U, U) - y
return 4 / len(y) * np.einsum('i,iab,bk->ak', residual, A, U)""",
        "both factors apart": """
slope = 2 / len(y) * torch.einsum('i,iab->ab', (A * (U @ U.T)).sum((1, 2)) - y, A)
return slope @ U + slope.T @ U""",
    },
    "rotation": {
        "by two bases": """
def completed(Z):
    values, vectors = torch.linalg.eigh(Z @ Z.T)
    keep = values > 1e-10 * values.max()
    W = (vectors[:, keep] / values[keep].sqrt()).T @ Z
    return torch.cat([W, torch.linalg.svd(W)[2][len(W):]])
return completed(U).T @ completed(V)""",
        "scipy": "import scipy.linalg\nreturn scipy.linalg.orthogonal_procrustes(U.numpy(), V.numpy())[0]",
    },
    "pruning": {
        "mask": """
norms = U.square().sum(0)
mask = torch.zeros(U.shape[1], dtype=torch.bool)
mask[torch.topk(norms, m).indices] = True
return U[:, mask]""",
        "numpy": """
import numpy as np
U = U.numpy()
return U[:, np.sort(np.argsort(-np.linalg.norm(U, axis=0))[:m])]""",
        "sorted list": """
best = sorted(sorted(range(U.shape[1]), key=lambda i: -U[:, i].norm())[:m])
return U[:, best]""",
    },
    "pipeline": {
        "own mask and long training": """
U = train(problem, U0, penalty=penalty, steps=600).U
U = U[:, column_norms(U) > 2 * penalty.smoothing**0.5]
V = train(problem, U, steps=20_000, tolerance=1e-9).U
distance = lambda Z: (Z @ Z.T - problem.M).norm().item()
return len(U.T), distance(U), distance(V)""",
        "l-bfgs at the end": """
pruned = prune(train(problem, U0, penalty=penalty, steps=600).U, threshold=penalty.threshold)
tuned = train(problem, pruned, steps=500, method="l-bfgs").U
return pruned.shape[1], problem.error(pruned), problem.error(tuned)""",
    },
}
