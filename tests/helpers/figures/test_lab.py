"""The core of the live figures computes what the helpers compute, in Node and in a browser; and `show` says no."""

import json
import shutil
import subprocess

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from browser import chromium
from instances import data, gaussian, population, symmetric

from helpers import theory
from helpers.figures import lab
from helpers.isometry import extreme_ratio
from helpers.penalties import GroupLasso, WeightDecay
from helpers.pruning import column_norms, prune
from helpers.training import fine_tune, safe_step, train

D, R, K, STEPS = 7, 2, 9, 200
CORE = (lab.HERE / "lab.js").read_text(encoding="utf-8")
PROBLEMS = {
    "population, Gaussian": population((1.0, 0.6), D, 1),
    "population, rank-one": population((1.0, 0.6), D, 2, "rank-one"),
    "measured, Gaussian": data(3, D, R, 60),
    "few measurements, Gaussian": data(4, D, R, 20),
    "measured, rank-one": data(5, D, R, 90, ensemble="rank-one"),
}
PENALTIES = {"no penalty": None, "group Lasso": GroupLasso(0.15, 0.01), "weight decay": WeightDecay(0.1)}
PAIRS = [(problem, penalty) for problem in PROBLEMS for penalty in PENALTIES]
GRID = [(mu, lam, beta) for mu in (0.3, 1.0, 1.7) for lam in (0.05, 0.4, 1.5, 4.0) for beta in (0.003, 0.05, 0.5)]
CLOSED = {  # the name in the core: the helpers' values on the grid
    "shrunkEigenvalue": theory.shrunk_eigenvalue,
    "psi": lambda mu, lam, beta: theory.psi(0.7, mu, lam, beta),
    "criticalStrength": lambda mu, lam, beta: theory.critical_strength(mu, beta),
    "globalStrength": lambda mu, lam, beta: theory.global_strength(mu, beta),
    "foldStrength": lambda mu, lam, beta: theory.fold_strength(mu, beta),
    "gMin": lambda mu, lam, beta: theory.g_min(lam, beta),
    "gapEdge": lambda mu, lam, beta: theory.gap_edge(lam, mu, beta),
    "thresholdStrength": lambda mu, lam, beta: theory.threshold_strength(beta, mu),
    "phase": theory.phase,
    "curvatureBound": lambda mu, lam, beta: theory.curvature_bound(round(9 * mu), round(100 * lam)),
    "oracleError": lambda mu, lam, beta: theory.cramer_rao(5, 2, round(50 * mu), lam, finite_n=True) ** 0.5,
}
SCRIPT = """
(given) => {
  const t = lab.theory, flat = (A) => Float64Array.from(A.flat());
  const call = {
    shrunkEigenvalue: t.shrunkEigenvalue, psi: (m, l, b) => t.psi(0.7, m, l, b), gMin: (m, l, b) => t.gMin(l, b),
    criticalStrength: (m, l, b) => t.criticalStrength(m, b), globalStrength: (m, l, b) => t.globalStrength(m, b),
    foldStrength: (m, l, b) => t.foldStrength(m, b), gapEdge: (m, l, b) => t.gapEdge(l, m, b),
    thresholdStrength: (m, l, b) => t.thresholdStrength(b, m),
    phase: t.phase, curvatureBound: (m, l, b) => t.curvatureBound(Math.round(9 * m), Math.round(100 * l)),
    oracleError: (m, l, b) => t.oracleError(5, 2, Math.round(50 * m), l),
  };
  const runs = given.runs.map((x) => {
    const d = x.truth.length, r = x.truth[0].length, k = x.start[0].length, truth = flat(x.truth);
    const problem = x.design ? lab.empirical(truth, d, r, flat(x.design), Float64Array.from(x.w), x.ensemble)
      : lab.population(truth, d, r, x.ensemble);
    const penalties = { "group Lasso": lab.groupLasso(0.15, 0.01), "weight decay": lab.weightDecay(0.1) };
    const penalty = penalties[x.penalty] ?? null;
    const run = lab.descent(problem, flat(x.start), k, penalty, x.eta).step(given.steps);
    const small = lab.prune(run.U, d, k, x.threshold), tuned = lab.descent(problem, small.U, small.k, null, x.eta);
    return {
      U: [...run.U], loss: run.loss(), error: run.error(), norms: [...run.norms()], steps: run.steps,
      kept: small.k, tuned: [...tuned.step(given.steps).U],
      eta: lab.safeStep(problem, flat(x.start), k, penalty), kappa: lab.largestCurvature(problem, 6),
    };
  });
  const theory = Object.fromEntries(Object.keys(call).map((name) => [name, given.grid.map((x) => call[name](...x))]));
  const S = flat(given.symmetric), { values, V } = lab.eigh(S, given.symmetric.length), draw = lab.random(5);
  return {
    runs, theory, values, V: [...V], Q: [...lab.orthonormal(draw.normals(18), 6, 3)],
    again: [...lab.random(5).normals(18)], normals: [...lab.random(5).normals(20000)],
  };
}
"""


def given():
    start, runs = 0.3 * gaussian(D, K, seed=1), []
    for name, penalty in PAIRS:
        problem = PROBLEMS[name]
        eta = safe_step(problem, start, PENALTIES[penalty]).item()
        run = {"truth": problem.U_star, "ensemble": problem.ensemble, "start": start, "eta": eta, "penalty": penalty}
        if hasattr(problem, "design"):
            run |= {"design": problem.design, "w": problem.y - problem.measure(problem.M)}
        runs.append(run | {"threshold": 0.25})
    everything = {"runs": runs, "grid": GRID, "symmetric": symmetric(6, 3), "steps": STEPS}
    return json.loads(json.dumps(everything, default=lambda value: value.tolist()))


def in_node(values):
    if shutil.which("node") is None:
        pytest.skip("NO NODE: the core of the live figures was not tested outside a browser")
    code = f"{CORE}\nconsole.log(JSON.stringify(({SCRIPT})(JSON.parse(require('fs').readFileSync(0, 'utf8')))))"
    run = subprocess.run(["node", "-e", code], input=json.dumps(values), capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def in_browser(values):
    with chromium() as browser:
        return browser.new_page().evaluate(f"(given) => {{ {CORE}\nreturn ({SCRIPT.strip()})(given); }}", values)


@pytest.fixture(
    scope="module",
    params=[pytest.param(in_node, id="node"), pytest.param(in_browser, id="browser", marks=pytest.mark.slow)],
)
def found(request):
    return request.param(given())


def test_iterates_agree_after_200_steps_for_every_loss_and_penalty(found):
    for x, got, (name, penalty) in zip(given()["runs"], found["runs"], PAIRS, strict=True):
        problem, where = PROBLEMS[name], f"{name}, {penalty}"
        start = torch.tensor(x["start"], dtype=torch.float64)
        run = train(problem, start, penalty=PENALTIES[penalty], steps=STEPS, step_size=x["eta"])
        small = prune(run.U, threshold=x["threshold"])
        tuned = fine_tune(problem, small, steps=STEPS, step_size=x["eta"], tolerance=0.0)
        assert got["steps"] == STEPS
        assert got["U"] == pytest.approx(run.U.flatten().tolist(), abs=1e-9), where
        assert got["norms"] == pytest.approx(column_norms(run.U).tolist(), abs=1e-9), where
        assert got["loss"] == pytest.approx(run.loss[-1].item(), abs=1e-9), where
        assert got["error"] == pytest.approx(run.error[-1].item(), abs=1e-9), where
        assert got["kept"] == small.shape[1], where
        assert got["tuned"] == pytest.approx(tuned.U.flatten().tolist(), abs=1e-9), where
        assert got["kappa"] == pytest.approx(extreme_ratio(problem, 1), rel=1e-3), where
        assert got["eta"] == pytest.approx(x["eta"], rel=0.1), where  # power iterations from another vector


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_agree(found, name):
    wanted = [float(CLOSED[name](*point)) for point in GRID]
    assert found["theory"][name] == pytest.approx(wanted, abs=1e-9)


def test_eigenvalues_frames_and_draws(found):
    S, Q = symmetric(6, 3).numpy(), np.reshape(found["Q"], (6, 3))
    V = np.reshape(found["V"], (6, 6))
    assert found["values"] == pytest.approx(np.linalg.eigvalsh(S)[::-1].tolist(), abs=1e-12)
    assert np.allclose(V @ np.diag(found["values"]) @ V.T, S, atol=1e-12)
    assert np.allclose(Q.T @ Q, np.eye(3), atol=1e-14)
    draws = np.array(found["normals"])
    assert found["again"] == draws[:18].tolist()
    assert abs(draws.mean()) < 0.03
    assert abs(draws.std() - 1) < 0.03
    assert abs((abs(draws) > 1.645).mean() - 0.1) < 0.01
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.03


def drawing():
    return plt.subplots(figsize=(2, 1))[0]


@pytest.mark.parametrize(("change", "words"), [({"name": "no such figure"}, "name"), ({"alt": "short"}, "alt")])
def test_bad_input_is_refused(change, words):
    options = {"name": "kit", "alt": "Bars of column norms that answer to six sliders beside them."} | change
    with pytest.raises(ValueError, match=words):
        lab.show(options.pop("name"), still=drawing(), **options)
    plt.close("all")
