"""Problem set 2: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "profile": {
        "h of the unsmoothed norm": ("x * (x + beta) ** -0.5", "(x + beta) ** 0.5"),
        "h' without the half": ("(2 * (x + beta) ** 1.5)", "(x + beta) ** 1.5"),
        "h' of the square root": ("(x + 2 * beta) / (2 * (x + beta) ** 1.5)", "0.5 * (x + beta) ** -0.5"),
        "h' without the product rule": ("(x + 2 * beta) / (2 * (x + beta) ** 1.5)", "(x + beta) ** -0.5"),
        "h'' with the wrong sign": ("-(x + 4", "(x + 4"),
        "h'' without the quarter": ("(4 * (x + beta) ** 2.5)", "(x + beta) ** 2.5"),
        "h'' with the wrong power": ("** 2.5", "** 1.5"),
        "β instead of 2β": ("x + 2 * beta", "x + beta"),
        "derivatives in the norm": ("return h, dh, d2h", "return h, 2 * x**0.5 * dh, d2h"),
        "right for β = 0.05 only": ("beta)", "0.05)"),
    },
    "turning": {
        "half the slope": ("2 * q * (", "q * ("),
        "slope with the wrong sign": ("first = 2", "first = -2"),
        "h' added": ("q * (dh(p) - dh(s))", "q * (dh(p) + dh(s))"),
        "q not squared": ("q**2", "q"),
        "factor 2 instead of 4": ("4 * q**2", "2 * q**2"),
        "h'' subtracted": ("d2h(p) + d2h(s)", "d2h(p) - d2h(s)"),
        "second term with the wrong sign": ("- 2 * (p - s)", "+ 2 * (p - s)"),
        "second term forgotten": (" - 2 * (p - s) * (dh(p) - dh(s))", ""),
        "group Lasso with the visible β": """
b = 0.3
dh = lambda x: (x + 2 * b) / (2 * (x + b) ** 1.5)
d2h = lambda x: -(x + 4 * b) / (4 * (x + b) ** 2.5)
return 2 * q * (dh(p) - dh(s)), 4 * q**2 * (d2h(p) + d2h(s)) - 2 * (p - s) * (dh(p) - dh(s))""",
    },
    "certificate": {
        "gradient ignored": ("gradient.norm() <= epsilon and ", ""),
        "curvature ignored": (" and torch.linalg.eigvalsh(hessian)[0] >= -gamma", ""),
        "largest eigenvalue": ("[0] >=", "[-1] >="),
        "sign of γ": (">= -gamma", ">= gamma"),
        "no tolerance in the curvature": (">= -gamma", ">= 0"),
        "squared norm": ("gradient.norm() <=", "gradient.norm() ** 2 <="),
        "largest entry": ("gradient.norm() <=", "gradient.abs().max() <="),
        "operator norm": ("gradient.norm() <=", "torch.linalg.matrix_norm(gradient, 2) <="),
        "diagonal of the Hessian": ("torch.linalg.eigvalsh(hessian)[0]", "hessian.diagonal().min()"),
        "one column of the Hessian": ("[0] >=", "[1] >="),
        "γ against the largest modulus": ("[0] >= -gamma", ".abs().max() <= gamma"),
    },
    "survivor": {
        "λ instead of λ/2": ("strength / 2", "strength"),
        "smaller root": """
p = 0.0
for _ in range(100_000):
    left = p + strength / 2 * (p + 2 * beta) / (2 * (p + beta) ** 1.5)
    if left <= mu:
        return p
    p += mu / 1000
    if p > mu:
        return 0.0""",
        "never zero": """
from scipy.optimize import minimize_scalar
g = lambda p: (p + strength / 2 * (p + 2 * beta) / (2 * (p + beta) ** 1.5) - mu) ** 2
return minimize_scalar(g, bounds=(0, mu), method="bounded").x""",
        "one step of shrinkage": "return max(0.0, mu - strength / 2 * (mu + 2 * beta) / (2 * (mu + beta) ** 1.5))",
        "weight decay": "return max(0.0, mu - strength / 2)",
        "h instead of h'": ("(p + 2 * beta) / (2 * (p + beta) ** 1.5)", "p / (p + beta) ** 0.5"),
        "norm instead of its square": ("    return p\n", "    return p**0.5\n"),
        "unsmoothed": ("(p + 2 * beta) / (2 * (p + beta) ** 1.5)", "1 / (2 * p**0.5)"),
        "visible answers": "return {1.0: 0.974, 0.25: 0.1 if strength < 0.2 else 0.0}.get(mu, mu)",
    },
    "boundary": {
        "from the truth": ("train(problem, start", "train(problem, truth"),
        "without the square root": "return 2 * beta * mu",
        "half of it": "return beta**0.5 * mu",
        "largest eigenvalue": "return 2 * beta**0.5",
        "a fixed power of μ": "return 0.945 * mu**1.5",
        "counts all columns": ("penalty.threshold).sum() == 2", "-1).sum() == 2"),
        "truth without the square root": ("mu**0.5], [0, 0]]", "mu], [0, 0]]"),
        "bisection the wrong way": ("(middle, high) if finds", "(middle, high) if not finds"),
        "visible answer": "return 0.1131",
    },
}

RIGHT = {
    "profile": {
        "automatic differentiation": """
x = x.detach().requires_grad_()
h = x / torch.sqrt(x + beta)
dh = torch.autograd.grad(h.sum(), x, create_graph=True)[0]
d2h = torch.autograd.grad(dh.sum(), x)[0]
return h, dh, d2h""",
        "numpy, product rule": """
import numpy as np
x = x.numpy()
w = x + beta
h = x / np.sqrt(w)
return h, w**-0.5 - x / 2 * w**-1.5, -(w**-1.5) + 0.75 * x * w**-2.5""",
    },
    "turning": {
        "through the derivatives of p": """
p1, s1, p2, s2 = 2 * q, -2 * q, -2 * (p - s), 2 * (p - s)
first = dh(p) * p1 + dh(s) * s1
second = d2h(p) * p1**2 + d2h(s) * s1**2 + dh(p) * p2 + dh(s) * s2
return float(first), float(second)""",
        "with the difference named": """
gap = dh(s) - dh(p)
return -2 * q * gap, 2 * (p - s) * gap + (2 * q) ** 2 * (d2h(s) + d2h(p))""",
    },
    "certificate": {
        "finite differences": """
n, step = U.numel(), 1e-4
E = torch.eye(n, dtype=U.dtype).reshape(n, *U.shape) * step
def at(V): return float(F(V))
gradient = torch.tensor([(at(U + e) - at(U - e)) / (2 * step) for e in E])
def bend(a, b): return (at(U + a + b) - at(U + a - b) - at(U - a + b) + at(U - a - b)) / (4 * step**2)
H = torch.tensor([[bend(a, b) for b in E] for a in E])
return gradient.norm() <= epsilon and torch.linalg.eigvalsh(H).min() >= -gamma - 1e-6""",
        "numpy eigenvalues, row by row": """
import numpy as np
V = U.detach().clone().requires_grad_()
g = torch.autograd.grad(F(V), V, create_graph=True)[0].flatten()
rows = [torch.autograd.grad(x, V, retain_graph=True)[0].flatten() for x in g]
lowest = np.linalg.eigvalsh(torch.stack(rows).double().numpy()).min()
return np.linalg.norm(g.detach().numpy()) <= epsilon and lowest >= -gamma""",
    },
    "survivor": {
        "bisection above the minimum": """
from scipy.optimize import brentq, minimize_scalar
g = lambda p: p + strength / 2 * (p + 2 * beta) / (2 * (p + beta) ** 1.5)
lowest = minimize_scalar(g, bounds=(0, mu), method="bounded", options={"xatol": 1e-12}).x
lowest = min(lowest, 0.0, key=g)
return brentq(lambda p: g(p) - mu, lowest, mu) if g(lowest) < mu else 0""",
        "fixed point from above": """
p = mu
for _ in range(200_000):
    new = mu - strength / 2 * (p + 2 * beta) / (2 * (p + beta) ** 1.5)
    if new <= 0:
        return torch.tensor(0.0)
    if abs(new - p) < 1e-13:
        break
    p = new
return torch.tensor(p)""",
    },
    "boundary": {
        "gradient descent in batches": """
import numpy as np
truth = torch.tensor([[1, 0], [0, mu**0.5], [0, 0]], dtype=torch.float64)
start = torch.tensor([[1, 0], [0, 1e-4], [0, 0]], dtype=torch.float64)
low, high = 0.01 * mu, 2 * mu
for _ in range(3):
    strengths = torch.linspace(low, high, 12, dtype=torch.float64)
    lasso = GroupLasso(strengths, beta)
    U = train(Population(truth), start.expand(12, 3, 2).clone(), penalty=lasso, steps=3000, record=1).U
    both = (column_norms(U).amin(-1) > 2 * beta**0.5).tolist()
    last = max(i for i, alive in enumerate(both) if alive)
    low, high = strengths[last].item(), strengths[min(last + 1, 11)].item()
return (low + high) / 2""",
        "the theorem": "return 2 * beta**0.5 * mu",
    },
}

FITTED = {"boundary": ["visible answer"]}  # made from the visible instance: only the hidden ones tell
