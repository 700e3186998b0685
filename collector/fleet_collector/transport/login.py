"""The login with a key, without a question that is not needed.

asyncssh asks a server whether a key would do before it signs with it (RFC 4252, section 7). Of the only or
the last key that is a round trip for nothing: a refusal is a refusal either way.
"""

from __future__ import annotations

from asyncssh import auth


class LastKey(auth._ClientPublicKeyAuth):
    """Public key authentication that signs at once where there is no other key to try."""

    async def _start(self) -> None:
        if len(self._conn._client_keys) != 1:
            await super()._start()
            return
        self._keypair = await self._conn.public_key_auth_requested()
        if self._keypair is None:
            self._conn.try_next_auth(next_method=True)
        else:
            await self._send_signed_request()


def install() -> None:
    """Make it the way in which all connections of this program log in."""
    auth._client_auth_handlers[b"publickey"] = LastKey
