"""The server process: one port, one application, until it is interrupted."""

import socket
from functools import partial

import uvicorn

from lipsync import LipSync
from page.limits import Limits
from page.server import make_app


def serve(
    host: str,
    port: int,
    limits: Limits,
    login: tuple[str, str] | None,
    checkpoint: str,
    networks: dict[str, str],
) -> None:
    """Answer until Ctrl-C. Raises OSError where the port is taken, ValueError (CheckpointError)."""
    with _listening(host, port) as heard:
        load_live = partial(LipSync, checkpoint, live=True, **networks)
        app = make_app(LipSync(checkpoint, **networks), limits, login, load_live)
        address = f"http://{host}:{heard.getsockname()[1]}"
        print(f"talkface is at {address}  (Ctrl-C ends it)", flush=True)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run([heard])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    heard = socket.socket(family, socket.SOCK_STREAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        heard.bind((host, port))
    except OSError as error:
        heard.close()
        raise OSError(
            f"cannot listen at {host}:{port}: {error.strerror}; try another --port"
        ) from error
    return heard
