"""Whether a request says the server's user and password."""

import base64
import secrets

from fastapi import Request


def is_login(header: str, login: tuple[str, str]) -> bool:
    """Of a header of HTTP's basic authentication."""
    kind, _, coded = header.partition(" ")
    try:
        said = base64.b64decode(coded, validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        return False
    return secrets.compare_digest(said, ":".join(login).encode())


def is_in_page(request: Request) -> bool:
    """Of a browser that has logged in on Gradio's page: by the cookie that it was given there."""
    for route in request.app.routes:
        page = getattr(route, "app", None)
        if hasattr(page, "tokens"):
            names = (f"access-token-{kind}{page.cookie_id}" for kind in ("", "unsecure-"))
            return any(request.cookies.get(name) in page.tokens for name in names)
    return False
