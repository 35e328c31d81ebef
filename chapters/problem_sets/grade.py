"""Grade a folder of submissions: `python chapters/problem_sets/grade.py SUBMISSIONS` (`make grade`).

SUBMISSIONS holds one folder a student, in it psN/psN.ipynb or psN.ipynb. The folder of the grades gets gradebook.csv,
problems.csv and feedback/STUDENT/psN/psN.html. With --marks-only nothing is run: after marking by hand, in
nbgrader's formgrader or in a CSV file (--by-hand), the tables and pages are written anew.
"""

import argparse
import dataclasses
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from grading import accounts, collect, isolation, record, restore  # noqa: E402

BOOK = HERE.parents[1]


def graded(submission, *versions_and_more):
    """As `grade_one`; if the grader itself fails on a submission, that is what its line says, and the others go on."""
    try:
        return grade_one(submission, *versions_and_more)
    except Exception as error:
        message = f"the grader failed here, grade this one by hand: {type(error).__name__}: {error}"
        blank = dataclasses.replace(submission, status="failed", message=message)
        return grade_one(blank, *versions_and_more)


def grade_one(submission, master, release, course_copy, limits, account):
    """Run one submission: (notebook with outputs, status, message).

    Status: graded, stopped, unreadable, missing or failed."""
    if submission.status != "found":
        notebook = restore.untouched(master, release, submission.message)
        restore.write_outputs(notebook, {}, restore.to_run(notebook)[1], submission.message)
        return notebook, submission.status, submission.message
    notebook, notes = restore.restore(master, release, submission.cells)
    cells, tokens = restore.to_run(notebook)
    outcome = isolation.run(cells, course_copy, limits, account)
    reason = outcome.ended or "the check did not run to its end"
    restore.write_outputs(notebook, outcome.outputs, tokens, reason)
    message = "; ".join(([outcome.ended] if outcome.ended else []) + outcome.notes + notes)
    if message:
        notebook.cells.insert(0, restore.remark(f"**About this submission:** {message}."))
    return notebook, "stopped" if outcome.ended else "graded", message


def fingerprints(tops):
    """{file: hash} of all files below these folders: to see whether anything has touched them."""
    files = [path for top in tops for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def grade(submissions, grades, source, names, limits, jobs):
    """Grade the sets `names` (None: all that somebody submitted); the lines of gradebook.csv."""
    masters = {path.stem: path for path in sorted(source.glob("*/*.ipynb")) if path.stem == path.parent.name}
    if unknown := set(names or []) - set(masters):
        sys.exit(f"no problem set {', '.join(sorted(unknown))} in {source}: there are {', '.join(masters)}")
    names = names or collect.submitted_sets(submissions, masters)
    if not names:
        sys.exit(f"no submission in {submissions}: expected STUDENT/ps1/ps1.ipynb or STUDENT/ps1.ipynb")
    course = record.Course(grades, HERE / "nbgrader_config.py")
    versions = {name: course.add_set(masters[name]) for name in names}
    course_copy = isolation.CourseCopy(BOOK)
    guarded = [source, HERE / "grading", grades]  # helpers/ is packed already: a change there comes too late to matter
    before = fingerprints(guarded)
    isolation.adopt_orphans()
    users = accounts.Accounts(jobs)
    print(f"{', '.join(names)}, {len(collect.students(submissions))} students; {users}", flush=True)

    def work(item):
        submission = collect.collect(submissions, *item)
        with users.one() as account:
            result = graded(submission, *versions[item[1]], course_copy, limits, account)
        print(f"{item[0]}, {item[1]}: {result[1]}{': ' * bool(result[2])}{result[2]}", flush=True)
        return item, result

    everyone = [(student, name) for name in names for student in collect.students(submissions)]
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(work, everyone))
    if touched := [str(path) for path, _ in before.items() ^ fingerprints(guarded).items()]:
        names = ", ".join(sorted(set(touched))[:5])
        sys.exit(f"While submissions ran, files changed that they must not touch: {names}. No mark was written. "
                 "Was it you? Else grade in a container, on a fresh copy of the book.")  # fmt: skip
    states = course.read_states()
    for (student, name), (notebook, status, message) in results:
        course.save(student, name, notebook)
        states.setdefault(student, {})[name] = [status, message]
    course.write_states(states)
    lines = course.write_tables()
    for student, name in everyone:
        course.write_feedback(student, name)
    return lines


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("submissions", type=Path, nargs="?", help="folder with one folder a student")
    words.add_argument("--grades", type=Path, default=Path("grades"), help="where marks and feedback go")
    words.add_argument("--source", type=Path, default=HERE / "source", help="the masters, psN/psN.ipynb")
    words.add_argument("--sets", nargs="*", help="the sets to grade; without it all that somebody submitted")
    words.add_argument("--jobs", type=int, default=2, help="how many submissions run at once")
    words.add_argument("--seconds", type=int, default=isolation.Limits.seconds, help="limit for one submission")
    words.add_argument("--cell-seconds", type=int, default=isolation.Limits.cell_seconds, help="limit for one cell")
    words.add_argument("--memory", type=float, default=isolation.Limits.memory / 1e9, help="limit in GB")
    words.add_argument("--marks-only", action="store_true", help="write tables and feedback from the marks as they are")
    words.add_argument("--by-hand", type=Path, help="with --marks-only: take over marks from this CSV file")
    given = words.parse_args()
    grades = given.grades.resolve()
    if given.marks_only:
        course = record.Course(grades, HERE / "nbgrader_config.py")
        try:
            print(f"{course.mark_by_hand(given.by_hand) if given.by_hand else 0} marks taken over")
        except (OSError, ValueError) as error:
            sys.exit(f"No mark was taken over. {error}")
        for student, sets in course.read_states().items():
            for name in sets:
                course.write_feedback(student, name)
        lines = course.write_tables()
    elif given.submissions is None or not given.submissions.is_dir():
        sys.exit("Which folder? make grade SUBMISSIONS=folder, one folder a student in it.")
    else:
        limits = isolation.Limits(given.seconds, given.cell_seconds, int(given.memory * 1e9))
        lines = grade(given.submissions.resolve(), grades, given.source.resolve(), given.sets, limits, given.jobs)
    pending = sum(line[8] > 0 for line in lines)
    print(f"{len(lines)} submissions in {given.grades}/gradebook.csv, {pending} of them with answers to mark by hand")


if __name__ == "__main__":
    main()
