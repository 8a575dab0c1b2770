"""The adapter of docs/live.md, run with the real LiveKit package; skips without it."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from lipsync.live import LiveSession
from tests.lipsync_material import HEIGHT, WIDTH, make_face_video
from tests.test_lipsync_live import Loud, burst, maker_of

DOCS = Path(__file__).resolve().parents[1] / "docs" / "live.md"


@pytest.fixture
def adapter() -> dict:
    """The names that the page's example defines."""
    pytest.importorskip("livekit.rtc", reason="pip install livekit")
    text = DOCS.read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "rtc" in block)
    names: dict = {}
    exec(compile(code, str(DOCS), "exec"), names)
    return names


def test_frames_and_sound_reach_livekits_sources(adapter, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    face = make_face_video(tmp_path / "face.mkv", frames=5)
    pictures, sounds = asyncio.run(speak(adapter, LiveSession(face, maker_of(Loud()))))
    assert len(pictures) >= 8 and all(p.width == WIDTH and p.height == HEIGHT for p in pictures)
    heard = np.concatenate([np.frombuffer(s.data, np.int16) for s in sounds])
    assert len(heard) == 8 * 640 and np.abs(heard).max() > 8000


async def speak(adapter: dict, session: LiveSession):
    avatar = adapter["Avatar"](session)
    sounds, pictures = [], []
    capture_sound, capture_picture = avatar.audio.capture_frame, avatar.video.capture_frame

    async def sound_too(frame):
        sounds.append(frame)
        await capture_sound(frame)  # LiveKit's own: it refuses what does not fit the source

    def picture_too(frame, **more):
        pictures.append(frame)
        capture_picture(frame, **more)

    avatar.audio.capture_frame, avatar.video.capture_frame = sound_too, picture_too
    avatar.player.push(burst(0.32, 0.05, 0.3))
    avatar.player.end()
    await asyncio.wait_for(avatar.run(), 20)
    return pictures, sounds
