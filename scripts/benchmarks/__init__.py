"""What ``scripts/bench.py`` measures, one idea a file."""
