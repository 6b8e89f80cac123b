"""The bank-level DRAM: device, timing rules, address map, controller."""
