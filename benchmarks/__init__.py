"""What measures askcli's speed beside its peers: `python -m benchmarks`, or `make bench`."""
