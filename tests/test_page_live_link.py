"""page/live_link.py: a voice goes in by WebRTC, a face and the voice come out; no browser."""

import asyncio
from fractions import Fraction

import numpy as np
import pytest

from lipsync.live import Camera, LiveSession
from tests.lipsync_material import HEIGHT, WIDTH, face_frame, make_face_video
from tests.test_lipsync_live import Loud, burst, maker_of

aiortc = pytest.importorskip("aiortc", reason="pip install aiortc")
RATE = 48000


@pytest.fixture
def face(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return make_face_video(tmp_path / "face.mkv", frames=5)


class Caller:
    """What a browser does: sends a tone, and pictures where wanted; keeps what it is sent."""

    def __init__(self, pictures: bool) -> None:
        from page.live_link import Outgoing

        self.peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.voice, self.camera = Outgoing("audio"), Outgoing("video")
        self.peer.addTrack(self.voice)
        if pictures:
            self.peer.addTrack(self.camera)
        else:
            self.peer.addTransceiver("video", direction="recvonly")
        self.seen, self.heard, self.tasks = [], [], []
        self.peer.on("track", self.take)

    def take(self, track) -> None:
        self.tasks.append(asyncio.ensure_future(self.keep(track)))

    async def keep(self, track) -> None:
        while True:
            frame = await track.recv()
            if track.kind == "video":
                self.seen.append(frame.to_ndarray(format="bgr24"))
            else:
                self.heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0])

    async def talk(self, link, until) -> None:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        answer = await link.answer(self.peer.localDescription.sdp)
        await self.peer.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        for number in range(1500):
            for packet in self.voice.packets(burst(0.02, 0, 0.02, RATE)):
                self.voice.put(packet)
            self.send_picture(number)
            await asyncio.sleep(0.02)
            if until(self):
                return
        raise AssertionError(f"only {len(self.seen)} pictures and {len(self.heard)} sounds came")

    def send_picture(self, number: int) -> None:
        import av

        picture = av.VideoFrame.from_ndarray(face_frame(number), format="bgr24")
        picture.pts = number * 1800
        picture.time_base = Fraction(1, 90000)
        self.camera.put(picture)

    async def hang_up(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.peer.close()


def call(session, *, pictures: bool = False) -> tuple[Caller, list]:
    """A call of some frames, and how often it was said to be over."""
    from page.live_link import LiveLink

    async def run():
        ended = []
        link = LiveLink(session, lambda: ended.append(True))
        caller = Caller(pictures)

        def enough(caller) -> bool:
            loud = sum(np.abs(block).max() > 3000 for block in caller.heard)
            return len(caller.seen) >= 12 and loud >= 10

        await asyncio.wait_for(caller.talk(link, enough), 60)
        await caller.hang_up()
        await link.close()
        return caller, ended

    return asyncio.run(run())


def test_a_voice_comes_back_with_a_face(face):
    caller, ended = call(LiveSession(face, maker_of(Loud()), sample_rate=RATE))
    assert caller.seen[-1].shape == (HEIGHT, WIDTH, 3)
    assert np.abs(caller.seen[-1][5, 5].astype(int) - face_frame(0)[5, 5]).max() < 30
    assert ended == [True]


def test_a_camera_is_shown(face):
    caller, _ = call(
        LiveSession(Camera(WIDTH, HEIGHT), maker_of(Loud()), sample_rate=RATE), pictures=True
    )
    assert np.abs(caller.seen[-1][5, 5].astype(int) - face_frame(0)[5, 5]).max() < 30


def test_what_is_no_offer_is_refused(face):
    from page.live_link import LiveLink

    async def run():
        ended = []
        session = LiveSession(face, maker_of(Loud()), sample_rate=RATE)
        with pytest.raises(ValueError, match="no offer of a WebRTC connection"):
            await LiveLink(session, lambda: ended.append(True)).answer("v=0 nonsense")
        return ended

    assert asyncio.run(run()) == [True]
