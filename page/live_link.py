"""One browser's live connection, by WebRTC: a voice in, a face that speaks it out."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from lipsync.live import LiveFrame, LiveSession, Player

RATE = 48000  # Hz, WebRTC's own
BLOCK = 960  # samples of a packet: 20 ms
WAITING_SECONDS = 0.4  # of a voice that came faster than it is spoken
MOST_WAITING = 12  # frames that were made and not yet sent; the oldest go first
VIDEO_CLOCK = 90000  # of WebRTC's pictures, a second

log = logging.getLogger(__name__)


class LiveLink:
    """A peer connection and the player behind it; `ended` is called once, when it is over."""

    def __init__(self, session: LiveSession, ended: Callable[[], None]) -> None:
        self._session, self._ended = session, ended
        self._player = Player(session, most_seconds=WAITING_SECONDS, drop=True)
        # No servers that say what one's address is: nothing leaves for elsewhere.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._pictures, self._sounds = Outgoing("video"), Outgoing("audio")
        self._tasks: list[asyncio.Task] = []
        self._over = self._seen = False  # whether a camera's picture has come

    async def answer(self, offer: str) -> str:
        """The session description that answers the browser's. Raises ValueError."""
        self._loop = asyncio.get_running_loop()
        self._peer.on("track", self._take)
        self._peer.on("connectionstatechange", self._changed)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            self._peer.addTrack(self._pictures)
            self._peer.addTrack(self._sounds)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            await self.close()
            raise ValueError(f"this is no offer of a WebRTC connection: {error}") from error
        if not self._session.needs_pictures:
            self._start()
        return self._peer.localDescription.sdp

    async def close(self) -> None:
        if self._over:
            return
        self._over = True
        self._player.close()
        for task in self._tasks:
            task.cancel()
        await self._peer.close()
        self._ended()

    def _start(self) -> None:
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        """In a thread of its own: the networks work here."""
        try:
            for frame in self._player.frames():
                self._loop.call_soon_threadsafe(self._send, frame)
        except (ValueError, RuntimeError) as error:
            log.error("live: %s", error)
            with contextlib.suppress(RuntimeError):  # the server has ended
                asyncio.run_coroutine_threadsafe(self.close(), self._loop)
        finally:
            self._session.close()

    def _send(self, frame: LiveFrame) -> None:
        picture = av.VideoFrame.from_ndarray(frame.image, format="bgr24")
        picture.pts, picture.time_base = (
            round(frame.seconds * VIDEO_CLOCK),
            Fraction(1, VIDEO_CLOCK),
        )
        self._pictures.put(picture)
        for packet in self._sounds.packets(frame.sound):
            self._sounds.put(packet)

    def _take(self, track: MediaStreamTrack) -> None:
        receive = self._hear if track.kind == "audio" else self._see
        self._tasks.append(asyncio.ensure_future(self._received(track, receive)))

    async def _received(self, track: MediaStreamTrack, take: Callable) -> None:
        with contextlib.suppress(MediaStreamError):  # the browser has ended it
            while True:
                take(await track.recv())

    def _hear(self, frame: av.AudioFrame) -> None:
        channels = len(frame.layout.channels)
        levels = frame.to_ndarray().reshape(-1, channels).mean(axis=1)
        self._player.push((levels / 32768).astype(np.float32))

    def _see(self, frame: av.VideoFrame) -> None:
        if not self._session.needs_pictures:
            return
        image = frame.to_ndarray(format="bgr24")
        if image.shape[1::-1] != self._session.size:
            image = cv2.resize(image, self._session.size, interpolation=cv2.INTER_AREA)
        self._player.show(image)
        if not self._seen:
            self._seen = True
            self._start()

    async def _changed(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            await self.close()


class Outgoing(MediaStreamTrack):
    """Pictures or sound on their way to the browser."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__()
        self._waiting: asyncio.Queue = asyncio.Queue()
        self._rest, self._sent = np.zeros(0, np.float32), 0

    def put(self, frame: av.VideoFrame | av.AudioFrame) -> None:
        most = MOST_WAITING * (1 if self.kind == "video" else 2)
        while self._waiting.qsize() >= most:
            self._waiting.get_nowait()
        self._waiting.put_nowait(frame)

    async def recv(self) -> av.VideoFrame | av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        return await self._waiting.get()

    def packets(self, sound: np.ndarray) -> list[av.AudioFrame]:
        """The whole packets that more samples make."""
        self._rest = np.concatenate([self._rest, sound])
        whole = len(self._rest) // BLOCK * BLOCK
        blocks, self._rest = self._rest[:whole].reshape(-1, BLOCK), self._rest[whole:]
        return [self._packet(block) for block in blocks]

    def _packet(self, block: np.ndarray) -> av.AudioFrame:
        levels = np.clip(np.round(block * 32768), -32768, 32767).astype(np.int16)
        packet = av.AudioFrame.from_ndarray(levels[None], format="s16", layout="mono")
        packet.sample_rate, packet.pts, packet.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += BLOCK
        return packet
