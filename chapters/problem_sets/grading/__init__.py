"""Grades problem sets. Submitted code runs in `run_cells`, in a process and folder of its own (`isolation`). Everything
else works on text: `collect` reads submissions, `restore` puts the checks back, `record` keeps the gradebook."""
