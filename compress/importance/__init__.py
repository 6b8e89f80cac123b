"""How much each element, filter, channel or column matters: what a constraint ranks them by."""
