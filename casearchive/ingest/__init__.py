"""What comes in: found, gathered by workers, written down. Workers load none of what only the writer needs (``run``)."""
