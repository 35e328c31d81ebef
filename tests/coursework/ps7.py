"""Problem set 7: answers that must lose the points of their problem, and other right ones that must keep them.

A string is a whole answer in place of the reference; a pair (old, new) is an edit of the reference.
"""

FIT = """
W = (0.2 * draw(width, x.shape[1], seed=seed)).requires_grad_()
V = (0.2 * draw(10, width, seed=seed + 1)).requires_grad_()
optimiser = torch.optim.Adam([W, V], lr=0.02)
for _ in range(300):
    optimiser.zero_grad()
    p = W.square().sum(1) + V.square().sum(0)
    loss = torch.nn.functional.cross_entropy(network(x, W, V), y)
    (loss + {penalty}).backward()
    optimiser.step()
return {result}"""

WRONG = {
    "balance": {
        "without the root": (".sqrt()", ""),
        "the wrong way": ("out / into.clamp(min=1e-300)", "into / out.clamp(min=1e-300)"),
        "incoming side only": ("V * back", "V"),
        "both sides the same way": ("V * back", "V * factor"),
        "unit norms": "return W / W.norm(dim=1, keepdim=True), V / V.norm(dim=0)",
        "one factor for all units": "c = (V.norm() / W.norm()).sqrt()\nreturn c * W, V / c",
        "dead units left": ("torch.where(alive, 1 / factor.clamp(min=1e-300), torch.zeros_like(into))",
                            "torch.where(alive, 1 / factor.clamp(min=1e-300), torch.ones_like(into))"),
        "rows of V": ("V.norm(dim=0)", "V.T.norm(dim=0).mean() * torch.ones(len(W), dtype=W.dtype)"),
        "negative factor": ("factor[:, None] * W, V * back", "-factor[:, None] * W, -V * back"),
        "division by zero": "c = (V.norm(dim=0) / W.norm(dim=1)).sqrt()\nreturn c[:, None] * W, V / c",
    },
    "penalty": {
        "sides apart": ("p = W.square().sum(1) + V.square().sum(0)", "p = W.square().sum(1)"),
        "gradient without the 2": ("(p + 2 * beta) / (p + beta) ** 1.5", "(p + 2 * beta) / (2 * (p + beta) ** 1.5)"),
        "sum of two norms": ("(p / (p + beta) ** 0.5).sum()", "(W.norm(dim=1) + V.norm(dim=0)).sum()"),
        "wrong sign": ("slope = (p", "slope = -(p"),
        "unsmoothed gradient": ("(p + 2 * beta) / (p + beta) ** 1.5", "1 / p**0.5"),
        "sum over inputs": ("W.square().sum(1) + V.square().sum(0)", "W.square().sum(1).mean() + V.square().sum(0)"),
        "mean": (".sum(), slope", ".mean(), slope"),
        "weight decay": "return (W.square().sum() + V.square().sum()), 2 * W, 2 * V",
        "smoothed root": ("(p / (p + beta) ** 0.5).sum()", "((p + beta) ** 0.5).sum()"),
        "visible β": ("beta)", "0.1)"),
    },
    "removal": {
        "incoming weights only": ("W.square().sum(1) + V.square().sum(0)", "W.square().sum(1)"),
        "outgoing weights only": ("W.square().sum(1) + V.square().sum(0)", "V.square().sum(0)"),
        "product of norms": ("W.square().sum(1) + V.square().sum(0)", "W.norm(dim=1) * V.norm(dim=0)"),
        "sum of norms": ("W.square().sum(1) + V.square().sum(0)", "W.norm(dim=1) + V.norm(dim=0)"),
        "smallest": ("descending=True", "descending=False"),
        "sorted by size": (".sort().values", ""),
        "one too few": ("[:m]", "[: m - 1]"),
        "sides in different orders": ("V[:, kept]", "V[:, p.argsort(descending=True)[:m]]"),
        "first units": "return W[:m], V[:, :m]",
        "masked, not removed": "mask = (torch.arange(len(W)) < m).double()\nreturn W * mask[:, None], V * mask",
    },
    "training": {
        "no penalty": FIT.format(penalty="0", result="W.detach(), V.detach()"),
        "wrong sign": FIT.format(penalty="-strength * p.sqrt().sum()", result="W.detach(), V.detach()"),
        "weight decay": FIT.format(penalty="strength * 0.01 * p.sum()", result="W.detach(), V.detach()"),
        "one norm of everything": FIT.format(penalty="strength * p.sum().sqrt()", result="W.detach(), V.detach()"),
        "weights one by one, too weak": FIT.format(
            penalty="strength * 0.01 * (W.abs().sum() + V.abs().sum())", result="W.detach(), V.detach()"),
        "untrained": "return 0.2 * draw(width, 65, seed=seed), 0.2 * draw(10, width, seed=seed + 1)",
        "three steps": ("range(300)", "range(3)"),
        "prunes without being asked": FIT.format(
            penalty="strength * 0", result="W.detach() * (torch.arange(width) < width // 3)[:, None], "
            "V.detach() * (torch.arange(width) < width // 3)"),
        "shuffled labels": ("network(x, W, V), y)", "network(x, W, V), y.flip(0))"),
        "far too strong": ("+ strength *", "+ 100 * strength *"),
    },
}

RIGHT = {
    "balance": {
        "unit by unit": """
W, V = W.clone(), V.clone()
for j in range(len(W)):
    a, b = W[j].norm(), V[:, j].norm()
    if a == 0 or b == 0:
        W[j], V[:, j] = 0, 0
    else:
        W[j] *= (b / a) ** 0.5
        V[:, j] *= (a / b) ** 0.5
return W, V""",
        "numpy, by directions": """
import numpy as np
W, V = W.numpy(), V.numpy()
a, b = np.linalg.norm(W, axis=1), np.linalg.norm(V, axis=0)
size = np.sqrt(a * b)
return size[:, None] * W / np.where(a > 0, a, 1)[:, None], size * V / np.where(b > 0, b, 1)""",
    },
    "penalty": {
        "autograd": """
W, V = W.detach().requires_grad_(), V.detach().requires_grad_()
p = (W**2).sum(1) + (V**2).sum(0)
value = (p / torch.sqrt(p + beta)).sum()
return value.detach(), *torch.autograd.grad(value, (W, V))""",
        "as one matrix": """
Z = torch.cat([W, V.T], 1)
p = (Z * Z).sum(1)
G = Z * (2 * ((p + beta) ** -0.5 - p / 2 * (p + beta) ** -1.5))[:, None]
return (p * (p + beta) ** -0.5).sum(), G[:, : W.shape[1]], G[:, W.shape[1] :].T""",
    },
    "removal": {
        "mask": """
Z = torch.cat([W, V.T], 1)
mask = torch.zeros(len(W), dtype=torch.bool)
mask[Z.norm(dim=1).topk(m).indices] = True
return W[mask], V[:, mask]""",
        "numpy": """
import numpy as np
W, V = W.numpy(), V.numpy()
order = np.sort(np.argsort(-((W**2).sum(1) + (V**2).sum(0)))[:m])
return W[order], V[:, order]""",
    },
    "training": {
        "modules, another learning rate": """
first, second = torch.nn.Linear(65, width, bias=False).double(), torch.nn.Linear(width, 10, bias=False).double()
with torch.no_grad():
    first.weight.copy_(0.2 * draw(width, 65, seed=seed))
    second.weight.copy_(0.2 * draw(10, width, seed=seed + 1))
adam = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=0.015)
for _ in range(400):
    adam.zero_grad()
    squares = torch.cat([first.weight, second.weight.T], 1).square().sum(1)
    group = (squares / (squares + 1e-3).sqrt()).sum()
    loss = torch.nn.CrossEntropyLoss()(second(torch.relu(first(x))), y) + strength * group
    loss.backward()
    adam.step()
return first.weight.detach(), second.weight.detach()""",
        "own penalty gradient": """
W, V = 0.2 * draw(width, 65, seed=seed), 0.2 * draw(10, width, seed=seed + 1)
W.requires_grad_(), V.requires_grad_()
adam = torch.optim.Adam([W, V], lr=0.02)
for _ in range(300):
    adam.zero_grad()
    torch.nn.functional.cross_entropy(network(x, W, V), y).backward()
    with torch.no_grad():
        p = W.square().sum(1) + V.square().sum(0)
        slope = strength * (p + 2e-3) / (p + 1e-3) ** 1.5
        W.grad += slope[:, None] * W
        V.grad += slope * V
    adam.step()
return W.detach(), V.detach()""",
    },
}
