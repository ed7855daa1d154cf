"""minifit against its peers and against the limit: ``python -m benchmarks``."""
