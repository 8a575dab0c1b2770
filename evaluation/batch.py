"""Score many clips with several processes; rows are kept as they come, so a stopped run resumes."""

import json
import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from evaluation.scorer import Options, Row, Scorer
from evaluation.videos import GeneratedVideo

log = logging.getLogger(__name__)


def score_clips(
    clips: list[GeneratedVideo],
    groups: tuple[str, ...],
    options: Options,
    journal: Path,
    workers: int = 1,
) -> list[Row]:
    """The row of each clip, in order; those that the journal holds are not scored again.

    The journal is a file of JSON lines; a row counts as long as its files, metrics and options
    are the same.
    """
    keys = {clip.name: _key(clip, groups, options) for clip in clips}
    rows = {row.clip: row for row in _read_journal(journal, keys)}
    left = [clip for clip in clips if clip.name not in rows]
    if rows:
        log.info("%d of %d clips are scored already (%s)", len(rows), len(clips), journal)
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as file:
        scored = _score(left, groups, options, workers)
        for row in tqdm(scored, total=len(left), desc="scoring", unit="clip", disable=not left):
            rows[row.clip] = row
            file.write(json.dumps({"key": keys[row.clip], **asdict(row)}) + "\n")
            file.flush()
    return [rows[clip.name] for clip in clips]


def _key(clip: GeneratedVideo, groups: tuple[str, ...], options: Options) -> list:
    settings = {name: str(value) for name, value in asdict(options).items()}
    return [clip.fingerprint(), list(groups), settings]


def _read_journal(journal: Path, keys: dict[str, list]) -> Iterator[Row]:
    if not journal.is_file():
        return
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue  # the run was stopped while it wrote this line
        if values.pop("key") == keys.get(values["clip"]):
            yield Row(**values)


def _score(
    clips: list[GeneratedVideo], groups: tuple[str, ...], options: Options, workers: int
) -> Iterator[Row]:
    """Rows as they are ready."""
    if workers <= 1 or len(clips) <= 1:
        scorer = Scorer(options)
        yield from (scorer.score(clip, groups) for clip in clips)
        return
    context = multiprocessing.get_context("spawn")  # a forked process has no use of CUDA
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(options, threads)
    )
    try:
        for future in as_completed([pool.submit(_score_one, clip, groups) for clip in clips]):
            yield future.result()
    except (KeyboardInterrupt, GeneratorExit):
        for process in multiprocessing.active_children():
            process.terminate()  # a long clip would take minutes to end
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(options: Options, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends the pool
    torch.set_num_threads(threads)
    global _worker
    _worker = Scorer(options)


def _score_one(clip: GeneratedVideo, groups: tuple[str, ...]) -> Row:
    return _worker.score(clip, groups)
