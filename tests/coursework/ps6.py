"""Problem set 6: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "backprop": {
        "one square": ("4 / len(y)", "2 / len(y)"),
        "no square": ("4 / len(y)", "1 / len(y)"),
        "wrong sign": ("4 / len(y)", "-4 / len(y)"),
        "sum instead of mean": ("4 / len(y)", "4"),
        "targets forgotten": (" - y", ""),
        "squared units in the chain rule": ("* hidden)", "* hidden.square())"),
        "residual of each unit": ("hidden.square().sum(1) - y", "hidden.square().mean(1) - y"),
        "absolute residual": ("residual[:, None]", "residual[:, None].abs()"),
        "linear units": ("residual = hidden.square().sum(1) - y", "residual = hidden.sum(1) - y"),
        "right for n = 6 only": ("4 / len(y)", "4 / 6"),
    },
    "expected": {
        "Gaussian ensemble": "return D.square().sum()",
        "trace forgotten": (" + D.trace() ** 2", ""),
        "factor 2 forgotten": ("2 * D", "D"),
        "trace not squared": ("D.trace() ** 2", "D.trace()"),
        "trace of the square": ("D.trace() ** 2", "(D @ D).trace()"),
        "factor 3 for all": ("2 * D.square().sum()", "3 * D.square().sum()"),
        "diagonal only": ("D.square().sum()", "D.diagonal().square().sum()"),
        "square of the mean": "return D.trace() ** 2",
        "few samples": "x = draw(50, len(D), seed=0)\nreturn ((x @ D) * x).sum(1).square().mean()",
    },
    "spectrum": {
        "no trace": ("(mu - p).sum() / 2", "0"),
        "trace with the wrong sign": ("(mu - p).sum() / 2", "(p - mu).sum() / 2"),
        "T instead of T/2": ("(mu - p).sum() / 2", "0.9 * (mu - p).sum()"),
        "λ/2 as for Gaussian measurements": ("strength / 4", "strength / 2"),
        "h instead of h'": ("(p + 2 * beta) / (2 * (p + beta) ** 1.5)", "p / (p + beta) ** 0.5"),
        "one step": ("4_000", "1"),
        "unpenalised": "return mu",
        "unsmoothed": ("(p + 2 * beta) / (2 * (p + beta) ** 1.5)", "1 / (2 * p**0.5)"),
        "norms": ("return p", "return p**0.5"),
        "one shrinkage for all": ("new = mu +", "shrink = shrink[0]\n        new = mu +"),
    },
    "units": {
        "columns instead of rows": ("dim=0", "dim=1"),
        "keeps what it should remove": ("amount=removed", "amount=keep"),
        "mask not made permanent": ('    torch_prune.remove(network.hidden, "weight")\n', ""),
        "largest entry": ("n=2", "n=float('inf')"),
        "l1 norm": ("n=2", "n=1"),
        "single weights": (
            'torch_prune.ln_structured(network.hidden, "weight", amount=removed, n=2, dim=0)',
            'torch_prune.l1_unstructured(network.hidden, "weight", amount=removed)',
        ),
        "random units": (
            'torch_prune.ln_structured(network.hidden, "weight", amount=removed, n=2, dim=0)',
            'torch_prune.random_structured(network.hidden, "weight", amount=removed, dim=0)',
        ),
        "one too many": ("amount=removed", "amount=removed - 1"),
        "half of them": ("amount=removed", "amount=0.5"),
    },
    "students": {
        "Gaussian measurements": ('ensemble="rank-one", ', ""),
        "no noise": ("noise=0.2", "noise=0.0"),
        "not fine-tuned": ("fine_tune(problem, pruned).U", "pruned"),
        "fine-tuned with the penalty": ("fine_tune(problem, pruned)", "fine_tune(problem, pruned, penalty=penalty)"),
        "plain student pruned": ("problem.error(plain)", "problem.error(prune(plain, keep=r))"),
        "plain student from the penalised": ("train(problem, U0, steps=1500)", "train(problem, pruned, steps=1500)"),
        "loss instead of error": ("problem.error(plain)", "problem.loss(plain)"),
        "all units": ("pruned.shape[1]", "k"),
        "told two units": ("threshold=penalty.threshold", "keep=2"),
        "told the teacher's units": ("threshold=penalty.threshold", "keep=r"),
    },
}

RIGHT = {
    "backprop": {
        "autograd": """
U = U.detach().requires_grad_()
loss = ((x @ U).square().sum(1) - y).square().mean()
return torch.autograd.grad(loss, U)[0]""",
        "numpy": """
import numpy as np
x, y, U = x.numpy(), y.numpy(), U.numpy()
Z = x @ U
return 4 * x.T @ (Z * ((Z**2).sum(1) - y)[:, None]) / len(y)""",
        "unit by unit": """
residual = (x @ U).square().sum(1) - y
return torch.stack([4 * ((residual * (x @ u))[:, None] * x).mean(0) for u in U.T], 1)""",
    },
    "expected": {
        "by eigenvalues": "v = torch.linalg.eigvalsh(D)\nreturn (v.sum() ** 2 + 2 * (v**2).sum()).item()",
        "loops": """
total, d = 0.0, len(D)
for a in range(d):
    for b in range(d):
        total += float(D[a, a] * D[b, b] + 2 * D[a, b] ** 2)
return total""",
    },
    "spectrum": {
        "scipy": """
from scipy.optimize import fsolve
m = mu.numpy()
h = lambda p: (p + 2 * beta) / (2 * (p + beta) ** 1.5)
return fsolve(lambda p: p - m - (m - p).sum() / 2 + strength / 4 * h(p), m, xtol=1e-13)""",
        "outer bisection over T": """
def inner(T):
    p = mu + T / 2
    for _ in range(500):
        p = mu + T / 2 - strength / 4 * (p + 2 * beta) / (2 * (p + beta) ** 1.5)
        p = p.clamp(min=1e-12)
    return p
low, high = 0.0, 2 * float(mu.sum())
for _ in range(80):
    T = (low + high) / 2
    low, high = (T, high) if (mu - inner(T)).sum() > T else (low, T)
return inner(low)""",
    },
    "units": {
        "fraction": """
k = network.hidden.out_features
torch_prune.ln_structured(network.hidden, name="weight", amount=(k - keep) / k, n=2, dim=0)
torch_prune.remove(network.hidden, "weight")""",
        "own mask": """
norms = network.hidden.weight.detach().norm(dim=1)
mask = torch.zeros_like(network.hidden.weight)
mask[norms.topk(keep).indices] = 1
torch_prune.custom_from_mask(network.hidden, "weight", mask)
torch_prune.remove(network.hidden, "weight")""",
    },
    "students": {
        "own pruning": """
problem = Empirical.sample(ground_truth(d, r, seed=seed), n, noise=0.2, ensemble="rank-one", seed=seed + 1)
U0 = gaussian_init(d, k, scale=0.1, seed=seed + 2)
U = train(problem, U0, penalty=penalty, steps=1500, record=1).U
U = U[:, U.norm(dim=0) > penalty.threshold]
V = train(problem, U, steps=1000, method="l-bfgs").U
plain = train(problem, U0, steps=1500, record=1).U
return len(U.T), problem.error(V), problem.error(plain)""",
        "in another order": """
truth = ground_truth(d, r, seed=seed)
problem = Empirical.sample(truth, n, noise=0.2, ensemble="rank-one", seed=seed + 1)
start = gaussian_init(d, k, scale=0.1, seed=seed + 2)
without = (lambda U: (U @ U.T - truth @ truth.T).norm())(train(problem, start, steps=1500).U)
small = prune(train(problem, start, steps=1500, penalty=penalty).U, threshold=2 * penalty.smoothing**0.5)
return small.shape[1], problem.error(fine_tune(problem, small, tolerance=1e-10).U), without""",
    },
}
