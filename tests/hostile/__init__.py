"""Submissions that cheat, break, spend, spy, reach out or are damaged, each with what it deserves.

Every one is notebook 04, solved, with one thing wrong. What is not named as lost is honest work and keeps its
points. One file for each aim; `CASES` holds them all.
"""

from hostile import broken, cheating, damaged, reaching, spending, spying
from hostile.case import FIRST, Case, Places

CASES: tuple[Case, ...] = (
    *cheating.CASES,
    *broken.CASES,
    *spending.CASES,
    *spying.CASES,
    *reaching.CASES,
    *damaged.CASES,
)

__all__ = ["CASES", "FIRST", "Case", "Places"]
