"""Signatures and encryption of messages, as WeChat's documentation describes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct

from waterspout.ext import needs_extra

from .errors import SignatureError

with needs_extra("wechat"):
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["MessageCrypt", "is_signed", "js_signature", "signature"]

_BLOCK = 32  # bytes that the text is padded to; twice AES's own


def signature(*parts: str) -> str:
    """Return the SHA-1 of *parts*, sorted and joined, in hexadecimal digits: of token, timestamp
    and nonce for a request, and of the encrypted text as well for an encrypted message."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Tell, in constant time, whether *given* is the signature of *parts*."""
    return hmac.compare_digest(given.encode(), signature(*parts).encode())


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """Return the signature that a page at *url* needs for the JS-SDK; the fragment counts not."""
    text = (
        f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    )
    return hashlib.sha1(text.encode()).hexdigest()


class MessageCrypt:
    """Encrypts and decrypts messages of one account (AES-256-CBC).

    *aes_key* is the EncodingAESKey of the account's settings.

    Raises:
        ValueError: *aes_key* is not 43 characters of base64.
    """

    def __init__(self, aes_key: str, app_id: str) -> None:
        try:
            self._key = base64.b64decode(aes_key + "=", validate=True)
        except binascii.Error:
            self._key = b""
        if len(aes_key) != 43 or len(self._key) != 32:
            raise ValueError("WECHAT_AES_KEY is not an EncodingAESKey: 43 letters and digits.")
        self._app_id = app_id.encode()

    def encrypt(self, text: str) -> str:
        """Return *text* encrypted, as base64."""
        content = text.encode()
        plain = b"".join(
            [secrets.token_bytes(16), struct.pack("!I", len(content)), content, self._app_id]
        )
        count = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def decrypt(self, sealed: str) -> str:
        """Return the text that *sealed* holds. Check its signature first.

        Raises:
            SignatureError: It is not encrypted with the account's key, or for another account.
        """
        try:
            decryptor = self._cipher().decryptor()
            padded = decryptor.update(base64.b64decode(sealed, validate=True))
            plain = (padded + decryptor.finalize())[: -padded[-1]]
            (length,) = struct.unpack("!I", plain[16:20])
            content, app_id = plain[20 : 20 + length], plain[20 + length :]
            if hmac.compare_digest(app_id, self._app_id):
                return content.decode()
        except (ValueError, IndexError, struct.error):
            pass
        raise SignatureError("The message is not encrypted for this account.")

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))
