"""preprocess.py on a Ray cluster: a machine is lost in the middle; films become clips."""

import contextlib
import json
from pathlib import Path

import pytest

import preprocess
from hparams import HParams
from preprocessing.clip import preprocess_clip
from preprocessing.on_ray import run_on_ray
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import find_sources
from preprocessing.workers import build_detector
from tests import talking_ellipse
from tests.drawn_talker import write_clip
from tests.film_of_ellipses import faces_of, write_film

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'ray[default]')")
cluster_utils = pytest.importorskip("ray.cluster_utils")

CLIPS = 24


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def corpus(tmp_path) -> Path:
    first = write_clip(tmp_path / "main/speaker/00.mp4", frames=60)
    for number in range(1, CLIPS):
        (first.parent / f"{number:02d}.mp4").symlink_to(first)
    return tmp_path / "main"


@pytest.mark.slow
def test_a_lost_machine_loses_no_clip(corpus, tmp_path):
    clips = find_sources(corpus)
    alone = PreprocessSettings(root=tmp_path / "alone", hp=HParams(), detector="haar")
    detector = build_detector(alone, "cpu")
    expected = [preprocess_clip(clip, alone, detector) for clip in clips]

    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        doomed = cluster.add_node(num_cpus=2)
        cluster.wait_for_nodes()
        on_ray = PreprocessSettings(root=tmp_path / "on_ray", hp=HParams(), detector="haar")
        rows = run_on_ray(clips, on_ray, cluster.address, gpus_per_clip=0)
        found = [next(rows)]
        assert list(on_ray.root.rglob("*.partial"))  # clips are in hand when the machine is lost
        cluster.remove_node(doomed, allow_graceful=False)
        found += rows
    finally:
        ray.shutdown()
        cluster.shutdown()

    assert sorted(found, key=json.dumps) == sorted(expected, key=json.dumps)
    assert contents(on_ray.root) == contents(alone.root)
    assert not list(on_ray.root.rglob("*.partial"))


@pytest.mark.slow
def test_films_become_the_same_clips(tmp_path):
    opened = talking_ellipse.openings(90)
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "a.mp4", [faces_of(opened)], talking_ellipse.voice(opened))
    (films / "b.mp4").write_bytes(b"no film")
    rows = {}
    for name, backend in (("alone", "local"), ("on_ray", "ray")):
        root = tmp_path / name
        flags = ["--data_root", films, "--preprocessed_root", root, "--backend", backend]
        with contextlib.suppress(SystemExit):  # where over half of the films are bad
            preprocess.main([*map(str, flags), "--wild", "--detector", "small", "--min_sync", "0"])
        ray.shutdown()
        lines = (root / "report.jsonl").read_text().splitlines()
        rows[name] = sorted(map(json.loads, lines), key=json.dumps)
    assert rows["on_ray"] == rows["alone"]
    assert {row["reason"] for row in rows["alone"] if not row["kept"]} >= {"undecodable"}
    alone, on_ray = (contents(tmp_path / name) for name in rows)
    assert alone.pop("report.html") and on_ray.pop("report.html")  # they tell the time it took
    assert on_ray == alone
