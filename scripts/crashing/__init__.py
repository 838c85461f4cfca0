"""Parts of ``scripts/crash_test.py``: a shim that counts, kills and fails calls, scenarios, what must hold after."""
