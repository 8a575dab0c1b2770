"""Whether a request says the server's user and password."""

import base64
import secrets


def is_login(header: str, login: tuple[str, str]) -> bool:
    """Of a header of HTTP's basic authentication."""
    kind, _, coded = header.partition(" ")
    try:
        said = base64.b64decode(coded, validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        return False
    return secrets.compare_digest(said, ":".join(login).encode())
