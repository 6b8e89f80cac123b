"""Speed beside a naive reference, as ratios within one run: `make bench`."""
