"""Problem set 9: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "pair": {
        "singular values on one side": ("left[:, :m] * values[:m].sqrt()", "left[:, :m] * values[:m]"),
        "all of them on one side": """
left, values, right = torch.linalg.svd(X, full_matrices=False)
pad = max(k - len(values), 0)
U, V = (left * values)[:, :k], right.T[:, :k]
return torch.nn.functional.pad(U, (0, pad)), torch.nn.functional.pad(V, (0, pad))""",
        "no root": ("right[:m].T * values[:m].sqrt()", "right[:m].T * values[:m]"),
        "smallest first": ("U, V\n", "U.flip(1), V.flip(1)\n"),
        "right vectors not transposed": ("right[:m].T", "right[:, :m]"),
        "rotated": "left, values, right = torch.linalg.svd(X, full_matrices=False)\n"
                   "pad = max(k - len(values), 0)\n"
                   "U, V = (left * values.sqrt())[:, :k], (right.T * values.sqrt())[:, :k]\n"
                   "U, V = torch.nn.functional.pad(U, (0, pad)), torch.nn.functional.pad(V, (0, pad))\n"
                   "Q = torch.linalg.qr(draw(k, k, seed=1)).Q if k > 1 else -torch.eye(1, dtype=X.dtype) * 2\n"
                   "return U @ Q, V @ (Q if k > 1 else Q / 4)",
        "the matrix itself": "return X, torch.eye(X.shape[1], dtype=X.dtype)",
        "as many columns as singular values": """
left, values, right = torch.linalg.svd(X, full_matrices=False)
return left * values.sqrt(), right.T * values.sqrt()""",
    },
    "completion": {
        "no share": ("share = seen.double().mean()", "share = 1.0"),
        "number of entries": ("seen.double().mean()", "seen.sum()"),
        "gradient without the 2": ("2 * residual @ V", "residual @ V"),
        "sides exchanged": ("2 * residual @ V / share, 2 * residual.T @ U / share",
                            "2 * residual.T @ U / share, 2 * residual @ V / share"),
        "all entries": ("torch.where(seen, U @ V.T - Y, 0.0)", "U @ V.T - torch.nan_to_num(Y)"),
        "mask by product": ("torch.where(seen, U @ V.T - Y, 0.0)", "seen * (U @ V.T - Y)"),
        "unseen ones count as zeros": ("torch.where(seen, U @ V.T - Y, 0.0)", "U @ V.T - torch.where(seen, Y, 0.0)"),
        "wrong sign": ("2 * residual @ V / share", "-2 * residual @ V / share"),
        "a half": ("residual.square().sum() / share", "residual.square().sum() / share / 2"),
    },
    "escape": {
        "the other sign": ("-left[:, 0]", "left[:, 0]"),
        "second derivative": ("strength / smoothing**0.5 - values[0]", "2 * (strength / smoothing**0.5 - values[0])"),
        "β without its root": ("smoothing**0.5", "smoothing"),
        "least singular vectors": "left, values, right = torch.linalg.svd(G, full_matrices=False)\n"
                                  "return -left[:, -1], right[-1], strength / smoothing**0.5 - values[-1]",
        "column of V": ("right[0]", "right[:, 0] / right[:, 0].norm()"),
        "no penalty": ("strength / smoothing**0.5 - values[0]", "-values[0]"),
        "random direction": "a, b = draw(G.shape[0], seed=1), draw(G.shape[1], seed=2)\n"
                            "a, b = a / a.norm(), b / b.norm()\n"
                            "return a, b, a @ G @ b + strength / smoothing**0.5",
        "not unit": ("-left[:, 0]", "-2 * left[:, 0]"),
    },
    "adapter": {
        "nothing dropped": ("> 4 * beta", ">= 0"),
        "norm against β": ("> 4 * beta", "> 4000 * beta"),
        "no penalty": ("strength * (p", "0 * (p"),
        "weight decay": ("(p / (p + beta) ** 0.5).sum()", "p.sum()"),
        "one side only": ("p = (U.square().sum(0) + V.square().sum(0)) / 2\n        loss",
                          "p = U.square().sum(0) / 2\n        loss"),
        "untrained": ("range(700)", "range(2)"),
        "half the squared error": (".sum(1).mean()", ".sum(1).mean() / 2"),
        "norm of the error, not squared": (".square().sum(1).mean()", ".norm(dim=1).mean()"),
        "mean over the entries": (".square().sum(1).mean()", ".square().mean()"),
        "sum of the two squares": ("p = (U.square().sum(0) + V.square().sum(0)) / 2\n        loss",
                                   "p = U.square().sum(0) + V.square().sum(0)\n        loss"),
        "without the frozen weight": ("x @ (W0 + U @ V.T).T", "x @ (U @ V.T).T"),
        "told": "left, values, right = torch.linalg.svd(torch.linalg.lstsq(x, y).solution.T - W0)\n"
                "m = int((values > 0.3).sum())\n"
                "return left[:, :m] * values[:m].sqrt(), right[:m].T * values[:m].sqrt()",
    },
}

RIGHT = {
    "pair": {
        "eigenvectors": """
values, right = torch.linalg.eigh(X.T @ X)
values, right = values.flip(0).clamp(min=0).sqrt(), right.flip(1)
m = int((values > 1e-7 * values[0]).sum())
V = right[:, :m] * values[:m].sqrt()
U = X @ right[:, :m] / values[:m].sqrt()
pad = torch.nn.functional.pad
return pad(U, (0, k - m)), pad(V, (0, k - m))""",
        "eigenvectors of XXᵀ, none left out": """
values, left = torch.linalg.eigh(X @ X.T)
values, left = values.flip(0)[:k].clamp(min=1e-20).sqrt(), left.flip(1)[:, :k]
pad = (0, k - len(values))
U, V = left * values.sqrt(), X.T @ left / values.sqrt()
return torch.nn.functional.pad(U, pad), torch.nn.functional.pad(V, pad)""",
        "numpy, other signs": """
import numpy as np
left, values, right = np.linalg.svd(X.numpy(), full_matrices=False)
U, V = np.zeros((X.shape[0], k)), np.zeros((X.shape[1], k))
for i in range(min(k, len(values))):
    U[:, i], V[:, i] = -left[:, i] * values[i] ** 0.5, -right[i] * values[i] ** 0.5
return U, V""",
    },
    "completion": {
        "entry by entry": """
value, GU, GV = 0.0, torch.zeros_like(U), torch.zeros_like(V)
weight = seen.numel() / seen.sum()
for i, j in seen.nonzero().tolist():
    miss = U[i] @ V[j] - Y[i, j]
    value = value + weight * miss**2
    GU[i] += 2 * weight * miss * V[j]
    GV[j] += 2 * weight * miss * U[i]
return value, GU, GV""",
        "autograd": """
U, V = U.detach().requires_grad_(), V.detach().requires_grad_()
value = ((U @ V.T)[seen] - Y[seen]).square().sum() * seen.numel() / seen.sum()
return value.detach(), *torch.autograd.grad(value, (U, V))""",
    },
    "escape": {
        "eigenvectors": """
values, vectors = torch.linalg.eigh(G.T @ G)
b = vectors[:, -1]
a = -(G @ b) / (G @ b).norm()
return a, b, a @ G @ b + strength / smoothing**0.5""",
        "both signs turned": """
left, values, right = torch.linalg.svd(G)
return left[:, 0], -right[0], strength / smoothing**0.5 - values[0]""",
    },
    "adapter": {
        "L-BFGS on the stacked factor": """
Z = (0.2 * draw(sum(W0.shape), k, seed=seed + 9)).requires_grad_()
exact = {"tolerance_grad": 1e-8, "tolerance_change": 0, "line_search_fn": "strong_wolfe"}
optimiser = torch.optim.LBFGS([Z], max_iter=1500, **exact)

def closure():
    optimiser.zero_grad()
    p = Z.square().sum(0) / 2
    change = Z[: len(W0)] @ Z[len(W0) :].T
    total = (x @ (W0 + change).T - y).square().sum(1).mean() + strength * (p / (p + 0.01).sqrt()).sum()
    total.backward()
    return total

optimiser.step(closure)
kept = (Z.square().sum(0) / 2).sqrt() > 0.2
return Z.detach()[: len(W0), kept], Z.detach()[len(W0) :, kept]""",
        "the targets overwritten, returned as a list": """
y -= x @ W0.T
W0.zero_()
Z = [(0.2 * draw(size, k, seed=seed + size)).requires_grad_() for size in W0.shape]
optimiser = torch.optim.Adam(Z, lr=0.03)
for _ in range(900):
    p = (Z[0].square().sum(0) + Z[1].square().sum(0)) / 2
    loss = (x @ Z[1] @ Z[0].T - y).square().sum() / len(x) + strength * (p / torch.sqrt(p + 0.01)).sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
return [part[:, p > 0.04] for part in Z]""",
        "gradients by hand": """
U, V = 0.3 * draw(W0.shape[0], k, seed=seed), 0.3 * draw(W0.shape[1], k, seed=seed + 1)
gram, cross = x.T @ x / len(x), (y - x @ W0.T).T @ x / len(x)
for _ in range(6000):
    G = 2 * (U @ V.T @ gram - cross)
    p = (U.square().sum(0) + V.square().sum(0)) / 2
    price = strength * (p + 0.02) / (2 * (p + 0.01) ** 1.5)
    rate = min(0.02, 0.05 / strength)
    U, V = U - rate * (G @ V + price * U), V - rate * (G.T @ U + price * V)
kept = (U.square().sum(0) + V.square().sum(0)) / 2 > 0.04
return U[:, kept], V[:, kept]""",
    },
}
