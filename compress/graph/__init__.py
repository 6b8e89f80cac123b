"""Who reads whom in a network: following it, masks on it, and removing what is pruned."""
