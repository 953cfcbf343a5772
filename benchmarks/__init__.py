"""What is fast in netgen, and what it is compared with. ``python -m benchmarks`` runs all of it."""
