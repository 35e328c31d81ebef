"""Settings for nbgrader, wherever a course folder of the book is made: what a student sees in place of a solution."""

import warnings

# nbgrader's way of saving is out of fashion with its database library, which would tell the instructor at every click
warnings.filterwarnings("ignore", module="nbgrader")
warnings.filterwarnings("ignore", message=".*(relationship|Session|Query|autoflush|cartesian).*")

c = get_config()  # noqa: F821 - nbgrader puts it there

c.CourseDirectory.course_id = "prune-greedily"
c.ClearSolutions.code_stub = {
    "python": 'raise NotImplementedError("Not solved yet: replace this line with your own code.")'
}
c.ClearSolutions.text_stub = "Write your answer here."
c.IncludeHeaderFooter.header = ""
