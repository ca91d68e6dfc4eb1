"""What the text of the product says about who knows whom."""

import ast
from pathlib import Path

import pytest

import streamer


@pytest.mark.parametrize("part", ["retarget", "generator"])
def test_who_makes_pictures_does_not_know_the_camera(part):
    """Neither retargeter nor generator imports the camera, directly or through another part."""
    root = Path(streamer.__file__).parent
    known, open_ = set(), {f"streamer.{part}.{p.stem}" for p in (root / part).glob("*.py")}
    while open_:
        name = open_.pop()
        known.add(name)
        open_ |= {one for one in imported(root, name) if one not in known}
    assert not [name for name in known if name.startswith(("streamer.camera", "streamer.tracker"))]


def imported(root, name):
    """The modules of the product that one of them imports, anywhere in its text."""
    parts = name.removesuffix(".__init__").split(".")[1:]
    path = root.joinpath(*parts)
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():  # a name in a module, not a module
        return set()
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {one for one in found if one.startswith("streamer.")}
