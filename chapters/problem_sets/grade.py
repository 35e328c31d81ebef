"""Grade a folder of submissions: `python chapters/problem_sets/grade.py SUBMISSIONS` (`make grade`).

SUBMISSIONS holds one folder a student, in it psN/psN.ipynb or psN.ipynb. The folder of the grades gets gradebook.csv,
problems.csv and feedback/STUDENT/psN/psN.html. The same command again goes on where it was interrupted, and runs only
what has changed. With --marks-only nothing is run: after marking by hand, in nbgrader's formgrader or in a table
(--by-hand), the tables and pages are written anew.

Exit status: 0, or 3 when there are submissions with which the grader failed, which the last line counts; 1 when nothing
was graded, with a sentence that says why.
"""

import argparse
import importlib.metadata
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

try:
    from grading import collect, jobs, pages, record, restore, sandbox
    from tqdm import tqdm
except ImportError as error:
    sys.exit(f"Nothing was graded. {error}: see the installation on the page Teaching.")

NEED_A_LOOK = 3


class Command:
    """One run of the command: which sets, whose submissions, what could not be kept."""

    def __init__(self, given):
        self.given, self.failed = given, []
        self.course = record.Course(given.grades.resolve(), HERE / "nbgrader_config.py")

    def masters(self):
        """{set: its master} of the sets to grade: those asked for, else all that somebody submitted."""
        source, submissions = self.given.source.resolve(), self.given.submissions
        there = {path.stem: path for path in sorted(source.glob("*/*.ipynb")) if path.stem == path.parent.name}
        if not there:
            raise ValueError(f"no problem set in {source}: expected ps1/ps1.ipynb")
        if unknown := set(self.given.sets or []) - set(there):
            raise ValueError(f"no problem set {', '.join(sorted(unknown))} in {source}: there are {', '.join(there)}")
        names = self.given.sets or collect.submitted_sets(submissions, there)
        if not names:
            raise ValueError(f"no submission in {submissions}: expected STUDENT/ps1/ps1.ipynb or STUDENT/ps1.ipynb")
        return {name: there[name] for name in names}

    def grade(self):
        """Run what has to be run, and keep each outcome as it comes."""
        given = self.given
        limits = sandbox.Limits(given.seconds, given.cell_seconds, int(given.memory * 1e9))
        sets = {name: self.course.add_set(path) for name, path in self.masters().items()}
        students = collect.students(given.submissions)
        how = f"on {given.cluster}" if given.cluster else f"{given.jobs} at once"
        safety = "each in a sandbox of its own"
        if given.unprotected:
            safety = "WITHOUT a sandbox: they can do all that you can do"
        print(f"{', '.join(sets)}, {len(students)} students; {how}, {safety}", flush=True)
        if ignored := collect.ignored(given.submissions):
            print(f"in no student's folder, ignored: {', '.join(ignored)}")

        def job(submission):
            return jobs.Job(submission, *sets[submission.set_name], limits, not given.unprotected, jobs.code_version())

        for tried, outcome in self._run([job(jobs.reference(name, text)) for name, (text, *_) in sets.items()]):
            self._must_be_right(tried, outcome)
        todo = []
        for name, (_, release, _) in sets.items():
            handed_out = restore.handed_out(release)
            todo += [job(self._collected(student, name, handed_out)) for student in students]
        new = [one for one in todo if given.again or not self._is_done(one)]
        if len(new) < len(todo):
            print(f"{len(todo) - len(new)} submissions have been graded as they are")
        with tqdm(total=len(new), disable=None, unit="submission") as bar:
            for one, outcome in self._run(new):
                self._keep(one, outcome, bar)
                bar.update()

    def _collected(self, student, name, handed_out):
        try:
            return collect.collect(self.given.submissions, student, name, handed_out)
        except Exception as error:  # nothing that a student hands in may stop the class
            return collect.Submission(student, name, "unreadable", [f"{type(error).__name__}: {error}"[:500]])

    def _run(self, todo):
        return jobs.run(todo, self.given.jobs, self.given.cluster)

    def _is_done(self, job):
        notebook = self.course.read(self.course.place(job.submission.student, job.submission.set_name))
        run = notebook and notebook.metadata[record.GRADED]
        return run and run["status"] == "graded" and run["key"] == job.key()

    @staticmethod
    def _must_be_right(job, outcome):
        if isinstance(outcome, BaseException):
            raise RuntimeError(str(outcome)) from outcome
        run = outcome.metadata[record.GRADED]
        if wrong := [f"{name}: {why}" for name, why in run["said"].items() if why]:
            more = f" ({run['message']})" if run["status"] == "stopped" else ""
            raise RuntimeError(f"the master's own answers to {run['set']} lose points here{more}. {wrong[0]}")

    def _keep(self, job, outcome, bar):
        if isinstance(outcome, BaseException):
            outcome = jobs.failed(job, outcome)
        student, name = job.submission.student, job.submission.set_name
        try:
            try:
                self.course.save(outcome)
            except Exception as error:
                outcome = jobs.failed(job, error)
                self.course.save(outcome)
        except Exception as error:  # not even that can be kept: the line goes into the table alone
            self.failed.append((student, name, f"nothing of it can be kept: {type(error).__name__}: {error}"[:500]))
        run = outcome.metadata[record.GRADED]
        bar.write(f"{collect.label(student)}, {name}: {run['status']}{': ' * bool(run['message'])}{run['message']}")

    def finish(self):
        """Write the tables, then the pages, then the tables once more if a page could not be: gradebook.csv's lines."""
        lines = self.course.write_tables(self.failed)
        writer, trouble = pages.Pages(self.course), False
        for notebook in tqdm(self.course.runs(), total=len(lines), disable=None, unit="page"):
            run = notebook.metadata[record.GRADED]
            try:
                writer.write(notebook)
            except Exception as error:
                reason, trouble = f"its page cannot be written: {type(error).__name__}: {error}"[:300], True
                run.update(status="failed", message="; ".join(dict.fromkeys(filter(None, [run["message"], reason]))))
                self.course.write(notebook)
        return self.course.write_tables(self.failed) if trouble else lines


def installed():
    """{package: version} of this environment."""
    return {found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("submissions", type=Path, nargs="?", help="folder with one folder a student")
    words.add_argument("--grades", type=Path, default=Path("grades"), help="where marks and feedback go")
    words.add_argument("--source", type=Path, default=HERE / "source", help="the masters, psN/psN.ipynb")
    words.add_argument("--sets", nargs="*", help="the sets to grade; without it all that somebody submitted")
    words.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many submissions run at once")
    words.add_argument("--cluster", metavar="ADDRESS", help="run them on the workers of this Dask scheduler")
    words.add_argument("--again", action="store_true", help="run also what has been graded as it is")
    words.add_argument("--seconds", type=int, default=sandbox.Limits.seconds, help="limit for one submission")
    words.add_argument("--cell-seconds", type=int, default=sandbox.Limits.cell_seconds, help="limit for one cell")
    words.add_argument("--memory", type=float, default=sandbox.Limits.memory / 1e9, help="limit in GB")
    words.add_argument(
        "--unprotected", action="store_true", help="without a sandbox: submissions can do all you can do"
    )
    words.add_argument("--marks-only", action="store_true", help="write tables and feedback from the marks as they are")
    words.add_argument("--by-hand", type=Path, help="with --marks-only: take over marks from this table")
    given = words.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    if not given.marks_only and (given.submissions is None or not given.submissions.is_dir()):
        sys.exit("Which folder? make grade SUBMISSIONS=folder, one folder a student in it.")
    before = installed()
    try:
        command = Command(given)
        if given.marks_only and given.by_hand:
            count = command.course.mark_by_hand(given.by_hand)
            print(f"{count} mark{'s' * (count != 1)} taken over")
        elif not given.marks_only:
            command.grade()
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"Nothing was {'taken over' if given.marks_only else 'graded'}. {error}")
    except KeyboardInterrupt:
        print("\nInterrupted: the same command goes on where it stopped.")
    lines = command.finish()
    if given.unprotected and (changed := {name for name, _ in before.items() ^ installed().items()}):
        sys.exit(f"While submissions ran, packages of your environment changed: {', '.join(sorted(changed))}. "
                 "Trust no mark: make the environment anew, and grade in a sandbox.")  # fmt: skip
    pending, failed = sum(line[8] > 0 for line in lines), sum(line[9] == "failed" for line in lines)
    unread = sum(line[9] in ("missing", "unreadable") for line in lines)
    unread = f", {unread} without a notebook that can be read" if unread else ""
    look = f"; {failed} NEED A LOOK: status failed" if failed else ""
    print(
        f"{len(lines)} submissions in {given.grades}/gradebook.csv, "
        f"{pending} of them with answers to mark by hand{unread}{look}"
    )
    sys.exit(NEED_A_LOOK if failed else 0)


if __name__ == "__main__":
    main()
