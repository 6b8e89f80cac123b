"""A torch model's calls, by torch.export or by hooks, and what they become: traces, operators, who reads whom."""
