"""Which algorithms are offered, cheapest safe ones first; old servers still find one they know.

curve25519 costs a tenth of the post-quantum hybrids that lead the usual lists; what a snapshot tells is not
worth recording today to read it in twenty years. AES-GCM runs on the CPU's own instructions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs, get_public_key_algs

KEX = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
    "mlkem768x25519-sha256",
    "diffie-hellman-group14-sha1",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1",
)
_HOST_KEYS_FIRST = (
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"rsa-sha2-256",
    b"rsa-sha2-512",
)
_RSA = (b"rsa-sha2-256", b"rsa-sha2-512", b"ssh-rsa")


def _in_order() -> list[bytes]:
    offered = get_default_public_key_algs()
    first = [name for name in _HOST_KEYS_FIRST if name in offered]
    rest = [name for name in offered if name not in first and b"@ssh.com" not in name and name != b"ssh-rsa"]
    return [*first, *rest, b"ssh-rsa"]


HOST_KEYS = _in_order()
CERTIFICATES = get_default_certificate_algs()


def host_key_order(known_types: Iterable[str], wish: str | None, *, authorities: bool) -> list[bytes]:
    """Return host key algorithms to ask for: of known keys first, so that the known key is what comes.

    ``wish`` is HostKeyAlgorithms; a whole list and ``^`` are an order of their own (as OpenSSH has it).
    """
    chosen = HOST_KEYS
    if wish:
        possible = [*get_public_key_algs(), *CERTIFICATES]
        chosen = [name.encode() for name in select(wish, [one.decode() for one in HOST_KEYS], possible)]
        if wish[0] not in "+-":
            return chosen
    known: list[bytes] = []
    for name in known_types:
        known.extend(_RSA if name == "ssh-rsa" else (name.encode(),))
    order = [name for name in chosen if name in known]
    order += [name for name in chosen if name not in known]
    return [*CERTIFICATES, *order] if authorities else order


def select(wish: str | None, defaults: Sequence[str], possible: Sequence[bytes]) -> list[str]:
    """Return algorithms by a list of ssh_config(5): ``+`` appends, ``-`` removes, ``^`` puts first.

    Names that this machine does not know are left out; a wish that leaves nothing is not granted.
    """
    known = [name.decode() for name in possible]
    usual = [name for name in defaults if name in known]
    if not wish:
        return usual
    patterns = wish.lstrip("+-^").split(",")
    named = [name for pattern in patterns for name in known if fnmatchcase(name, pattern)]
    chosen = {
        "+": [*usual, *named],
        "-": [name for name in usual if name not in named],
        "^": [*named, *usual],
    }.get(wish[0], named)
    return list(dict.fromkeys(chosen)) or usual


def kex(wish: str | None) -> list[str]:
    """KexAlgorithms."""
    return select(wish, KEX, [name for name in get_kex_algs() if not name.startswith(b"gss-")])


def ciphers(wish: str | None) -> list[str]:
    """Ciphers."""
    return select(wish, CIPHERS, get_encryption_algs())


def macs(wish: str | None) -> list[str]:
    """MACs."""
    return select(wish, MACS, get_mac_algs())
