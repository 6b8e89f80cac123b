"""When and how much is pruned: ADMM rounds, iterative magnitude, projected gradient."""
