"""From a folder of submissions to grades.

A learner's code runs only in a worker process (`worker.py`), which holds neither the reference nor the secret
seeds. The judge (`session.py`, `grader.py`) sends it inputs, gets plain arrays back, and never runs a
line of the learner's.
"""
