"""Parts of ``scripts/crash_test.py``: a shim that counts, kills and fails calls, scenarios, and what must hold after."""
