"""What ``scripts/fuzz.py`` is made of: seeds, ways of damaging each kind of content, and the contracts to hold."""
