"""``python -m casearchive``: the same program as ``casearchive``."""

from casearchive.cli import main

if __name__ == "__main__":
    main()
