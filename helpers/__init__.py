"""The book's helper package: what the chapters derive once and then call by name.

Shared by several chapters, in the order in which a reader meets them:

    problems             truths, measurements, the loss f(UUᵀ) with its derivatives; Gaussian and rank-one
    forms                how a problem holds its data: cost and memory of each form, the cheapest that fits
    penalties            group Lasso, weight decay, one family for both; the natural scales
    training             gradient descent for a batch of runs, fine-tuning, and L-BFGS to a converged point
    pruning              column norms, keeping the large columns, loss and error against their number
    objective            F = f + penalty as one function: value, gradient, Hessian, and a minimiser
    isometry             how far a measurement operator is from an isometry on low rank
    rotations            turns of the columns that leave UUᵀ alone; random frames; angles
    certificates         what a computation shows of a second-order point: gradient norm, a Ritz value
    stack                many data sets as one batched problem
    observed             a problem from your own measurements, whose truth nobody knows
    untuned              rank and fit from data alone: the path of strengths, the rule, the error, the doubts
    networks             quadratic networks as torch modules
    factors              X = UVᵀ and X = U diag(s) Uᵀ for any loss; tables with gaps
    adapters             low-rank adapters on any module, whose ranks the penalty finds
    checks               what the checks of the problem sets share
    tables               rows as a table, numbers aligned, formulas typeset
    arguments            argument checks, seeded generators, the ranges of a page's parameters

Rooms, most modules one chapter's:

    theory               closed forms and bounds, all of them as `theory.name`
    theory.sensing       chapter 1: counting unknowns, isometry radii, natural scales
    theory.landscape     chapter 2: shrinkage, phases, speeds of rotation
    theory.frames        chapter 3: what random frames keep when columns are pruned
    theory.gap           chapter 4: the gap, the window, the main theorems
    theory.guarantee     chapter 4 before any data: columns there can be, measurements that are enough
    theory.tuning        chapter 5: rates up to the largest step, Cramér–Rao, one minimum
    theory.quadratic     chapter 6: inputs, samples, landscape, noise to second order in 1/n
    theory.digits        chapter 7: what a homogeneous unit costs
    theory.untuned       chapter 8: the path of strengths, its plateau, what residuals cannot hide
    theory.factors       chapter 9: tables with gaps, sizes of adapters
    proofs               proofs that run: the lines of a proof evaluated on an instance
    proofs.sensing       chapter 1
    proofs.landscape     chapter 2
    proofs.frames        chapter 3
    proofs.gap           chapter 4
    proofs.approximate   chapter 4 where training stopped early
    proofs.guarantee     chapter 4 before any data
    proofs.points        a point of a run as the theorems of chapter 4 see it
    proofs.hypotheses    which of their hypotheses a run meets, and by how much
    proofs.tuning        chapter 5
    proofs.quadratic     chapter 6
    proofs.digits        chapter 7
    proofs.untuned       chapter 8
    proofs.factors       chapter 9
    figures              every drawing of the book
    figures.style        the one look: colours, markers, tables
    figures.animation    a player for animations that describes itself
    figures.lab          live figures that compute on the page, by lab.js, lab_kit.js and a script each
    figures.sensing      chapter 1
    figures.landscape    chapter 2
    figures.frames       chapter 3
    figures.gap          chapter 4
    figures.tuning       chapter 5
    figures.quadratic    chapter 6
    figures.digits       chapter 7
    figures.untuned      chapter 8
    figures.factors      chapter 9
    digits               chapter 7's networks on real data
    digits.data          the handwritten digits and their splits
    digits.networks      many networks trained side by side
    digits.sweeps        accuracy against units kept, for many strengths and seeds
"""
