"""What the book's theorems predict, as functions: closed forms and bounds, a module a chapter, two for chapter 4.

`theory.name` finds every one of them. Numbers or numpy arrays in, the same out; "elementwise" arguments broadcast.
Notation: μ an eigenvalue of M, p a squared column norm, λ = `strength`, β = `smoothing`, h(x) = x/√(x + β),
g(p) = p + (λ/2) h'(p). The ensemble names the population loss: "gaussian" ‖X − M‖_F², "rank-one"
2‖X − M‖_F² + (tr(X − M))². An argument that is not a finite real number, or out of its range, raises TypeError or
ValueError.
"""

# by hand: it would give each of seventy names a line
# isort: off
from helpers.theory.digits import size_bend, unit_norm
from helpers.theory.factors import entry_curvature, pair_size, path_smoothing
from helpers.theory.frames import (
    GOLDEN_RATIO, count_near_largest, count_near_largest_law, frame_pruning_error, kept_mass,
)
from helpers.theory.gap import (
    certificate_level, closeness_bound, count_thresholds, curvature_bound, error_after_count, fit_bound, fit_excess,
    gap_edge, mean_factor, noise_edge, noise_level, nu_bound, robust_gap_bound, threshold_strength, working_window,
)
from helpers.theory.guarantee import a_priori_count, enough_measurements
from helpers.theory.landscape import (
    PHASES, critical_strength, death_speed, dh, fold_strength, g, g_min, global_strength, phase, psi,
    robust_orthogonality_bound, rotation_angle, rotation_speed, shrunk_eigenvalue,
)
from helpers.theory.quadratic import (
    further_strength, matching_samples, mean_square_output, noise_limit, sample_correction, samples_needed,
    shrunk_spectrum_rank_one, trace_limit,
)
from helpers.theory.sensing import degrees_of_freedom, gaussian_radius, gaussian_width, natural_strengths
from helpers.theory.tuning import (
    cramer_rao, crawl_error, descent_radius, endpoint_constant, finite_sample_price, largest_step, linear_rate,
    optimal_step, same_minimum_slack, sublinear_error, unpruned_dimensions,
)
from helpers.theory.untuned import (
    count_range, detection_limit, largest_ratio, path_deviation, path_floor, plateau, plateau_slack, residual_floor,
    rule_ends,
)
