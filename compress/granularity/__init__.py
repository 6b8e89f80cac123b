"""What is pruned at a time: elements, filters, channels, columns, and how many of them remain."""
