"""Problem set 8: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

WRONG = {
    "floor": {
        "without c": ("4 * c * (high", "4 * (high"),
        "Gaussian constant": "return 0.78",
        "the limit for small b": "return 3 / (8 * c) ** (2 / 3)",
        "the place of the minimum": ("return high + (high", "return high + 0 * (high"),
        "the value at zero": "return 1 / (2 * c * b**0.5)",
        "slope twice": ("(4 * c * (high", "(2 * c * (high"),
        "h in place of h'": "x = torch.linspace(0, 1, 1001)\nreturn (x + x / (x + b) ** 0.5 / (2 * c)).min()",
        "maximum": ("(x, high) if falls else (low, x)", "(low, x) if falls else (x, high)"),
        "not near zero": "x = torch.logspace(-2, 1, 300_000).double()\n"
                         "return (x + (x + 2 * b) / (4 * c * (x + b) ** 1.5)).min()",
    },
    "noise": {
        "variance": (" ** 0.5", ""),
        "no correction": ("problem.loss(U) / rest", "problem.loss(U) / problem.n"),
        "md parameters": ("(m * problem.d - m * (m - 1) // 2)", "m * problem.d"),
        "no inner freedom counted twice": ("m * (m - 1) // 2", "m * (m + 1) // 2"),
        "mean, not sum": ("problem.n * problem.loss(U)", "problem.loss(U)"),
        "no case for few data": ("if rest <= 0:", "if rest < -100:"),
        "zero for few data": ('float("inf")', "0.0"),
        "finite for as many data as parameters": ("if rest <= 0:", "rest = rest or 1\n    if rest < 0:"),
        "root of something negative": 'm = U.shape[1]\nrest = problem.n - m * problem.d + m * (m - 1) / 2\n'
                                      'return (problem.n * float(problem.loss(U)) / rest) ** 0.5',
    },
    "range": {
        "level is the strength": ("strength ** (2 / 3)", "strength"),
        "smoothing in place of b": ("b = beta / z", "b = beta"),
        "no deviation": ("z / b**0.5 + e", "z / b**0.5"),
        "deviation of the wrong sign": ("g * z - e", "g * z + e"),
        "without c": ("(2 * c * mu > z", "(2 * mu > z"),
        "factor 2": ("2 * c * mu > z", "c * mu > z"),
        "order": ("int(least), int(", "0, int("),
        "no floor": ("2 * c * g * z - e", "2 * c * z - e"),
    },
    "rule": {
        "last": ("return j\n", "best = j\n        else:\n            best = len(levels) - 1\n    return best\n"),
        "no margin": ("(1 + margin) * (n", "(n"),
        "margin alone": ("(1 + margin)", "margin"),
        "no square root": (") ** 0.5", ")"),
        "no correction": ("n * loss / rest * 2", "loss * 2"),
        "first index if none": ("return len(levels) - 1", "return 0"),
        "md parameters": ("(m * d - m * (m - 1) // 2)", "m * d"),
        "without the 2": ("* 2 * d / n", "* d / n"),
        "residuals that vanish count": ("rest > 0 and ", "rest <= 0 or "),
    },
    "shares": {
        "percent": ("few / draws, right / draws", "100 * few / draws, 100 * right / draws"),
        "the same sample again": ("seed=seed + i", "seed=seed"),
        "another truth for each sample": ("sample(U_star", "sample(ground_truth(d, r, seed=seed + i)"),
        "too few and too many exchanged": ("rank < r for", "rank > r for"),
        "counts": (
            "few / draws, right / draws, (draws - few - right) / draws",
            "few, right, draws - few - right",
        ),
        "one sample less": ("for i in range(draws)", "for i in range(draws - 1)"),
        "told the rank": ("find_rank(Empirical.sample(U_star, n, noise=noise, seed=seed + i)).rank", "r"),
    },
}

RIGHT = {
    "floor": {
        "on a grid": """
x = torch.cat([torch.zeros(1), torch.logspace(-8, 1, 300_000)]).double()
return (x + (x + 2 * b) / (4 * c * (x + b) ** 1.5)).min()""",
        "numpy and scipy": """
import numpy as np
from scipy.optimize import minimize_scalar
def value(x):
    return x + (x + 2 * b) / (4 * c * (x + b) ** 1.5)
inside = minimize_scalar(value, bounds=(0, 2), method="bounded", options={"xatol": 1e-10}).fun
return np.minimum(value(0.0), inside)""",
    },
    "noise": {
        "from the residuals": """
residual = problem.measure(U @ U.T) - problem.y
m = U.shape[1]
rest = problem.n - m * problem.d + m * (m - 1) / 2
return (residual.square().sum() / rest).sqrt() if rest > 0 else torch.inf""",
        "numpy": """
import numpy as np
m, d = U.shape[1], problem.d
parameters = sum(d - i for i in range(m))
if problem.n <= parameters:
    return np.inf
return np.sqrt(problem.n * float(problem.loss(U)) / (problem.n - parameters))""",
    },
    "range": {
        "with the strength": """
mu = torch.linalg.eigvalsh(M).tolist()
low = (strength / beta**0.5 + e) / (2 * c)
high = g * strength ** (2 / 3) - e / (2 * c)
return sum(x > low for x in mu), sum(x >= high for x in mu)""",
        "numpy": """
import numpy as np
mu = np.linalg.eigvalsh(M.numpy())
z = np.cbrt(strength) ** 2
return (2 * c * mu > strength / np.sqrt(beta) + e).sum(), (2 * c * mu >= 2 * c * g * z - e).sum()""",
    },
    "rule": {
        "all at once": """
z, f, m = (torch.tensor(x, dtype=torch.float64) for x in (levels, losses, ranks))
rest = n - m * d + m * (m - 1) / 2
noise = torch.where(rest > 0, (n * f / rest).clamp(min=0) ** 0.5, torch.inf)
holds = g * z >= (1 + margin) * noise * (2 * d / n) ** 0.5
return int(holds.double().argmax()) if holds.any() else len(levels) - 1""",
        "backwards": """
best = len(levels) - 1
for j in range(len(levels) - 1, -1, -1):
    free = n - sum(d - i for i in range(ranks[j]))
    if free > 0 and g * levels[j] >= (1 + margin) * (losses[j] * 2 * d / free) ** 0.5:
        best = j
return best""",
    },
    "shares": {
        "as a tensor": """
U_star = ground_truth(d, r, seed=seed)
off = torch.zeros(draws)
for i in range(draws):
    off[i] = find_rank(Empirical.sample(U_star, n, noise=noise, seed=seed + i)).rank - r
return torch.stack([(off < 0).double().mean(), (off == 0).double().mean(), (off > 0).double().mean()])""",
        "numpy": """
import numpy as np
U_star = ground_truth(d, r, seed=seed)
problems = [Empirical.sample(U_star, n, noise=noise, seed=seed + i) for i in range(draws)]
ranks = np.array([find_rank(problem).rank for problem in problems])
return np.array([np.mean(ranks < r), np.mean(ranks == r), np.mean(ranks > r)])""",
    },
}
