"""Secrets of agents' phones: made here, shown once, kept only as digest verifiers."""

import hashlib
import secrets

from control.models.plan import Agent

#: 20 characters out of 32: 100 bits, and nothing that reads like something else
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH = 20


def renew_secret(agent: Agent, realm: str) -> str:
    """Give the agent's phone a new secret and return it; it cannot be read again."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    agent.ha1_md5, agent.ha1_sha256 = verifiers(agent.account, realm, secret)
    return secret


def verifiers(account: str, realm: str, secret: str) -> tuple[str, str]:
    """Return HA1 in MD5 and SHA-256 (RFC 7616 §3.4.2)."""
    text = f"{account}:{realm}:{secret}".encode()
    md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return md5, hashlib.sha256(text).hexdigest()
