# The book's commands. `make` alone lists them. Each makes the environment .venv first, when it is missing or out of date.

PYTHON ?= python3
PIP_OPTIONS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
GRADING := $(VENV)/grading-installed
TOOLS := $(VENV)/tools-installed
COLAB := .colab/installed
COLAB_PYTHON ?= python3.13
# the matrices are small: threads only wait for each other, badly so beside a second test process
export OMP_NUM_THREADS ?= 1
export PYTHONUTF8 ?= 1
# byte code is kept, whatever the machine says: else every process compiles the book's modules and tests anew
export PYTHONDONTWRITEBYTECODE =
# no byte code ahead of use, which takes most of an installation's time: what is imported is compiled then
INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile $(PIP_OPTIONS)
# two processes share the files, longest first (conftest.py)
SIDE_BY_SIDE := -n 2 --dist loadscope --no-loadscope-reorder
WORDS := sensing landscape frames gap tuning quadratic digits untuned factors
NUMBER = $(shell echo $(WORDS) | tr ' ' '\n' | grep -nx '$(WORD)' | cut -d: -f1)

.DEFAULT_GOAL := help
.NOTPARALLEL:  # one installation at a time in an environment
.PHONY: help environments book pdf test turn check lint address alone colab alone-in zip statements ledger bench mutants coursework variant grade scheduler worker formgrader marks lock audit workflows release strip clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile
	@echo "When .venv is made, PYTHON=python3.12 chooses the Python and PIP_OPTIONS='--extra-index-url ...' is handed to pip."

book: $(STAMP)  ## build the book from clean into _build/html, warnings are errors
	@mkdir -p _build && touch _build/.writable && rm _build/.writable || \
	  { echo "The book is built in _build, which cannot be written: make room or free it, or copy the book elsewhere"; exit 1; }
	$(BIN)/jupyter-book clean .
	$(BIN)/jupyter-book build . -W -n --keep-going

test: $(STAMP)  ## unit tests, checks of the text, and every chapter from top to bottom
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

turn: $(STAMP)  ## after an edit that concerns one chapter, by its word in CONTRIBUTING: make turn WORD=gap
	$(BIN)/python -m pytest -q $(wildcard tests/*/test_$(WORD).py tests/*/*/test_$(WORD).py) \
	  $(addprefix tests/book/test_,dialect.py statements.py links.py) -k "test_$(WORD) or 0$(NUMBER)_"

check: environments $(GRADING) $(TOOLS)  ## the slow tests: many seeds, long runs, grading, notebooks alone under Colab's versions, the built pages in a browser (`make book` first)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow tests

environments:  ## the book's packages, and on another processor those of Colab, for `make check`
	@{ $(COLAB_PYTHON) -c '' 2>/dev/null && { $(MAKE) $(COLAB) || { rm -rf $(dir $(COLAB)); false; }; } || \
	  echo "NO COLAB HERE ($(COLAB_PYTHON) or its packages are missing): notebooks run alone under the versions of .venv"; } & \
	$(MAKE) $(STAMP); made=$$?; wait; exit $$made

lint: $(STAMP)  ## style of the code, in modules and notebooks
	$(BIN)/ruff check .

pdf: $(TOOLS)  ## print the book as one volume, _build/html/book.pdf, and link it (needs Chromium; some minutes)
	$(BIN)/jupyter-book build . -W -n --keep-going
	$(BIN)/python tests/tools/volume.py

address: $(STAMP)  ## write the book's address wherever it stands: make address URL=https://github.com/NAME/REPOSITORY
	$(BIN)/python tests/tools/address.py $(if $(filter undefined,$(origin URL)),,"$(URL)") $(if $(SITE),--site "$(SITE)")
	$(MAKE) coursework

alone: $(STAMP)  ## run every chapter and problem set alone, in an empty folder with nothing but what `make zip` makes
	$(BIN)/python tests/tools/alone.py $(NOTEBOOKS)

colab: $(COLAB)  ## the same under the versions of Google Colab, for which it needs Python 3.13: make colab COLAB_PYTHON=python3.13
	$(dir $(COLAB))bin/python tests/tools/alone.py $(NOTEBOOKS)

alone-in:  ## the same inside a container image: make alone-in IMAGE=...
	docker run --rm -v "$(CURDIR):/book:ro" -w /tmp --entrypoint python3 "$(IMAGE)" /book/tests/tools/alone.py

zip:  ## helpers/ and its data in one small file, for notebooks that stand alone
	$(PYTHON) tests/tools/pack.py

statements: $(STAMP)  ## after a change of a statement: make Proofs and Ledger anew, and say what is missing
	$(BIN)/python tests/tools/update_statements.py

ledger: $(STAMP)  ## the same, with every row of the ledger measured again (CLUSTER=address: on the workers of a Dask scheduler)
	$(BIN)/python tests/tools/update_statements.py --all $(if $(CLUSTER),--cluster $(CLUSTER))

bench: $(STAMP)  ## time five works against autograd, in turn: ratios, columns, errors, limits of the machine
	$(BIN)/python -m tests.benchmarks.bench

mutants: $(TOOLS)  ## change helpers/theory place by place, and list what no test notices (an hour; MODULES="theory/gap" for one)
	$(BIN)/python tests/tools/mutants.py $(MODULES)

# Problem sets of your own: SOURCE=folder (with psN/psN.ipynb) and, for their student versions, RELEASE=folder.
SOURCE ?= chapters/problem_sets/source
RELEASE ?= chapters/problem_sets/release
VARIANT ?= ../private-sets
GRADES ?= grades
SETS_TO_GRADE = $(if $(SETS),--sets $(SETS)) $(if $(CLUSTER),--cluster $(CLUSTER))

coursework: $(GRADING)  ## make the student versions of the problem sets
	$(BIN)/python chapters/problem_sets/generate.py --source "$(SOURCE)" --release "$(RELEASE)"

variant: $(STAMP)  ## draw private problem sets from the public ones: make variant SEED=7 VARIANT=../private-sets
	$(BIN)/python chapters/problem_sets/variants.py $(SEED) "$(VARIANT)" --source "$(SOURCE)"

grade: $(GRADING)  ## grade a folder of submissions: make grade SUBMISSIONS=folder
	$(BIN)/python chapters/problem_sets/grade.py "$(SUBMISSIONS)" --source "$(SOURCE)" --grades "$(GRADES)" $(SETS_TO_GRADE) $(GRADE_OPTIONS)

# what a Dask scheduler and its workers find of the book
ON_CLUSTER = PYTHONPATH=chapters/problem_sets:.:tests:tests/book $(BIN)/python -m distributed.cli

scheduler: $(GRADING)  ## start a Dask scheduler, at the address that it prints: make scheduler PORT=8786
	$(ON_CLUSTER).dask_scheduler --port $(or $(PORT),8786)

worker: $(GRADING)  ## work for the Dask scheduler to which a CLUSTER=address of `make grade` or `make ledger` leads
	$(ON_CLUSTER).dask_worker $(CLUSTER) --nthreads 1 $(WORKER_OPTIONS)

formgrader: $(GRADING)  ## open JupyterLab where nbgrader's formgrader finds the answers to mark by hand
	cd "$(GRADES)" && "$(CURDIR)/$(BIN)/jupyter" lab $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

marks: $(GRADING)  ## take over marks given by hand: make marks BY_HAND=file.csv (or none, after formgrader)
	$(BIN)/python chapters/problem_sets/grade.py --marks-only --grades "$(GRADES)" $(if $(BY_HAND),--by-hand "$(BY_HAND)")

lock: $(TOOLS)  ## requirements.lock anew: every package of the build but torch, with its hash; LOCKED=1 installs from it
	grep -v '^torch=' requirements.txt | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.lock

# by their metadata: docutils has one file under the GPL, for Emacs; yattag (LGPL) serves `make mutants` only;
# axe-playwright-python is MIT and says so in a file only
LICENCES := MIT;BSD;Apache;ISC;PSF;Python Software Foundation;MPL;Mozilla Public License
audit: $(TOOLS)  ## licences of all packages, and known weaknesses of those that build the book (asks a service on the Internet)
	$(BIN)/pip-licenses --from=mixed --partial-match --allow-only "$(LICENCES)" \
	  --ignore-packages docutils yattag axe-playwright-python
	$(BIN)/pip-audit --strict --disable-pip --requirement requirements.lock

workflows: $(TOOLS)  ## check .github/workflows
	$(BIN)/zizmor --offline .github/workflows
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

release: book pdf zip  ## notebooks, volume and site as they are released, into _build/release
	rm -rf _build/release && mkdir -p _build/release
	cp prune-greedily.zip _build/html/book.pdf _build/release/
	$(BIN)/python -m zipfile -c _build/release/notebooks.zip chapters/*.ipynb chapters/problem_sets/release prune-greedily.zip
	$(BIN)/python -m zipfile -c _build/release/site.zip _build/html

strip: $(STAMP)  ## remove outputs and execution counts from the notebooks, before a commit
	$(BIN)/python tests/tools/strip_outputs.py

clean:  ## remove what was built, its cache too; .venv stays
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

$(STAMP): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' here: install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "The book needs Python 3.11 or newer, $(PYTHON) is `$(PYTHON) -V`. Name another: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) lacks the venv module. Debian/Ubuntu: apt-get install python3-venv"; exit 1; }
	rm -f $(STAMP)
	$(PYTHON) -m venv --clear $(VENV)
	$(if $(LOCKED),$(BIN)/python $(INSTALL) `grep '^torch=' requirements.txt` && \
	  $(BIN)/python $(INSTALL) --require-hashes -r requirements.lock,$(BIN)/python $(INSTALL) -r requirements.txt)
	touch $(STAMP)

$(TOOLS): tests/requirements.txt $(STAMP)
	$(BIN)/python $(INSTALL) -r requirements.txt -r $<
	touch $(TOOLS)

$(GRADING): chapters/problem_sets/requirements.txt $(STAMP)
	$(BIN)/python $(INSTALL) -r requirements.txt -r $<
	touch $(GRADING)

$(COLAB): tests/colab.txt
	@command -v $(COLAB_PYTHON) >/dev/null || { echo "No '$(COLAB_PYTHON)' here: name a Python 3.13, COLAB_PYTHON=..."; exit 1; }
	$(COLAB_PYTHON) -m venv --clear $(dir $(COLAB))
	$(dir $(COLAB))bin/python $(INSTALL) -r $<
	touch $(COLAB)
