"""What comes in: found, gathered by workers, written down (``run``). Workers load nothing that only a writer needs."""
