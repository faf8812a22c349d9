"""A hardware SSH key in software, for tests: it signs with or without a touch, as an authenticator's chip would.

Ed25519 as in RFC 8032, section 6; the blobs as in OpenSSH's PROTOCOL.u2f and PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_KIND = b"sk-ssh-ed25519@openssh.com"
_APPLICATION = b"ssh:"

Point = tuple[int, int, int, int]


def _x_of(y: int) -> int:
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P)
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    return x if x % 2 == 0 else _P - x


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE: Point = (_x_of(_BASE_Y), _BASE_Y, 1, _x_of(_BASE_Y) * _BASE_Y % _P)


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(factor: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total


def _packed(point: Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


@dataclass(frozen=True, slots=True)
class SoftToken:
    """One key, made from a seed."""

    seed: bytes

    @property
    def _secret(self) -> int:
        low = int.from_bytes(hashlib.sha512(self.seed).digest()[:32], "little")
        return low & ((1 << 254) - 8) | (1 << 254)

    @property
    def _public(self) -> bytes:
        return _packed(_times(self._secret, _BASE))

    @property
    def _blob(self) -> bytes:
        return _string(_KIND) + _string(self._public) + _string(_APPLICATION)

    @property
    def line(self) -> str:
        """The public key as it stands in an allowed-signers file."""
        return f"{_KIND.decode()} {base64.b64encode(self._blob).decode()}"

    def _sign(self, message: bytes) -> bytes:
        prefix = hashlib.sha512(self.seed).digest()[32:]
        nonce = _number(prefix, message) % _L
        point = _packed(_times(nonce, _BASE))
        return point + ((nonce + _number(point, self._public, message) * self._secret) % _L).to_bytes(32, "little")

    def signature(self, message: bytes, namespace: str, *, touched: bool) -> str:
        """An armoured SSH signature of the message; `touched` sets the flag of user presence."""
        name, digest = _string(namespace.encode()), hashlib.sha512(message).digest()
        inner = b"SSHSIG" + name + _string(b"") + _string(b"sha512") + _string(digest)
        rest = bytes([int(touched)]) + (7).to_bytes(4, "big")
        signed = self._sign(hashlib.sha256(_APPLICATION).digest() + rest + hashlib.sha256(inner).digest())
        outer = _string(_string(_KIND) + _string(signed) + rest)
        body = (
            b"SSHSIG" + (1).to_bytes(4, "big") + _string(self._blob) + name + _string(b"") + _string(b"sha512") + outer
        )
        text = base64.b64encode(body).decode()
        lines = [text[start : start + 70] for start in range(0, len(text), 70)]
        return "\n".join(("-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""))
