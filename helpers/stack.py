"""Many data sets at once (chapter 5): problems of one shape, stacked into one batched problem.

A run in a batch sees its own data, so `train` and `fine_tune` on a `Stack` of B problems give B independent runs.
"""

import torch

from helpers import forms
from helpers.problems import Empirical, _Problem, smat, svec


class Stack(_Problem):
    """B empirical problems about the same U⋆, as one: U has shape (..., B, d, k), and run b is fitted to problem b.

    `problems`: a non-empty iterable of `Empirical` of one ensemble. Of each only the Gram matrix is kept, not the data:
    a generator of problems costs the memory of one, and B Gram matrices. Raises TypeError, ValueError, and MemoryError
    where these do not fit. Everything that a problem offers per run has the leading shape (..., B).
    """

    def __init__(self, problems):
        first, grams, noises, floors = None, [], [], []
        for i, problem in enumerate(problems):
            if not isinstance(problem, Empirical):
                raise TypeError(f"problems must be Empirical problems, got {type(problem).__name__} at place {i}")
            first = first or problem
            if problem.ensemble != first.ensemble or not torch.equal(problem.U_star, first.U_star):
                raise ValueError(f"problem {i} has another U_star or ensemble than problem 0")
            size = problem.noise_matrix.itemsize * (problem.d * (problem.d + 1) // 2) ** 2
            what, where = f"a stack of {i + 1} problems with d = {problem.d}", problem.U_star.device
            forms.require((i + 2) * size, what, where, "take a smaller d or fewer problems, or float32.")
            grams.append(problem._gram() if problem.gram is None else problem.gram)
            noises.append(problem.noise_matrix)
            floors.append(problem.noise_floor)
        if not grams:
            raise ValueError("problems must not be empty")
        super().__init__(first.U_star, first.ensemble)
        self.gram, self.noise_matrix, self.noise_floor = map(torch.stack, (grams, noises, floors))

    def __len__(self):
        return len(self.gram)

    def curvature(self, E):
        """f''E, problem by problem, for a symmetric E (..., B, d, d), or one E (d, d) for all: (..., B, d, d)."""
        x = svec(E)
        return smat(2 * (x @ self.gram if x.ndim == 1 else torch.einsum("...bi,bij->...bj", x, self.gram)))
