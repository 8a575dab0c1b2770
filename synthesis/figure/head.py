"""The morphable head: ICT-FaceKit's OBJ folder or its packed file, and what the renderer needs to
know of it.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from atomic import whole_or_absent
from synthesis.render.material import Material
from synthesis.render.rasteriser import FAR, rasterise

NEUTRAL_FILE = "generic_neutral_mesh.obj"
PACK_NAME = "talkface_head.npz"
UV_MAP_SIZE = 512

# ICT-FaceKit's vertices at the 68 landmarks of iBUG's order.
# fmt: off
LANDMARK_VERTICES = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
)
# fmt: on
# Half-open vertex ranges of the release: what is never seen, and the parts that share a material.
HIDDEN_MOLARS = ((17039, 17416), (18870, 19247), (19247, 19602), (21096, 21451))
MOUTH_SOCKET = (11248, 13294)
EYE_SOCKETS = (13294, 14062)
EYEBALLS = ((21451, 22221), (23021, 23791))  # at the viewer's right, then left
LASH_ROWS = ((25351, 25465), (25693, 25807), (26035, 26149), (26377, 26491))
LASH_COLUMNS = 19


RELEASE_MATERIALS = {
    "M_Face": Material.SKIN,
    "M_BackHead": Material.SCALP,
    "M_GumsTongue": Material.GUMS,
    "M_Teeth": Material.TEETH,
    "M_ScleraLeft": Material.EYE,
    "M_ScleraRight": Material.EYE,
}


@dataclass(frozen=True, eq=False)
class Head:
    """A morphable head in cm: x to the viewer's right, y up, z to the camera. n vertices, t
    triangles.

    corner_uvs are within [0, 1] of the material's own texture; lashes are rows of vertices from
    root to tip.
    """

    neutral: np.ndarray  # (n, 3) float32
    identities: np.ndarray  # (modes, n, 3) float32, for coefficients of about N(0, 1)
    expression_names: tuple[str, ...]
    expressions: np.ndarray  # (expressions, n, 3) float32
    triangles: np.ndarray  # (t, 3) int32, anticlockwise from outside
    corner_uvs: np.ndarray  # (t, 3, 2) float32
    materials: np.ndarray  # (t,) uint8
    landmarks: np.ndarray  # (68,) int32
    eyeballs: tuple[np.ndarray, np.ndarray]  # vertex numbers, viewer's right then left
    lashes: np.ndarray  # (lashes, points) int32
    tongue_lift: (
        np.ndarray
    )  # (n, 3) float32: offsets that bring the tongue's tip to the upper teeth

    @cached_property
    def vertex_materials(self) -> np.ndarray:
        """One material a vertex. (n,) uint8"""
        found = np.zeros(len(self.neutral), np.uint8)
        found[self.triangles.ravel()] = np.repeat(self.materials, 3)
        return found

    @cached_property
    def expression_index(self) -> dict[str, int]:
        """Where each expression lies in `expressions`."""
        return {name: index for index, name in enumerate(self.expression_names)}

    @cached_property
    def position_maps(self) -> dict[int, np.ndarray]:
        """For skin and scalp, the neutral 3-D place of each texel.

        (512, 512, 3), nearest where empty
        """
        return {
            material: self._position_map(material) for material in (Material.SKIN, Material.SCALP)
        }

    @cached_property
    def landmark_uvs(self) -> np.ndarray:
        """Where the landmarks lie on the skin's texture. (68, 2), v upwards"""
        return self.skin_uvs[self.landmarks]

    @cached_property
    def skin_uvs(self) -> np.ndarray:
        """Texture coordinates of the skin's vertices, 0 elsewhere. (n, 2), v upwards"""
        uvs = np.zeros((len(self.neutral), 2), np.float32)
        skin = self.materials == Material.SKIN
        uvs[self.triangles[skin].ravel()] = self.corner_uvs[skin].reshape(-1, 2)
        return uvs

    def _position_map(self, material: Material) -> np.ndarray:
        chosen = self.materials == material
        corners = self.triangles[chosen].ravel()
        uvs = self.corner_uvs[chosen].reshape(-1, 2) * UV_MAP_SIZE
        points = np.column_stack(
            [uvs[:, 0] - 0.5, UV_MAP_SIZE - uvs[:, 1] - 0.5, np.zeros(len(uvs))]
        )
        triangles = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
        shape = (UV_MAP_SIZE, UV_MAP_SIZE)
        depth, owner = np.full(shape, FAR, np.float32), np.full(shape, -1, np.int32)
        weights = np.zeros((*shape, 2), np.float32)
        rasterise(
            points.astype(np.float32),
            triangles,
            np.ones(len(triangles), bool),
            depth,
            owner,
            weights,
        )
        return _interpolate_corners(self.neutral[corners].reshape(-1, 3, 3), owner, weights)


def _interpolate_corners(values: np.ndarray, owner: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from scipy.ndimage import distance_transform_edt

    last = 1 - weights.sum(axis=2, keepdims=True)
    full = np.concatenate([weights, last], axis=2)
    image = np.einsum("yxk,yxkc->yxc", full, values[owner])
    nearest = distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    return image[nearest[0], nearest[1]].astype(np.float32)


def load_head(path: str | os.PathLike, cache: str | os.PathLike | None = None) -> Head:
    """Load ICT-FaceKit from its folder of OBJ files, or from the one file it was packed into.

    A folder is read once (about a minute) and packed to `cache`, by default a file within the
    folder;
    a folder that cannot be written to is read anew each time unless `cache` is given.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"no head model at {path}; clone ICT-FaceKit and give its FaceXModel folder"
        )
    if path.is_file():
        return assemble(read_pack(path))
    pack = Path(cache) if cache else path / PACK_NAME
    if not pack.exists():
        release = read_obj_folder(path)
        if not cache and not os.access(path, os.W_OK):
            return assemble(release)
        write_pack(release, pack)
    return assemble(read_pack(pack))


def read_pack(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a packed release; raises ValueError if it is none."""
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is not a packed head model: {error}") from error
    missing = {"neutral", "uv", "faces", "face_uvs", "face_material", "materials"} - set(arrays)
    if missing:
        raise ValueError(
            f"{path} is not a packed head model: it lacks {', '.join(sorted(missing))}"
        )
    return arrays


def write_pack(release: dict[str, np.ndarray], path: Path) -> None:
    """Write the release's arrays to one file, whole or not at all."""
    with whole_or_absent(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **release)


def read_obj_folder(folder: Path) -> dict[str, np.ndarray]:
    """The release's arrays from its OBJ files: the neutral mesh, and an offset per other file."""
    neutral_file = folder / NEUTRAL_FILE
    if not neutral_file.exists():
        nested = folder / "FaceXModel"
        if nested.is_dir():
            return read_obj_folder(nested)
        raise FileNotFoundError(
            f"{folder} has no {NEUTRAL_FILE}; give ICT-FaceKit's FaceXModel folder"
        )
    release = read_mesh(neutral_file)
    for path in sorted(folder.glob("*.obj")):
        if path.name == NEUTRAL_FILE:
            continue
        points = read_vertices(path)
        if len(points) != len(release["neutral"]):
            raise ValueError(
                f"{path} has {len(points)} vertices, the neutral mesh {len(release['neutral'])}"
            )
        release[f"shape_{path.stem}"] = (points - release["neutral"]).astype(np.float16)
    return release


def read_vertices(path: Path) -> np.ndarray:
    """The `v` lines of an OBJ file. (n, 3) float32"""
    lines = [line[2:] for line in path.read_bytes().split(b"\n") if line.startswith(b"v ")]
    return np.array(b" ".join(lines).split(), np.float32).reshape(len(lines), -1)[:, :3]


def read_mesh(path: Path) -> dict[str, np.ndarray]:
    """Vertices, texture coordinates, faces (a triangle's fourth corner is -1) and materials of an
    OBJ file.
    """
    uvs, corners, face_materials, materials = [], [], [], []
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "vt":
            uvs.append(rest.split()[:2])
        elif kind == "usemtl":
            if rest not in materials:
                materials.append(rest)
            current = materials.index(rest)
        elif kind == "f":
            face = [part.split("/")[:2] for part in rest.split()]
            if min(len(part) for part in face) < 2:
                raise ValueError(f"{path} has faces without texture coordinates: {line!r}")
            corners.append(face + [["0", "0"]] * (4 - len(face)))
            face_materials.append(current)
    faces = np.array(corners, np.int32) - 1
    return {
        "neutral": read_vertices(path),
        "uv": np.array(uvs, np.float32),
        "faces": faces[..., 0],
        "face_uvs": faces[..., 1],
        "face_material": np.array(face_materials, np.uint8),
        "materials": np.array(materials),
    }


def assemble(release: dict[str, np.ndarray]) -> Head:
    """Keep what a camera can see, split quads, renumber, and name the parts."""
    triangles, corner_uvs, materials = _visible_triangles(release)
    lashes = np.concatenate([_lash_strands(release, *span) for span in LASH_ROWS])
    kept = np.unique(np.concatenate([triangles.ravel(), lashes.ravel()]))
    number = np.full(len(release["neutral"]), -1, np.int32)
    number[kept] = np.arange(len(kept))
    neutral = release["neutral"][kept].astype(np.float32)
    shapes = {key[6:]: release[key] for key in sorted(release) if key.startswith("shape_")}
    stack = {True: [], False: []}
    for name, offsets in shapes.items():
        stack[name.startswith("identity")].append(offsets[kept].astype(np.float32))
    tongue = np.zeros(len(kept), bool)
    tongue[number[triangles[materials == Material.TONGUE]]] = True
    return Head(
        neutral=neutral,
        identities=np.stack(stack[True]),
        expressions=np.stack(stack[False]),
        expression_names=tuple(name for name in shapes if not name.startswith("identity")),
        triangles=number[triangles],
        corner_uvs=corner_uvs,
        materials=materials,
        landmarks=number[list(LANDMARK_VERTICES)],
        eyeballs=tuple(_kept_range(number, *span) for span in EYEBALLS),
        lashes=number[lashes],
        tongue_lift=_tongue_lift(neutral, tongue),
    )


def _visible_triangles(release: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    faces, face_uvs = release["faces"], release["face_uvs"]
    names = [RELEASE_MATERIALS.get(str(name), 255) for name in release["materials"]]
    materials = np.array(names, np.uint8)[release["face_material"]]
    quad = faces[:, 3] >= 0
    triangles = np.concatenate([faces[:, :3], faces[quad][:, [0, 2, 3]]])
    uvs = release["uv"][np.concatenate([face_uvs[:, :3], face_uvs[quad][:, [0, 2, 3]]])]
    materials = np.concatenate([materials, materials[quad]])
    materials[_within(triangles, *MOUTH_SOCKET) | _within(triangles, *EYE_SOCKETS)] = (
        Material.SOCKET
    )
    on_tongue = ((uvs[..., 0] > 2.47) & (uvs[..., 0] < 2.96) & (uvs[..., 1] < 0.45)).all(axis=1)
    materials[(materials == Material.GUMS) & on_tongue] = Material.TONGUE
    keep = materials != 255
    for span in HIDDEN_MOLARS:
        keep &= ~_within(triangles, *span)
    uvs = (uvs - np.floor(uvs.mean(axis=1, keepdims=True))).astype(np.float32)
    return triangles[keep].astype(np.int32), uvs[keep], materials[keep]


def _within(triangles: np.ndarray, start: int, stop: int) -> np.ndarray:
    return ((triangles >= start) & (triangles < stop)).all(axis=1)


def _kept_range(number: np.ndarray, start: int, stop: int) -> np.ndarray:
    kept = number[start:stop]
    return kept[kept >= 0]


def _lash_strands(release: dict[str, np.ndarray], start: int, stop: int) -> np.ndarray:
    """One layer of lashes is a grid on its texture: columns of u are lashes, v falls from root to
    tip.
    """
    uv_of_vertex = np.zeros((len(release["neutral"]), 2), np.float32)
    used = release["faces"] >= 0
    uv_of_vertex[release["faces"][used]] = release["uv"][release["face_uvs"][used]]
    u, v = uv_of_vertex[start:stop].T
    return (start + np.lexsort((-v, u.round(2)))).reshape(LASH_COLUMNS, -1)


def _tongue_lift(neutral: np.ndarray, tongue: np.ndarray) -> np.ndarray:
    """Offsets that grow from the tongue's root to its tip, up and a little forward."""
    lift = np.zeros_like(neutral)
    if tongue.any():
        depth = neutral[:, 2]
        root, tip = depth[tongue].min(), depth[tongue].max()
        along = np.clip((depth - root - 0.3 * (tip - root)) / (0.7 * (tip - root)), 0, 1) * tongue
        lift[:, 1] = along**1.5 * 1.3
        lift[:, 2] = along * 0.25
    return lift
