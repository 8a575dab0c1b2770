"""preprocess.py on a Ray cluster of two machines, one of which is lost in the middle."""

import json
from pathlib import Path

import pytest

from hparams import HParams
from preprocessing.clip import preprocess_clip
from preprocessing.on_ray import run_on_ray
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import find_sources
from preprocessing.workers import build_detector
from tests.drawn_talker import write_clip

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
