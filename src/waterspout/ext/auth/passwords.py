"""Passwords: argon2id (RFC 9106), and Werkzeug's older hashes until they are replaced.

    user.password = hash_password(password)

    if verify_password(user and user.password, password):
        if needs_rehash(user.password):
            user.password = hash_password(password)

A hash takes some 50 ms of CPU and 64 MiB of memory, so that whoever steals the hashes cannot try
many passwords. No more are made at a time than there are processors; in ``async def`` code await
the twins, which run in a worker thread.

SECURITY: give `verify_password` None where there is no such user. It then takes as long as for one
that there is, so that nobody learns from the time who has an account (CWE-208).
"""

from __future__ import annotations

import os
import secrets
from functools import cache
from threading import BoundedSemaphore

from werkzeug.security import check_password_hash

from waterspout import run_in_thread
from waterspout.ext import needs_extra

with needs_extra("auth"):
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

__all__ = [
    "hash_password",
    "hash_password_async",
    "needs_rehash",
    "verify_password",
    "verify_password_async",
]

#: What new hashes are made with; programs may set another one at their start. Its defaults are the
#: second recommended option of RFC 9106, §4.
hasher = PasswordHasher()

_at_once = BoundedSemaphore(os.cpu_count() or 1)
_OF_WERKZEUG = ("scrypt:", "pbkdf2:")


def hash_password(password: str) -> str:
    """Return a hash of *password* with a new salt, to be stored: some 100 ASCII characters."""
    with _at_once:
        return hasher.hash(password)


def verify_password(hash: str | None, password: str) -> bool:  # Argon2's own name
    """Tell whether *hash* was made of *password*, by us or by Werkzeug's
    ``generate_password_hash``. None: there is no such user, which takes the same time.

    What is no hash (an empty column, another format) is False, too.
    """
    with _at_once:
        if hash is not None and hash.startswith(_OF_WERKZEUG):
            try:
                return check_password_hash(hash, password)
            except (ValueError, ArithmeticError):  # its parameters are nonsense
                return False
        try:
            if hash is None:
                hasher.verify(_nobodys(hasher), password)
                return False
            return hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(hash: str) -> bool:  # as above
    """Tell whether *hash* is of an older kind or has other parameters than new ones have: make a
    new one when the user next logs in."""
    try:
        return hasher.check_needs_rehash(hash)
    except InvalidHashError:
        return True


async def hash_password_async(password: str) -> str:
    """Do as `hash_password`, in a worker thread."""
    return await run_in_thread(hash_password, password)


async def verify_password_async(
    hash: str | None,  # as above
    password: str,
) -> bool:
    """Do as `verify_password`, in a worker thread."""
    return await run_in_thread(verify_password, hash, password)


@cache
def _nobodys(hasher: PasswordHasher) -> str:
    """Return the hash of a password that nobody knows."""
    return hasher.hash(secrets.token_hex())
