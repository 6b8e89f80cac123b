"""Packages of somebody else's, as an installer would leave them."""


def install(folder, monkeypatch, group, points, **modules):
    """Leave modules (name = text) and a distribution with entry points (name: "module:attribute") on the path."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    metadata = folder / "somebody-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(folder))
