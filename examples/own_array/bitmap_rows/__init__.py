"""An array for accelsim that is no part of it: installed beside it, `kind: bitmap_rows` works in any machine's YAML."""
