"""Loaded by every Python of a run with a broken protocol, workers included; see ``crashing/mutants.py``."""

import os

from crashing import mutants

mutants.apply(os.environ["CRASH_MUTANT"])
