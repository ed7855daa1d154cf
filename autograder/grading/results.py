"""What grading finds out about one submission."""

from __future__ import annotations

from dataclasses import dataclass, field

from autograder.grading.reading import HandedIn

# Beside the statuses of a verdict ("right", "not attempted", "raised", …):
MISSING = "missing"  # neither the cell nor the object is there
UNGRADED = "could not be graded"  # the file, or the process it ran in, gave nothing to judge
BY_HAND = "graded by hand"
NO_RESPONSE = "no response"


@dataclass(frozen=True)
class Score:
    """What one graded cell earned.

    Attributes
    ----------
    cell : str
        grade_id, such as ``"loop-mse"``.
    identifier : str
        The exercise, such as ``"loop.mse"``; of a paragraph, its cell's name.
    points : float or None
        None while a person has yet to grade it.
    most : float
        The most it can earn.
    status : str
    message : str
        What the learner reads, a few lines of plain text.
    mistake : str
        Name of the known mistake, or empty.
    comment : str
        What a person wrote about it.
    """

    cell: str
    identifier: str
    points: float | None
    most: float
    status: str
    message: str = ""
    mistake: str = ""
    comment: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether it is a paragraph, which a person grades."""
        return self.identifier == self.cell


@dataclass
class Result:
    """What one submission earned.

    Attributes
    ----------
    student : str
    notebook : str or None
        ``NN_name``; None when nothing told which one it is.
    file : str
        Name of the file handed in; empty when there is none.
    scores : list of Score
        In the notebook's order.
    notes : list of str
        What was odd about the submission; its first line is the reason when nothing could be graded.
    handed : HandedIn or None
        What was read of it.
    stamp : str
        When it was handed in, as nbgrader wrote it down; empty when nobody did.
    lms : str
        The student's number at the learning platform, such as ``"canvas 4711"``.
    seconds : float
        How long grading it took.
    penalty : float
        Points that came off because it was late.
    """

    student: str
    notebook: str | None
    file: str = ""
    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    handed: HandedIn | None = None
    stamp: str = ""
    lms: str = ""
    seconds: float = 0.0
    penalty: float = 0.0

    @property
    def points(self) -> float:
        """Points earned so far, less what being late cost."""
        return sum(score.points or 0.0 for score in self.scores) - self.penalty

    @property
    def most(self) -> float:
        """The most this notebook gives."""
        return sum(score.most for score in self.scores)

    @property
    def waiting(self) -> float:
        """The most that grading by hand can still add."""
        return sum(score.most for score in self.scores if score.points is None)
