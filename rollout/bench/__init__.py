"""The benchmark of the suite itself: `python -m rollout.bench` writes `reports/bench.json`."""
