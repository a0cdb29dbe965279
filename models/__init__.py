"""Learned parts: nets, their training, and their shipped weights. Nets know nothing of worlds or files."""
