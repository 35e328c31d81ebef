"""The ledger is complete, within its tolerances, and what a fresh computation gives."""

import math

import ledger
import ledger_table
import pytest
from threadpoolctl import threadpool_limits

MEASUREMENTS = ledger.all_measurements()
STORED = {f"{row['statement']} {row['quantity']}": row for row in ledger.read()}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As where the ledger is made: threads only wait for each other on small matrices."""
    with threadpool_limits(1):
        yield


def test_every_statement_and_every_claim_has_a_row_and_no_row_is_about_nothing():
    measured, printed = {m.statement for m in MEASUREMENTS}, set(ledger_table.titles())
    assert not printed - measured, "no measurement in tests/measurements/"
    assert not measured - printed, "no such statement in the chapters"


def test_the_stored_rows_are_those_of_the_measurements():
    assert list(STORED) == [m.name for m in MEASUREMENTS], "run `make ledger`"
    for m in MEASUREMENTS:
        row = STORED[m.name]
        assert [result["size"] for result in row["results"]] == list(m.sizes), "run `make ledger`"
        stated = (m.relation, m.tolerance, m.relative, m.of)
        assert (row["relation"], row["tolerance"], row["relative"], row["of"]) == stated, "run `make ledger`"


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda m: m.name)
def test_a_fresh_sample_equals_the_stored_one_and_keeps_its_tolerance(measurement):
    stored = STORED[measurement.name]
    for size, result in zip(measurement.sizes, stored["results"], strict=True):
        fresh = [measurement.run(size, seed) for seed in range(ledger.SAMPLE)]
        for pair, old in zip(fresh, result["sample"], strict=True):
            assert pair == pytest.approx(old, rel=1e-4, abs=1e-7), "the book computes something else now: `make ledger`"
        assert measurement.of == "mean" or measurement.holds(fresh)


@pytest.mark.parametrize("name", STORED)
def test_every_row_is_measured_on_many_seeds_at_two_sizes_within_its_tolerance(name):
    results = STORED[name]["results"]
    assert len(results) == 2
    assert results[0]["size"] != results[1]["size"]
    for result in results:
        assert result["seeds"] >= 50
        assert result["holds"]


def test_the_page_shows_the_stored_numbers():
    shown = ledger_table.TABLE.read_text(encoding="utf-8")
    assert shown == ledger_table.page(ledger.read()), "run `make ledger`, or tests/tools/write_ledger.py --page"
    assert "**no**" not in shown


@pytest.mark.parametrize(
    ("relation", "pair", "holds"),
    [
        ("=", (2, 2.1), True), ("=", (2, 2.3), False), ("=", (2, 1.7), False), ("=", (-2, -2.1), True),
        ("≤", (2, 1), True), ("≤", (2, 2.3), False), ("≥", (2, 1), False), ("≥", (2, 3), True),
        ("≥", (-2, -1), True), ("=", (2, math.nan), False), ("≤", (2, math.nan), False), ("=", (0, 0.2), False),
    ],
)  # fmt: skip
def test_a_number_outside_its_tolerance_is_seen(relation, pair, holds):
    one = ledger.Measurement("1.1", "x", relation, 0.1, True, "each", ({}, {}), lambda seed: pair)
    assert one.holds([one.run({}, 0)]) is holds


def test_a_mean_may_hold_where_single_seeds_do_not():
    one = ledger.Measurement("1.1", "x", "=", 0.1, True, "mean", ({}, {}), None)
    assert one.holds([(1, 0.5), (1, 1.5)])
    assert not one.holds([(1, 0.5), (1, 1.1)])
    each = ledger.Measurement("1.1", "x", "=", 0.1, True, "each", ({}, {}), None)
    assert not each.holds([(1, 0.5), (1, 1.5)])


def test_a_row_holds_medians_ranges_and_the_first_seeds():
    one = ledger.Measurement("1.1", "x", "=", 0.2, True, "each", ({"d": 2}, {"d": 3}), None)
    row = ledger.row(one, [[(1, 1.1), (2, 2), (3, 2.7)], [(5, 5), (5, 5.5), (5, 7)]])
    first, second = row["results"]
    assert (first["predicted"], first["measured"], first["low"], first["high"]) == (2, 2, 1.1, 2.7)
    assert first["ratios"] == pytest.approx([0.9, 1.1])
    assert "ratios" not in second  # one prediction for all seeds
    assert (first["holds"], second["holds"]) == (True, False)
    assert first["sample"] == [(1, 1.1), (2, 2)]


@pytest.mark.parametrize(
    "bad", [{"relation": "<"}, {"of": "some"}, {"sizes": ({},)}, {"tolerance": -1}, {"tolerance": math.nan}]
)
def test_a_measurement_that_makes_no_sense_is_refused(bad):
    right = {"relation": "=", "tolerance": 0.1, "sizes": ({}, {}), "of": "each"}
    with pytest.raises(ValueError, match=r"bad measurement of 1\.1"):
        ledger.measures("1.1", "x", **(right | bad))
