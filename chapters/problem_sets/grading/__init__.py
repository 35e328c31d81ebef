"""Grades problem sets. `jobs` grades one submission: its code runs in `run_cells`, inside the `sandbox`. All else
works on text: `collect` reads submissions, `restore` puts the checks back, `record` keeps marks, `pages` shows them."""
