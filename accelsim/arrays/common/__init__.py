"""What several families share: folds, packed words, bit planes, signed powers, N:M patterns, sums of tiles."""
