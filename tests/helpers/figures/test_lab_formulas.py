"""What the scripts of single live figures compute for themselves: each formula is the helpers'."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from instances import gaussian

from helpers import theory
from helpers.factors import Pairs, completion, split
from helpers.figures import lab
from helpers.penalties import GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth
from helpers.pruning import column_norms, prune, pruning_curve
from helpers.rotations import random_frame
from helpers.training import train
from helpers.untuned import choose, path


def run(name, expression, given=None):
    """What the script of a live figure computes in Node, from values as JSON."""
    if shutil.which("node") is None:
        pytest.skip("NO NODE: the formulas of the live figures were not tested")
    sources = [(lab.HERE / file).read_text(encoding="utf-8") for file in ("lab.js", f"lab_{name}.js")]
    code = f"{sources[0]}\nlab.mount = () => {{}};\n{sources[1]}\n"
    code += "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n"
    code += f"const flat = (A) => Float64Array.from(A.flat());\nconsole.log(JSON.stringify({expression}))"
    values = json.dumps(given, default=lambda value: value.tolist())
    done = subprocess.run(["node", "-e", code], input=values, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("r", [1, 2, 3, 8])
def test_pruning_error_and_near_largest(r):
    shares = [0.001, 0.05, 0.3, 0.77, 0.999]
    found = run("frames", "given.q.map((q) => lab.frames.lost(q, given.r))", {"q": shares, "r": r})
    assert found == pytest.approx(np.sqrt(theory.frame_pruning_error(shares, r)).tolist(), abs=1e-9)
    for k in (10, 100, 400):
        found = run("frames", "lab.frames.nearLargest(given.k, given.c, given.r)", {"k": k, "c": shares, "r": r})
        assert found == pytest.approx([theory.count_near_largest(k, c, r) for c in shares], abs=2e-5 * k)


def test_a_frame_is_measured_as_by_the_helpers():
    W = random_frame(3, 40, seed=1)
    problem = Population(torch.eye(3, dtype=torch.float64))
    found = run("frames", "lab.frames.measure(flat(given), 40, 3)", W.T)
    assert found["norms"] == pytest.approx(column_norms(W).sort(descending=True).values.tolist(), abs=1e-12)
    assert found["losses"] == pytest.approx((pruning_curve(problem, W)[1] / 3**0.5).tolist(), abs=1e-12)


def test_turning_stays_on_the_fibre_and_ends_in_orthogonal_columns():
    beta, W = 0.004, random_frame(3, 40, seed=2)
    steps = """(() => {
      let A = flat(given.A);
      const all = [];
      for (let t = 0; t < 2000; t++) { A = lab.frames.turn(A, 40, 3, given.beta); if (t % 100 === 0) all.push([...A]); }
      return all;
    })()"""
    found = run("frames", steps, {"A": W.T, "beta": beta})
    path = torch.tensor(found, dtype=torch.float64).unflatten(-1, (40, 3)).mT
    assert torch.allclose(path @ path.mT, torch.eye(3, dtype=torch.float64), atol=1e-12)
    values = GroupLasso(1.0, beta).value(path)
    assert (values.diff() < 1e-9).all()
    assert values[0] > 2 * values[-1]
    assert (column_norms(path[-1]) > 0.999).sum() == 3
    assert prune(path[-1], threshold=0.01).shape == (3, 3)


@pytest.mark.parametrize("mu", [(1.5, 0.5), (1.0, 1.0), (1.9, 0.1)])
def test_shrunk_spectrum(mu):
    for beta in (0.005, 0.02):
        further = theory.further_strength(mu[-1], 2, beta)
        for strength in (0.0, 0.3 * further, 0.99 * further):
            found = run("quadratic", "lab.quadratic.shrunk(given[0], given[1], given[2])", (mu, strength, beta))
            wanted = theory.shrunk_spectrum_rank_one(mu, strength, beta)
            assert found == pytest.approx(wanted.tolist(), abs=1e-9)


def test_the_bend_of_the_gap_is_that_of_the_penalty():
    beta, norms = 0.03, torch.linspace(0, 6, 25, dtype=torch.float64)
    wanted = -(beta**1.5) * GroupLasso(1.0, beta).d2h(beta * norms**2)
    assert run("gap", "given.map(lab.gap.bend)", norms) == pytest.approx(wanted.tolist(), abs=1e-12)


@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
@pytest.mark.parametrize("mu", [(1.0,), (1.0, 0.5), (1.0, 0.8, 0.6, 0.3)])
def test_rates_and_crawls(mu, ensemble):
    given, r = {"mu": mu, "ensemble": ensemble, "step": 0.03}, len(mu)
    rate, largest = run("tuning", """[
      lab.tuning.rate(Float64Array.from(given.mu), given.step, given.ensemble),
      lab.tuning.largestStep(Float64Array.from(given.mu), given.ensemble)]""", given)
    assert rate == pytest.approx(theory.linear_rate(mu, 0.03, ensemble=ensemble), abs=1e-9)
    assert largest == pytest.approx(theory.largest_step(mu, ensemble=ensemble), abs=1e-9)
    for extra in (1, 5):
        given |= {"extra": extra, "r": r}
        found = run("tuning", "lab.tuning.crawl(400, given.step, given.extra, given.r, given.ensemble, 0.3)", given)
        wanted = theory.sublinear_error(400, 0.03, 20, r + extra, r, ensemble=ensemble)
        if ensemble == "gaussian":
            wanted = theory.crawl_error(400 * 0.03, [0.3] * extra)
        assert found == pytest.approx(float(wanted), abs=1e-9)


@pytest.mark.parametrize("penalty", [None, GroupLasso(0.1, 0.01), WeightDecay(0.1)], ids=str)
def test_pairs_of_factors_descend_as_by_the_helpers(penalty):
    table, seen = gaussian(7, 5, seed=0), gaussian(7, 5, seed=1) < 0.4
    start = 0.3 * gaussian(12, 4, seed=2)
    U, V = split(start, 7)
    given = {"Y": table, "seen": seen.double(), "U": U, "V": V, "share": seen.double().mean().item()}
    name = {GroupLasso: "lab.groupLasso(0.1, 0.01)", WeightDecay: "lab.weightDecay(0.1)"}.get(type(penalty), "null")
    found = run("factors", """(() => {
      const { Y, seen, U, V } = given;
      const run = lab.factors.descent(flat(Y), flat(seen), 7, 5, flat(U), flat(V), 4, PENALTY, 0.02);
      run.step(200);
      return {
        U: [...run.U], V: [...run.V], p: [...run.squares()], values: lab.factors.singular(run.product(), 7, 5),
        smoothing: lab.factors.smoothing(0.1, given.share),
      };
    })()""".replace("PENALTY", name), given)
    end = train(Pairs(completion(table, seen), table), start, penalty=penalty, steps=200, step_size=0.02).U
    U, V = split(end, 7)
    assert found["U"] == pytest.approx(U.flatten().tolist(), abs=1e-9)
    assert found["V"] == pytest.approx(V.flatten().tolist(), abs=1e-9)
    assert found["p"] == pytest.approx(column_norms(end).square().tolist(), abs=1e-9)
    values = torch.linalg.svdvals(U @ V.T).tolist()
    assert found["values"] == pytest.approx(values, abs=1e-7)  # roots of eigenvalues
    smoothing = theory.path_smoothing(0.1, theory.entry_curvature(given["share"]))
    assert found["smoothing"] == pytest.approx(smoothing, abs=1e-9)


def test_the_path_of_chapter_8_is_the_helpers_path():
    d, r, n, noise = 10, 2, 150, 0.3
    problem = Empirical.sample(ground_truth(d, r, condition=1.2, seed=0), n, noise=noise, seed=1)
    ratio, w = theory.largest_ratio(2.3), problem.y - problem.measure(problem.M)
    given = {"U": problem.U_star, "design": problem.design, "w": w, "ratio": ratio, "n": n, "d": d, "r": r}
    found = run("untuned", """(() => {
      const p = lab.empirical(flat(given.U), given.d, given.r, flat(given.design), Float64Array.from(given.w));
      const next = lab.untuned.path(p, given.n, given.ratio, 2), fits = [];
      for (let fit = next(); fit !== undefined; fit = next()) if (fit) fits.push(fit);
      return fits;
    })()""", given)
    fits = list(path(problem, ratio=ratio, seed=0))
    chosen = choose(fits)
    assert next(fit["level"] for fit in found if fit["floor"] >= 1.25 * fit["nu"]) == pytest.approx(chosen.level)
    for got, fit in zip(found, fits, strict=False):
        assert got["level"] == pytest.approx(fit.level, rel=1e-9)
        assert got["floor"] == pytest.approx(fit.floor, rel=1e-9)
        if fit.rank == r and fit.level < 3 * chosen.level:
            assert got["rank"] == r
            assert got["noise"] == pytest.approx(fit.noise, rel=1e-3)
            assert got["nu"] == pytest.approx(fit.nu, rel=1e-3)
            trace = column_norms(fit.penalised).square().sum().item()  # the columns themselves may still turn
            assert sum(norm**2 for norm in got["norms"]) == pytest.approx(trace, rel=1e-2)


def test_constants_of_the_path():
    for kappa, noise, d, n in ((1.3, 0.2, 8, 100), (2.5, 1.0, 16, 600)):
        given = {"kappa": kappa, "noise": noise, "d": d, "n": n}
        found = run("untuned", """(({ kappa, noise, d, n }) => {
          const ratio = lab.untuned.largestRatio(kappa);
          return [ratio, lab.untuned.floor(ratio), lab.untuned.noiseLevel(noise, d, n)];
        })(given)""", given)
        ratio = theory.largest_ratio(kappa)
        wanted = [ratio, theory.path_floor(ratio), theory.noise_level(noise, d, n)]
        assert found == pytest.approx(wanted, abs=1e-9)
