"""HTML pages of what commands leave: one file each, readable offline.

`html.py` is the document, `text.py` the one place where a name becomes HTML; `table.py`, `scatter.py`, `heatmap.py`,
`figures.py` and `provenance.py` are parts; `kinds/` has a file a kind of page, which lists its parts; `folder.py` finds
the kind of a folder. `vendor/` holds what is not ours.
"""
