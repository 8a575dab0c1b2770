"""Reading ICT-FaceKit's head: folder and packed file agree, and what is wrong is named."""

import numpy as np
import pytest

from synthesis.figure.head import (
    LANDMARK_VERTICES,
    Material,
    load_head,
    read_obj_folder,
    read_pack,
    write_pack,
)

SHAPES = ("shape_identity000", "shape_identity001", "shape_jawOpen", "shape_eyeBlink_L")


def write_obj_folder(folder, release, shapes):
    """The release's own layout: a neutral mesh with faces and materials, and one OBJ a shape."""
    folder.mkdir()
    write_obj(folder / "generic_neutral_mesh.obj", release["neutral"], release)
    for name in shapes:
        points = release["neutral"] + release[name].astype(np.float32)
        write_obj(folder / f"{name.removeprefix('shape_')}.obj", points, release)


def write_obj(path, points, release):
    lines = ["# a comment", "mtllib head.mtl", "g default"]
    lines += [f"v {x:.7g} {y:.7g} {z:.7g}" for x, y, z in points]
    lines += [f"vt {u:.7g} {v:.7g}" for u, v in release["uv"]]
    last = None
    for face, uvs, material in zip(
        release["faces"], release["face_uvs"], release["face_material"], strict=True
    ):
        if material != last:
            lines.append(f"usemtl {release['materials'][material]}")
            last = material
        lines.append(
            "f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(face, uvs, strict=True) if v >= 0)
        )
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def release(shared_data_module):
    return read_pack(shared_data_module / "ict_facekit.npz")


@pytest.fixture(scope="module")
def shared_data_module():
    from conftest import SHARED

    if not (SHARED / "data" / "ict_facekit.npz").exists():
        pytest.skip("no ICT-FaceKit beside the repository (shared/data)")
    return SHARED / "data"


@pytest.mark.slow
def test_a_folder_of_obj_files_reads_as_the_packed_file(tmp_path, release):
    write_obj_folder(tmp_path / "FaceXModel", release, SHAPES)
    read = read_obj_folder(tmp_path)  # the repository's root will do too
    for name in ("neutral", "uv"):
        assert np.allclose(read[name], release[name], atol=1e-6), name
    assert np.array_equal(read["faces"], release["faces"])
    uv_used = release["face_uvs"][release["faces"] >= 0]
    assert np.array_equal(read["face_uvs"][read["faces"] >= 0], uv_used)
    names = read["materials"][read["face_material"]]
    assert np.array_equal(names, release["materials"][release["face_material"]])
    for name in SHAPES:
        assert np.allclose(read[name], release[name], atol=2e-3), name


def test_a_folder_is_packed_once(tmp_path, release):
    write_obj_folder(tmp_path / "model", release, SHAPES)
    first = load_head(tmp_path / "model", cache=tmp_path / "packed.npz")
    for path in (tmp_path / "model").glob("*.obj"):
        path.write_text("")
    again = load_head(tmp_path / "model", cache=tmp_path / "packed.npz")
    assert np.array_equal(first.neutral, again.neutral)
    assert first.expression_names == again.expression_names == ("eyeBlink_L", "jawOpen")
    assert len(first.identities) == 2


def test_the_parts_are_where_they_should_be(shared_data_module):
    head = load_head(shared_data_module / "ict_facekit.npz")
    assert len(head.landmarks) == len(LANDMARK_VERTICES) == 68
    middle = {
        m: head.neutral[head.triangles[head.materials == m]].reshape(-1, 3).mean(axis=0)
        for m in (Material.TEETH, Material.EYE, Material.TONGUE)
    }
    chin, nose = head.neutral[head.landmarks[8]], head.neutral[head.landmarks[30]]
    for material in (Material.TEETH, Material.TONGUE):
        assert chin[1] < middle[material][1] < nose[1] and middle[material][2] < nose[2]
    assert middle[Material.EYE][1] > nose[1]
    assert len(head.expression_names) == 57 and len(head.identities) == 100
    assert (head.triangles < len(head.neutral)).all()
    roots, tips = head.neutral[head.lashes[:, 0]], head.neutral[head.lashes[:, -1]]
    assert (tips[:, 2] > roots[:, 2]).mean() > 0.9


def test_what_is_not_a_head_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no head model at"):
        load_head(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="generic_neutral_mesh.obj"):
        load_head(tmp_path)
    np.savez(tmp_path / "other.npz", pixels=np.zeros(3))
    with pytest.raises(ValueError, match="lacks face_material"):
        load_head(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(ValueError, match="text.npz is not a packed head model"):
        load_head(tmp_path / "text.npz")


def test_a_shape_of_another_mesh_is_named(tmp_path):
    (tmp_path / "generic_neutral_mesh.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n"
    )
    (tmp_path / "jawOpen.obj").write_text("v 0 0 0\n")
    with pytest.raises(ValueError, match="jawOpen.obj has 1 vertices, the neutral mesh 3"):
        load_head(tmp_path)


def test_faces_without_texture_coordinates_are_named(tmp_path):
    (tmp_path / "generic_neutral_mesh.obj").write_text("v 0 0 0\nusemtl a\nf 1 1 1\n")
    with pytest.raises(ValueError, match="without texture coordinates: 'f 1 1 1'"):
        load_head(tmp_path)


def test_a_pack_is_whole_or_absent_whatever_its_name(tmp_path):
    with pytest.raises(TypeError):
        write_pack({"neutral": np.zeros(3), 7: np.zeros(3)}, tmp_path / "head")
    assert list(tmp_path.iterdir()) == []
    write_pack({"neutral": np.ones(3)}, tmp_path / "head")
    assert [path.name for path in tmp_path.iterdir()] == ["head"]
    with np.load(tmp_path / "head") as stored:
        assert stored["neutral"].sum() == 3
