"""Many networks at once are the same networks one by one; pruning them drops units; bad input is refused."""

import pytest
import torch
from chapter_code import chapter_code
from instances import gaussian, uniform

from helpers.digits import data as digits
from helpers.digits.networks import NetworkStack, accuracy, fit, log_loss, minibatches
from helpers.digits.sweeps import WidthSweep, from_scratch, strengths_around, tuned, width_sweep, widths_to
from helpers.penalties import GroupLasso, WeightDecay

PAGE = chapter_code("07_real_networks")
INPUTS, UNITS, RUNS = 6, 8, 3
SEEDS = range(RUNS)


def two_layer(units, seed, outputs=4, activation=torch.relu):
    return PAGE.TwoLayer(INPUTS, units, outputs, activation, seed)


def signed(units, seed):
    return PAGE.SignedQuadratic(INPUTS, units, seed)


def data(classes, seed=0, n=60):
    labels = uniform(RUNS, n, high=classes, seed=seed).long()
    return digits.Part(gaussian(RUNS, n, INPUTS, seed=seed).float(), labels)


def split(classes):
    return digits.Split(*(data(classes, seed) for seed in range(3)))


KINDS = {"signed": (signed, 2), "ReLU": (two_layer, 4)}
both = pytest.mark.parametrize(("make", "classes"), KINDS.values(), ids=KINDS)


@both
def test_a_stack_is_its_networks_one_by_one(make, classes):
    networks = [make(UNITS, seed) for seed in range(RUNS)]
    stack, part = NetworkStack(networks), data(classes)
    assert len(stack) == RUNS
    for i, network in enumerate(networks):
        torch.testing.assert_close(stack(part.x)[i], network(part.x[i]))
        torch.testing.assert_close(stack.network(i)(part.x[i]), network(part.x[i]))


@both
def test_training_together_is_training_alone(make, classes):
    part, how = data(classes), {"steps": 12, "batch": 20}
    strengths = torch.tensor([0.01, 0.02, 0.05])
    start = NetworkStack(make(UNITS, s) for s in range(RUNS))
    together = fit(start, part, penalty=GroupLasso(strengths, 1e-3), **how)
    assert torch.equal(start.columns()[0], NetworkStack([make(UNITS, 0)]).columns()[0])  # the argument stays as it was
    for i in range(RUNS):
        own = digits.Part(part.x[i : i + 1], part.y[i : i + 1])
        alone = fit(NetworkStack([make(UNITS, i)]), own, penalty=GroupLasso(strengths[i].item(), 1e-3), **how)
        torch.testing.assert_close(together.columns()[i], alone.columns()[0], rtol=1e-4, atol=1e-5)


def test_the_loop_on_the_page_is_the_same_computation():
    PAGE.STEPS, PAGE.BATCH = 15, 20
    part = data(2)
    own = digits.Part(part.x[0], part.y[0])
    loop = PAGE.train(signed(UNITS, 0), own, WeightDecay(0.02))
    stack = fit(
        NetworkStack([signed(UNITS, 0)]), digits.Part(part.x[:1], part.y[:1]), penalty=WeightDecay(0.02),
        steps=15, batch=20, learning_rate=PAGE.RATE, seed=PAGE.SEED,
    )  # fmt: skip
    torch.testing.assert_close(stack.columns()[0], loop.U, rtol=1e-4, atol=1e-5)


def test_log_loss_is_the_mean_negative_log_likelihood():
    scores, y = gaussian(2, 5, 3, seed=0), torch.arange(10).reshape(2, 5) % 3
    expected = -scores.softmax(-1).gather(-1, y[..., None]).log().mean((-2, -1))
    torch.testing.assert_close(log_loss(scores, y), expected)
    margins = torch.where(y % 2 == 1, 1, -1) * scores[..., 0]
    torch.testing.assert_close(log_loss(scores[..., :1], y % 2), (-torch.sigmoid(margins).log()).mean(-1))


@both
def test_pruning_keeps_the_units_of_largest_norm(make, classes):
    stack, part = NetworkStack(make(UNITS, s) for s in range(RUNS)), data(classes)
    pruned = stack.prune(3)
    assert torch.equal(stack.prune(UNITS).columns(), stack.columns())
    assert torch.equal(stack.cut(0).columns(), stack.columns())
    for i in range(RUNS):
        norms = stack.norms()[i]
        kept = norms.topk(3).indices.sort().values
        assert torch.equal(pruned.columns()[i], stack.columns()[i][:, kept])
        masked = stack.cut(norms.sort().values[-4].item())
        torch.testing.assert_close(masked(part.x)[i], pruned(part.x)[i], rtol=1e-4, atol=1e-5)


def test_repeat_join_and_choice_of_runs_agree():
    twice = stack().repeat(2)
    assert torch.equal(twice.columns(), NetworkStack.join([stack(), stack()]).columns())
    assert torch.equal(twice[torch.tensor([4])].columns()[0], stack().columns()[1])


def test_every_epoch_shows_every_row_once():
    rows = minibatches(12, steps=7, batch=4, seed=2)
    assert rows.shape == (7, 4)
    for epoch in rows[:6].reshape(2, 12):
        assert sorted(epoch.tolist()) == list(range(12))
    assert torch.equal(rows, minibatches(12, steps=7, batch=4, seed=2))
    assert not torch.equal(rows, minibatches(12, steps=7, batch=4, seed=3))


def test_the_choice_of_a_strength_does_not_see_the_test_part():
    parts, strengths = split(4), (0.001, 0.01, 0.1)
    how = {"seeds": range(RUNS), "keeps": (2, 4), "width": UNITS, "steps": 10, "batch": 20}
    found = width_sweep(two_layer, parts, WeightDecay, strengths, **how)
    other = parts._replace(test=digits.Part(-parts.test.x, (parts.test.y + 1) % 4))
    again = width_sweep(two_layer, other, WeightDecay, strengths, **how)
    assert torch.equal(found.choice, again.choice)
    assert torch.equal(found.smallest_good()[0], again.smallest_good()[0])
    assert not torch.equal(found.test, again.test)
    for m in range(3):
        for s in range(RUNS):
            best = found.validation[m, :, s].max()
            chosen = found.choice[m, s]
            assert found.validation[m, chosen, s] == best
            assert (found.validation[m, chosen + 1 :, s] < best).all()
            assert found.chosen[m, s] == found.test[m, chosen, s]
            assert found.row(found.keeps[m])[s] == found.test[m, chosen, s]


def test_a_sweep_is_its_trainings():
    parts, strengths = split(4), (0.001, 0.1)
    how = {"steps": 10, "batch": 20}
    found = width_sweep(two_layer, parts, WeightDecay, strengths, width=UNITS, seeds=SEEDS, keeps=(3,), **how)
    assert found.keeps == (3, UNITS)
    alone = fit(NetworkStack(two_layer(UNITS, s) for s in range(RUNS)), parts.train, penalty=WeightDecay(0.1), **how)
    torch.testing.assert_close(found.at(0.1).columns(), alone.columns(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.test[0, 1], accuracy(alone.prune(3), parts.test), atol=0.02, rtol=0)
    with pytest.raises(ValueError, match="strength must be one of"):
        found.at(0.5)


def test_no_penalty_is_one_strength_zero():
    found = width_sweep(signed, split(2), None, (0.1, 0.2), width=UNITS, seeds=SEEDS, keeps=(), steps=2, batch=20)
    assert found.strengths.tolist() == [0]
    assert found.test.shape == (1, 1, RUNS)


def test_the_recipe_takes_the_smallest_width_within_one_standard_error():
    part = data(4, n=100)
    validation = torch.tensor([[[0.5, 0.79], [0.85, 0.2]], [[0.88, 0.1], [0.3, 0.3]], [[0.89, 0.82], [0.9, 0.81]]])
    found = WidthSweep(digits.Split(part, part, part), torch.tensor([0.1, 0.2]), (2, 5, 8), None, validation,
                       torch.arange(12).reshape(3, 2, 2))  # fmt: skip
    widths, reached = found.smallest_good()  # standard errors .03 and .038 of the best, .9 and .82
    assert widths.tolist() == [5, 2]
    assert reached.tolist() == [4, 1]


def test_fine_tuning_gives_one_accuracy_a_width_and_seed():
    parts, how, names = split(4), {"steps": 4, "batch": 20}, {"a": None, "b": WeightDecay}
    grid = {"width": UNITS, "seeds": SEEDS, "keeps": (2, 3)}
    sweeps = {name: width_sweep(two_layer, parts, kind, (0.01,), **grid, **how) for name, kind in names.items()}
    healed = tuned(sweeps, (2, 3), **how)
    assert {name: values.shape for name, values in healed.items()} == {"a": (2, RUNS), "b": (2, RUNS)}
    start = sweeps["b"].runs(sweeps["b"].choice[1]).prune(3)
    alone = accuracy(fit(start, parts.train, **how), parts.test)
    torch.testing.assert_close(healed["b"][1], alone, atol=0.02, rtol=0)


def test_small_networks_get_the_same_treatment_as_pruned_ones():
    """With all units kept, pruning does nothing: then the two are one."""
    parts, how, strengths = split(4), {"steps": 6, "batch": 20}, (0.01, 0.3)
    found = {"": width_sweep(two_layer, parts, WeightDecay, strengths, width=4, seeds=SEEDS, keeps=(), **how)}
    small = from_scratch(two_layer, parts, WeightDecay, strengths, [2, 4], seeds=SEEDS, tuning=how, **how)
    assert small.shape == (2, RUNS)
    assert torch.equal(small[1], tuned(found, [4], **how)[""][0])


def test_strengths_and_widths_of_the_page():
    assert strengths_around(0.03) == pytest.approx((0.003, 0.01, 0.03, 0.1))
    assert widths_to(9) == (2, 3, 4, 6, 8, 9)
    assert widths_to(8) == (2, 3, 4, 6, 8)
    assert widths_to(1) == (1,)


def test_cosines_tell_equal_from_opposite_signs():
    network = signed(4, 0)  # signs + − + −
    network.U.data = torch.zeros(INPUTS, 4)
    network.U.data[:2] = torch.tensor([[1.0, 3, 1, 0], [0, 4, 1, 1e-3]])
    equal, opposite = NetworkStack([network]).cosines(above=0.1)
    torch.testing.assert_close(equal, torch.tensor([0.5**0.5]))
    torch.testing.assert_close(opposite, torch.tensor([0.6, 7 / 5 * 0.5**0.5]))


def swept(width=UNITS, keeps=(2,)):
    how = {"width": width, "seeds": SEEDS, "keeps": keeps, "steps": 1, "batch": 9}
    return width_sweep(two_layer, split(4), WeightDecay, (0.1,), **how)


def stack():
    return NetworkStack(two_layer(UNITS, s) for s in range(RUNS))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: NetworkStack([]), ValueError, "networks must not be empty"),
        (lambda: stack().prune(UNITS + 1), ValueError, f"keep must be an integer.*at most {UNITS}, got {UNITS + 1}"),
        (lambda: stack().prune(0), ValueError, "keep"),
        (lambda: stack().prune(2.5), TypeError, "keep"),
        (lambda: stack().cut(-1), ValueError, "threshold"),
        (lambda: NetworkStack.join([stack(), stack().prune(2)]), ValueError, "one shape"),
        (lambda: fit(stack(), data(5), steps=1, batch=20), ValueError, "classes from 0 to 3, got 0 to 4"),
        (lambda: fit(stack(), data(4), steps=0), ValueError, "steps"),
        (lambda: fit(stack(), data(4), steps=1, batch=61), ValueError, "batch must be an integer.*at most 60"),
        (lambda: fit(stack(), data(4), steps=1, learning_rate=0), ValueError, "learning_rate"),
        (lambda: fit(stack(), data(4)._replace(x=data(4).x * torch.nan), steps=1), ValueError, "part.x must be fin"),
        (lambda: fit(stack(), data(4)._replace(x=data(4).x[:2]), steps=1), ValueError, "part.x must have shape"),
        (lambda: fit(stack(), data(4)._replace(y=data(4).y.float()), steps=1), TypeError, "tensor of integers"),
        (lambda: swept(keeps=(0, 8)), ValueError, "keeps"),
        (lambda: swept(keeps=(UNITS + 1,)), ValueError, f"keeps must be an integer.*at most {UNITS}, got {UNITS + 1}"),
        (lambda: swept(keeps=(2.0,)), TypeError, "keeps"),
        (lambda: swept(width=0, keeps=()), ValueError, "width"),
        (lambda: strengths_around(0), ValueError, "strength"),
        (lambda: widths_to(0), ValueError, "width"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_divergence_says_what_to_do():
    with pytest.raises(FloatingPointError, match="learning_rate"):
        fit(NetworkStack(signed(UNITS, s) for s in range(RUNS)), data(2), steps=60, batch=20, learning_rate=1e30)
