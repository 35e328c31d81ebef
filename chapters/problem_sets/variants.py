"""Draw private masters from the public ones, for marks that count (`make variant SEED=number`).

`python chapters/problem_sets/variants.py SEED FOLDER [--source FOLDER]`. The same seed draws the same masters. Hidden
instances get other seeds and sizes; where a problem allows it, its convention changes too (a factor in the loss, the
order of an answer, which way a rotation turns), in text, solution and check alike, so that the public answer is wrong.
"""

import argparse
import random
import re
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
HIDDEN = re.compile(r"(?s)(### BEGIN HIDDEN TESTS\n)(.*?)(### END HIDDEN TESTS)")
SEED = re.compile(r"\b[1-9]\d?_?\d{3}\b(?= \+|\))")  # hidden instances have seeds from 1000 on, visible ones below
SIZE = re.compile(r"\b([nd])=(\d+)\b")

# {set: {problem: edits}}; an edit is (cell, old, new), the cell a name or the number of the problem that states it.
# § is a factor, drawn anew for each variant; the old text must stand there once.
FACTORS = (2, 3, 5)
CONVENTIONS = {
    "ps1": {
        "adjoint": [
            (1, r"\mathcal{A}(X)_i = \langle B_i, X\rangle", r"\mathcal{A}(X)_i = §\langle B_i, X\rangle"),
            ("adjoint", "return (total + total.T) / 2", "return § * (total + total.T) / 2"),
            ("adjoint-check", "torch.stack([(B * X).sum((1, 2)) @ v", "torch.stack([§ * (B * X).sum((1, 2)) @ v"),
        ],
        "gradient": [
            (2, r"f(UU^\top) = \frac1n", r"f(UU^\top) = \frac1{§n}"),
            ("gradient", "return 4 / len(y)", "return 4 / § / len(y)"),
            ("gradient-check", ".square().mean()", ".square().mean() / §"),
        ],
        "rotation": [
            (3, "find an *orthogonal* $O$ with $UO = V$", "find an *orthogonal* $O$ with $VO = U$"),
            (3, r"makes $\lVert UO - V\rVert_F$", r"makes $\lVert VO - U\rVert_F$"),
            ("rotation", "with U O = V,", "with V O = U,"),
            ("rotation", "svd(U.T @ V)", "svd(V.T @ U)"),
            ("rotation-check", "rotation_between(U.clone(), V.clone())", "rotation_between(V.clone(), U.clone())"),
        ],
        "pruning": [
            (5, "**in the order in which they stand in** $U$", "**the largest first**"),
            ("pruning", "in their old order", "the largest first"),
            ("pruning", "U[:, order.sort().values]", "U[:, order]"),
            ("pruning-check", "places == sorted(places)", "places == sorted(places, key=lambda i: -norms[i])"),
            ("pruning-check", "{places}, not the old one.", "{places}, not the largest first."),
        ],
        "pipeline": [
            (
                6,
                r"the error $\lVert UU^\top - M\rVert_F$",
                r"the error $\lVert UU^\top - M\rVert_F / \lVert M\rVert_F$",
            ),
            (6, "`problem.error(U)` computes it.", "`problem.error(U)` computes the numerator."),
            (
                "pipeline",
                "problem.error(pruned).item(), problem.error(tuned).item()",
                "(problem.error(pruned) / problem.M.norm()).item(), (problem.error(tuned) / problem.M.norm()).item()",
            ),
            (
                "pipeline-check",
                "problem.error(pruned).item()",
                "problem.error(pruned).item() / problem.M.norm().item()",
            ),
            (
                "pipeline-check",
                "fine_tune(problem, pruned).U).item()",
                "fine_tune(problem, pruned).U).item() / problem.M.norm().item()",
            ),
        ],
    },
    "ps2": {
        "profile": [
            (1, "Return $h(x)$, $h'(x)$ and $h''(x)$.", "Return $h''(x)$, $h'(x)$ and $h(x)$, in this order."),
            ("profile", "h(x), h'(x), h''(x) for", "h''(x), h'(x), h(x) for"),
            ("profile", "return h, dh, d2h", "return d2h, dh, h"),
            ("profile-check", "zip(profile(x, beta), ", "zip(profile(x, beta)[::-1], "),
            ("profile-check", "profile(x + step, beta)[0]", "profile(x + step, beta)[2]"),
        ],
        "turning": [
            (
                2,
                r"u(\theta) = \cos\theta\,u + \sin\theta\,v$ and $v(\theta) = \cos\theta\,v - \sin\theta\,u",
                r"u(\theta) = \cos\theta\,u - \sin\theta\,v$ and $v(\theta) = \cos\theta\,v + \sin\theta\,u",
            ),
            ("turning", "first = 2 * q", "first = -2 * q"),
            ("turning-check", "cos * u + sin * v", "cos * u - sin * v"),
            ("turning-check", "cos * v - sin * u", "cos * v + sin * u"),
            ("turning-check", "‖u(θ)‖² has the derivative 2q at 0", "‖u(θ)‖² has the derivative −2q at 0"),
        ],
        "certificate": [
            (3, r"is at least $-\gamma$", r"is at least $-\sqrt\gamma$"),
            ("certificate", ">= -gamma)", ">= -(gamma**0.5))"),
            (
                "certificate-check",
                "is_second_order(F, U.clone(), epsilon, gamma)",
                "is_second_order(F, U.clone(), epsilon, gamma**2)",
            ),
            ("certificate-check", "≥ −γ = −0.2", "≥ −√γ = −0.2"),
            ("certificate-check", "< −γ = −0.05", "< −√γ = −0.05"),
        ],
    },
    "ps3": {
        "counting": [
            (2, "the largest itself included", "the largest itself not included"),
            ("counting", "at least c times the largest: shape", "at least c times the largest, without that: shape"),
            ("counting", ".sum(-1)", ".sum(-1) - 1"),
            (
                "counting-check",
                "expected = [sum(norm >= c * max(norms) for norm in norms) for",
                "expected = [sum(norm >= c * max(norms) for norm in norms) - 1 for",
            ),
            ("counting-check", '"without the largest itself": [count - 1', '"with the largest itself": [count + 1'),
        ],
        "sorted_columns": [
            (4, "in decreasing order", "in increasing order"),
            ("sorted_columns", "orthogonal columns of decreasing norm", "orthogonal columns of increasing norm"),
            ("sorted_columns", "torch.linalg.svd(U)[2].T", "torch.linalg.svd(U)[2].T.flip(1)"),
            ("sorted_columns-check", "(norms.diff() < 1e-6).all()", "(norms.diff() > -1e-6).all()"),
            ("sorted_columns-check", "not in decreasing order", "not in increasing order"),
        ],
        "loss": [
            (
                3,
                r"the relative error $\lVert X_m - M\rVert_F/\lVert M\rVert_F$",
                r"the relative squared error $\lVert X_m - M\rVert_F^2/\lVert M\rVert_F^2$",
            ),
            ("loss", "‖X_m − M‖_F / ‖M‖_F,", "‖X_m − M‖_F² / ‖M‖_F²,"),
            (
                "loss",
                "return (kept @ kept.T - M).norm() / M.norm()",
                "return ((kept @ kept.T - M).norm() / M.norm()) ** 2",
            ),
            (
                "loss-check",
                "expected = ((X - M).norm() / M.norm()).item()",
                "expected = ((X - M).norm() / M.norm()).item() ** 2",
            ),
            ("loss-check", '"squared": expected**2', '"without the square": expected**0.5'),
        ],
    },
    "ps4": {
        "edge": [
            (2, r"the smallest *norm* $\sqrt p$ that", "the smallest *squared norm* $p$ that"),
            ("edge", "The least norm", "The least squared norm"),
            ("edge", "return high**0.5", "return high"),
            ("edge-check", '"The edge", ()))', '"The edge", ()).clamp(min=0)) ** 0.5'),
            ("edge-check", "You return p, not its root.", ""),
            ("figure", "edge(strength, 1.5, 0.01) for", "edge(strength, 1.5, 0.01) ** 0.5 for"),
            ("edge-check", "At your edge {norm:.5f}", "At your edge p = {norm**2:.5f}"),
        ],
        "kappa": [
            (
                1,
                r"\lVert\mathcal{A}(uu^\top)\rVert^2 / (n\lVert u\rVert^4)",
                r"\lVert\mathcal{A}(uu^\top)\rVert^2 / (§n\lVert u\rVert^4)",
            ),
            ("kappa", "(n ‖u‖⁴), a", "(§ n ‖u‖⁴), a"),
            ("kappa", "values.square().mean()", "values.square().mean() / §"),
            ("kappa-check", "/ n / float(u.norm()) ** 4", "/ n / § / float(u.norm()) ** 4"),
        ],
        "count": [
            (
                3,
                "whether the one holds and whether the other does",
                "whether the second holds and whether the first does",
            ),
            ("count", "(at least r?, at most r?)", "(at most r?, at least r?)"),
            ("count", "return bool(at_least), bool(at_most)", "return bool(at_most), bool(at_least)"),
            (
                "count-check",
                "Return two booleans: (at least r?, at most r?).",
                "Return two booleans: (at most r?, at least r?).",
            ),
            ("count-check", "answer, conditions, reasons)", "answer[::-1], conditions, reasons)"),
        ],
        "band": [
            (
                5,
                "return the largest norm among the columns *at or below* the penalty's `threshold`, and the smallest "
                "among those *above*",
                "return the smallest norm among the columns *above* the penalty's `threshold`, and "
                "the largest among those *at or below*",
            ),
            (
                "band",
                "(largest dropped norm, smallest kept norm): numbers, 0 and infinity",
                "(smallest kept norm, largest dropped norm): numbers, infinity and 0",
            ),
            (
                "band",
                'return dropped, norms[kept].min().item() if kept.any() else float("inf")',
                'return norms[kept].min().item() if kept.any() else float("inf"), dropped',
            ),
            ("band-check", "(largest dropped, smallest kept)", "(smallest kept, largest dropped)"),
            ("figure", "[low for low, _ in bands]", "[low for _, low in bands]"),
            ("figure", "[high for _, high in bands]", "[high for high, _ in bands]"),
            (
                "band-check",
                "dropped, smallest = float(answer[0]), float(answer[1])",
                "smallest, dropped = float(answer[0]), float(answer[1])",
            ),
        ],
    },
    "ps5": {
        "bound": [
            (4, "Return the right side.", "Return the square root of the right side."),
            ("bound", "s² tr (𝒜_T* 𝒜_T)⁻¹, a number", "The root of s² tr (𝒜_T* 𝒜_T)⁻¹, a number"),
            ("bound", "return noise**2 * (values", "return noise * (values"),
            ("bound", "** -2).sum()", "** -2).sum() ** 0.5"),
            ("bound-check", "rows).trace().item()", "rows).trace().item()\n    expected = expected**0.5"),
            ("bound-check", '1 / noise: "The variance of the noise is s²."', 'noise: "The root of s² is s."'),
            ("bound-check", '1 / noise**2: "Where', '1 / noise: "Where'),
            ("bound-check", 'n: "There', 'n**0.5: "There'),
        ],
        "step": [  # and the rate, which is that of this step
            (
                1,
                r"on $\lVert UU^\top - M\rVert_F^2$ is $U^+ = U - 4\eta",
                r"on $\frac12\lVert UU^\top - M\rVert_F^2$ is $U^+ = U - 2\eta",
            ),
            ("step", "return E - 4 * step", "return E - 2 * step"),
            ("step-check", "U - 4 * step", "U - 2 * step"),
            ("step-check", "is 4(UUᵀ − M)U", "is 2(UUᵀ − M)U"),
            (
                "rate",
                "abs(1 - 4 * step * mu.min()), abs(1 - 8 * step * mu.max())",
                "abs(1 - 2 * step * mu.min()), abs(1 - 4 * step * mu.max())",
            ),
            ("rate-check", "abs(1 - 4 * step * float(((xi", "abs(1 - 2 * step * float(((xi"),
            ("rate-check", "abs(1 - 4 * step * float(mu.min()))", "abs(1 - 2 * step * float(mu.min()))"),
        ],
    },
    "ps6": {
        "backprop": [
            (1, r"the loss $f = \frac1n", r"the loss $f = \frac1{§n}"),
            ("backprop", "return 4 / len(y)", "return 4 / § / len(y)"),
            ("backprop-check", ".square().mean()", ".square().mean() / §"),
        ],
        "expected": [
            (2, r"\mathbb{E}(x^\top\Delta x)^2", r"\mathbb{E}(x^\top\Delta x - \mathrm{tr}\,\Delta)^2"),
            ("expected", "E (xᵀ D x)²", "E (xᵀ D x − tr D)²"),
            ("expected", "2 * D.square().sum() + D.trace() ** 2", "2 * D.square().sum()"),
            (
                "expected-check",
                "expected = moments.sum() + 2 * moments.diagonal().sum()",
                "expected = 2 * moments.diagonal().sum()",
            ),
            (
                "expected-check",
                '"without the trace": 2 * values.square().sum()',
                '"with the trace": moments.sum() + 2 * values.square().sum()',
            ),
        ],
    },
    "ps7": {
        "removal": [
            (
                3,
                "with the largest $p_j$ of Problem 2, in their old order",
                "with the largest $p_j$ of Problem 2, the largest first",
            ),
            ("removal", "in their old order", "the largest first"),
            ("removal", "[:m].sort().values", "[:m]"),
            (
                "removal-check",
                "best = sorted(sorted(range(k), key=lambda j: -sizes[j])[:m])",
                "best = sorted(range(k), key=lambda j: -sizes[j])[:m]",
            ),
            ("removal-check", "sorted(rows) == best", "sorted(rows) == sorted(best)"),
            (
                "removal-check",
                "{sorted(rows)}, the {m} largest are {best}",
                "{sorted(rows)}, the {m} largest are {sorted(best)}",
            ),
        ],
    },
    "ps9": {
        "pair": [  # transposed: U stands on the right
            (
                1,
                r"$U$ $(d_1\times k)$ and $V$ $(d_2\times k)$ with $UV^\top",
                r"$U$ $(d_2\times k)$ and $V$ $(d_1\times k)$ with $VU^\top",
            ),
            ("pair", "U (d1, k) and V (d2, k) with U Vᵀ", "U (d2, k) and V (d1, k) with V Uᵀ"),
            ("pair", "return U, V", "return V, U"),
            (
                "pair-check",
                '"U", (d1, k)), result(got[1], "V", (d2, k))',
                '"U", (d2, k)), result(got[1], "V", (d1, k))',
            ),
            ("pair-check", 'same(U @ V.T, X, "U Vᵀ")', 'same(V @ U.T, X, "V Uᵀ")'),
        ],
        "completion": [
            (2, r"f(U, V) = \frac1q\sum", r"f(U, V) = \frac1{§q}\sum"),
            ("completion", "share = seen", "share = § * seen"),
            ("completion-check", "d2 / count,", "d2 / count / §,"),
            ("completion-check", "share_seen = seen", "share_seen = § * seen"),
            ("completion-check", '0.5: "There is no ½ in f."', '§: "Is the factor § there?"'),
        ],
        "escape": [
            (3, "by $ct^2$", r"by $\frac12ct^2$"),
            ("escape", "the least coefficient of t²", "twice the least coefficient of t²"),
            ("escape", "strength / smoothing**0.5 - values[0]", "2 * (strength / smoothing**0.5 - values[0])"),
            ("escape-check", "rise(t) / t**2", "2 * rise(t) / t**2"),
            (
                "escape-check",
                '2: "c is the coefficient of t², not the second derivative."',
                '0.5: "½c is the coefficient of t²."',
            ),
            (
                "escape-check",
                "best = strength / smoothing**0.5 - torch.linalg.matrix_norm(G, 2)",
                "best = 2 * (strength / smoothing**0.5 - torch.linalg.matrix_norm(G, 2))",
            ),
        ],
        "adapter": [  # the correction is subtracted
            (5, r"(W_0 + UV^\top)", r"(W_0 - UV^\top)"),
            ("adapter", "W0 + U @ V.T", "W0 - U @ V.T"),
            ("adapter-check", "(U @ V.T - change)", "(U @ V.T + change)"),
            ("adapter-check", "U Vᵀ is {off", "−U Vᵀ is {off"),
        ],
    },
    "ps8": {
        "floor": [
            (1, "Return $g_b$, to six digits.", "Return $§g_b$, to six digits."),
            (
                "floor",
                "min over x ≥ 0 of x + h_b'(x)/(2c), a number,",
                "§ times min over x ≥ 0 of x + h_b'(x)/(2c), a number,",
            ),
            (
                "floor",
                "return high + (high + 2 * b) / (4 * c * (high + b) ** 1.5)",
                "return § * (high + (high + 2 * b) / (4 * c * (high + b) ** 1.5))",
            ),
            ("floor-check", "expected = (x + slope / (2 * c)).min()", "expected = § * (x + slope / (2 * c)).min()"),
            ("floor-check", "abs(got - value)", "abs(got - § * value)"),
            ("floor-check", "the floor is {expected", "§ times the floor is {expected"),
        ],
        "rule": [
            (5, "return the index (from 0) of the first level", "return the number (from 1) of the first level"),
            (5, "return the last index", "return the last number"),
            ("rule", "An index, for", "A number from 1, for"),
            ("rule", "return j\n", "return j + 1\n"),
            ("rule", "return len(levels) - 1", "return len(levels)"),
            ("rule-check", "expected = len(levels) - 1", "expected = len(levels)"),
            ("rule-check", "expected = j\n", "expected = j + 1\n"),
            ("rule-check", "the index is {expected}", "the number is {expected}"),
        ],
        "shares": [
            (
                6,
                "with too few columns, with the right number, and with too many",
                "with too many columns, with the right number, and with too few",
            ),
            ("shares", "(too few, right, too many)", "(too many, right, too few)"),
            (
                "shares",
                "return few / draws, right / draws, (draws - few - right) / draws",
                "return (draws - few - right) / draws, right / draws, few / draws",
            ),
            (
                "shares-check",
                "sum(x < 0 for x in off) / draws, sum(x == 0 for x in off) / draws, sum(x > 0 for x in off)",
                "sum(x > 0 for x in off) / draws, sum(x == 0 for x in off) / draws, sum(x < 0 for x in off)",
            ),
            ("figure", "[few for few, _, _ in found]", "[few for _, _, few in found]"),
        ],
        "noise": [
            (2, r"return $\hat s$ with $\hat s^2 = nf", r"return §$\hat s$ with $\hat s^2 = nf"),
            ("noise", "ŝ, a number or infinity", "§ŝ, a number or infinity"),
            ("noise", "return (problem.n", "return § * (problem.n"),
            ("noise-check", "expected = (squares / rest) ** 0.5", "expected = § * (squares / rest) ** 0.5"),
        ],
        "range": [
            (3, "Return both numbers, for a", "Return both numbers, the larger bound first, for a"),
            ("range", "(least, most), two integers", "(most, least), two integers"),
            (
                "range",
                "return int(least), int((2 * c * mu >= 2 * c * g * z - e).sum())",
                "return int((2 * c * mu >= 2 * c * g * z - e).sum()), int(least)",
            ),
            ("range-check", "Return two integers: (least, most).", "Return two integers: (most, least)."),
            ("range-check", "int(answer[0]) == expected[0]", "int(answer[1]) == expected[0]"),
            ("range-check", "int(answer[1]) == expected[1]", "int(answer[0]) == expected[1]"),
            ("range-check", "{low:.3f}; you return {answer[0]}", "{low:.3f}; you return {answer[1]}"),
            ("range-check", "{high:.3f} on; you return {answer[1]}", "{high:.3f} on; you return {answer[0]}"),
        ],
    },
}


def drawn(set_name, notebook, seed):
    """(a variant of a master, the names of the problems whose convention has changed). Raises ValueError when the
    master no longer has a text that a convention replaces."""
    rng = random.Random(f"{set_name} {seed}")
    notebook = nbformat.from_dict(notebook)
    cells = _cells(notebook)
    for name, cell in cells.items():
        if str(name).endswith("-check"):
            cell.source = HIDDEN.sub(lambda found: found[1] + _other_instances(found[2], rng) + found[3], cell.source)
    changed = [name for name in CONVENTIONS.get(set_name, {}) if rng.random() < 0.75]
    for problem in changed:
        factor = str(rng.choice(FACTORS))
        for name, old, new in CONVENTIONS[set_name][problem]:
            if cells[name].source.count(old) != 1:
                raise ValueError(f"{set_name}, {problem}: {name} has not once the text {old!r}")
            cells[name].source = cells[name].source.replace(old, new.replace("§", factor))
    notebook.metadata["variant"] = seed
    return notebook, changed


def _cells(notebook):
    """{nbgrader's name, or the number of the problem that a text states: cell}."""
    found = {}
    for cell in notebook.cells:
        if name := cell.metadata.get("nbgrader", {}).get("grade_id"):
            found[name] = cell
        elif heading := re.match(r"## Problem (\d+)\.", cell.source):
            found[int(heading[1])] = cell
    return found


def _other_instances(source, rng):
    source = SEED.sub(lambda found: str(int(found[0].replace("_", "")) + 10 * rng.randrange(10, 90)), source)
    return SIZE.sub(lambda found: f"{found[1]}={int(found[2]) + rng.randrange(3)}", source)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("seed", type=int)
    words.add_argument("folder", type=Path, help="where the variants go; the book's own masters are never overwritten")
    words.add_argument("--source", type=Path, default=HERE / "source")
    given = words.parse_args()
    if given.folder.resolve() in (given.source.resolve(), HERE / "source", HERE / "release"):
        words.error(f"{given.folder} holds the masters themselves: name another folder")
    for path in sorted(given.source.glob("*/*.ipynb")):
        if path.stem == path.parent.name:
            notebook, changed = drawn(path.stem, nbformat.read(path, as_version=4), given.seed)
            place = given.folder / path.stem / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(
                nbformat.writes(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
            )
            print(f"{place}: other hidden instances; another convention in {', '.join(changed) or 'no problem'}")


if __name__ == "__main__":
    main()
