"""Grades problem sets. Submitted code runs in `run_cells`, inside the `sandbox`. Everything else works on text: `collect`
reads submissions, `restore` puts the checks back, `record` keeps the gradebook, `pages` shows what happened."""
