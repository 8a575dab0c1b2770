"""Imports go one way: from the scripts down to hparams, by the layers below."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    {"hparam_fields", "atomic"},
    {"hparams"},
    {"video"},
    {"audio"},
    {"features", "models"},
    {"synchrony"},
    {"face_detection", "corpus", "export"},
    {"lipsync", "training"},
    {"preprocessing"},
    {"synthesis"},
    {"evaluation"},
    {"jobs"},
    {"detector_training"},
    {"page"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SCRIPTS = {
    path.stem for path in ROOT.glob("*.py") if path.stem not in RANK and path.stem != "conftest"
}
# What training/engine may import of the project: it knows no faces, no sound, no corpus.
ENGINE = {"hparams", "atomic", "models.checkpoint", "models.devices", "training.engine"}
TAKES_PLAIN_NUMBERS = {"models", "face_detection"}
OPTIONAL = {
    "torchvision", "tensorboard", "ray", "face_alignment", "gradio", "lpips", "openvino", "h5py",
    "onnx", "onnxruntime", "aiortc",
}  # fmt: skip
OPTIONAL_AS_A_WHOLE = {"page"}  # app.py imports it once it knows that Gradio is there


def sources() -> list[tuple[str, Path]]:
    """(owner, file) of every module: the package's or script's name."""
    files = [path for path in ROOT.glob("*.py")]
    for package in RANK:
        files += (ROOT / package).rglob("*.py")
    return [(owner_of(path.relative_to(ROOT)), path) for path in files]


def owner_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """Wherever they stand in the file."""
    return [
        node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def imported(path: Path, top_level_only: bool = False) -> set[str]:
    """First parts of the names that a file imports."""
    names = set()
    for node in tree_of(path).body if top_level_only else imports_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def modules_imported(path: Path) -> set[str]:
    """Whole names of the modules that a file imports, wherever it does so."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return froms | {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}


ORDER = " <- ".join(", ".join(sorted(names)) for names in (*LAYERS, {"the scripts"}))


def test_imports_only_go_down():
    print(ORDER)  # shown by -s, and where it does not hold
    top = len(LAYERS)
    upward = [
        f"{path.relative_to(ROOT)} imports {target}"
        for owner, path in sources()
        for target in imported(path)
        if target != owner and target in RANK and RANK[target] >= RANK.get(owner, top)
    ]
    assert not upward


def test_no_two_modules_import_each_other():
    """Nor three in a circle, wherever in a file the import stands."""
    needs = {path: set() for _, path in sources()}
    for path in needs:
        for node in imports_of(path):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                whole = [file_of(f"{node.module}.{alias.name}") for alias in node.names]
                needs[path] |= {file or file_of(node.module) for file in whole} & needs.keys()
    while bottom := [path for path, below in needs.items() if not below]:
        needs = {path: below - {*bottom} for path, below in needs.items() if below}
    assert not needs, f"in a circle, or above one: {sorted(map(str, needs))}"


def test_nothing_imports_a_script():
    found = [
        f"{path.relative_to(ROOT)} imports {target}"
        for owner, path in sources()
        for target in imported(path) & SCRIPTS
    ]
    assert not found


def test_the_engine_knows_neither_lips_nor_corpora():
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "training/engine").glob("*.py")
        for name in modules_imported(path)
        if name.partition(".")[0] in RANK
        if not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ENGINE)
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
        if owner not in OPTIONAL_AS_A_WHOLE
        for target in imported(path, top_level_only=True) & OPTIONAL
    ]
    assert not found


def test_every_name_that_a_module_imports_from_another_is_there():
    """Also of modules that no test imports, and of imports within functions."""
    missing = []
    for path in [path for folder in (*RANK, "benchmarks") for path in files_of(folder)]:
        for node in imports_of(path):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                target = file_of(node.module)
                missing += [
                    f"{path.relative_to(ROOT)}: {alias.name} of {node.module}"
                    for alias in node.names
                    if target and alias.name not in names_in(target)
                    and not file_of(f"{node.module}.{alias.name}")
                ]  # fmt: skip
    assert not missing


def files_of(owner: str) -> list[Path]:
    return [*(ROOT / owner).rglob("*.py"), *ROOT.glob(f"{owner}.py")]


def file_of(module: str) -> Path | None:
    """The project's file of a module or package; None for a module of others."""
    place = ROOT.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py")
                 if file.is_file()), None)  # fmt: skip


@cache
def names_in(file: Path) -> set[str]:
    """What a module binds at its top, also within try and if."""
    names = set()
    waiting = list(tree_of(file).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        else:
            waiting += ast.iter_child_nodes(node)
    return names


def test_the_walk_sees_the_project():
    owners = {owner for owner, _ in sources()}
    assert {"hparams", "audio", "video", "models", "face_detection"} <= owners
