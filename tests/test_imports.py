"""Imports go one way: from the scripts down to hparams, by the layers below."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    {"hparams", "atomic"},
    {"video"},
    {"audio"},
    {"features", "models"},
    {"face_detection", "corpus"},
    {"lipsync", "training", "preprocessing"},
    {"synthesis"},
    {"evaluation"},
    {"detector_training"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SCRIPTS = {
    path.stem for path in ROOT.glob("*.py") if path.stem not in RANK and path.stem != "conftest"
}
# A script that lies in a package, beside what it trains; it may import what scripts may.
PACKAGE_SCRIPTS = {"face_detection/train.py": "face_detection.train"}
TAKES_PLAIN_NUMBERS = {"models", "face_detection"}
OPTIONAL = {
    "torchvision", "tensorboard", "ray", "face_alignment", "gradio", "lpips", "openvino", "h5py",
}  # fmt: skip


def sources() -> list[tuple[str, Path]]:
    """(owner, file) of every module: the package's or script's name."""
    files = [path for path in ROOT.glob("*.py")]
    for package in RANK:
        files += (ROOT / package).rglob("*.py")
    return [(owner_of(path.relative_to(ROOT)), path) for path in files]


def owner_of(path: Path) -> str:
    return PACKAGE_SCRIPTS.get(path.as_posix(), path.parts[0].removesuffix(".py"))


def imported(path: Path, top_level_only: bool = False) -> set[str]:
    """First parts of the names that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_imports_only_go_down():
    top = len(LAYERS)
    upward = [
        f"{path.relative_to(ROOT)} imports {target}"
        for owner, path in sources()
        for target in imported(path)
        if target != owner and target in RANK and RANK[target] >= RANK.get(owner, top)
    ]
    assert not upward


def test_nothing_imports_a_script():
    found = [
        f"{path.relative_to(ROOT)} imports {target}"
        for owner, path in sources()
        for target in imported(path) & SCRIPTS
    ]
    assert not found


def test_nothing_imports_a_script_that_lies_in_a_package():
    found = [
        f"{path.relative_to(ROOT)} imports {script}"
        for _, path in sources()
        for script in PACKAGE_SCRIPTS.values()
        if f"from {script} import" in path.read_text() or f"import {script}" in path.read_text()
    ]
    assert not found


def test_networks_and_detectors_take_plain_numbers():
    found = [
        str(path.relative_to(ROOT))
        for owner, path in sources()
        if owner in TAKES_PLAIN_NUMBERS and "hparams" in imported(path)
    ]
    assert not found


def test_optional_packages_are_never_imported_at_the_top():
    found = [
        f"{path.relative_to(ROOT)} imports {target}"
        for owner, path in sources()
        for target in imported(path, top_level_only=True) & OPTIONAL
    ]
    assert not found


def test_the_walk_sees_the_project():
    owners = {owner for owner, _ in sources()}
    assert {"hparams", "audio", "video", "models", "face_detection"} <= owners
