"""The airlock: what leaves the archive is built new from an allow-list, never copied and cleaned."""
