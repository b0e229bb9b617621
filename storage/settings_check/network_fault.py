"""Explains why a connection failed: name, port, firewall, TLS or certificate."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from roadmask.local.finding import CheckFailed

HANDSHAKE_S = 2.0
"""Longest wait for a TLS handshake, seconds."""
CLOSED = ("closed by server", "connection aborted", "connection reset", "disconnected without")
"""Parts of error texts of several libraries for a closed connection, lower case."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The expected address of a server, and advice to correct it."""

    host: str
    port: int
    """0 for a Unix socket, whose path is `host`."""
    secure: bool
    """Whether TLS is expected."""
    setting: str
    """The setting that names the server."""
    use_tls: str
    """Advice for a server that unexpectedly speaks TLS."""
    use_plain: str
    """Advice for a server that unexpectedly speaks no TLS."""
    trust: str
    """Advice for a certificate of an unknown authority."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def explain(error: BaseException, address: ServerAddress) -> str | None:
    """One sentence with the cause and one with the remedy; None for any other kind of error."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, address)
        if isinstance(cause, ssl.SSLError):
            return f"{address} does not speak TLS as expected ({cause.reason}). {address.use_plain}"
        if isinstance(cause, socket.gaierror):
            return f"The name {address.host} has no address. Check {address.setting} and the DNS."
        if isinstance(cause, FileNotFoundError):
            return f"There is no file {cause.filename or address.host}. Check {address.setting}."
        if isinstance(cause, PermissionError):
            return f"This process may not open {address}. Check the rights of its user."
        if isinstance(cause, ConnectionRefusedError):
            return f"Nothing listens at {address}. Start the server, or correct {address.setting}."
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return f"There is no way to {address}. Check {address.setting} and the network."
    texts = " ".join(str(cause).lower() for cause in _causes(error))
    if any(word in texts for word in CLOSED) or "malformed" in texts:
        if not address.secure and address.port and speaks_tls(address):
            return f"{address} speaks TLS. {address.use_tls}"
        return (
            f"{address} closed the connection. Check that {address.setting} names the right server."
        )
    if "timed out" in texts or "timeout" in texts:
        if address.secure and _is_open(address):
            return f"{address} does not speak TLS: its handshake does not end. {address.use_plain}"
        return (
            f"{address} does not answer in time. Check {address.setting} and firewalls on the way."
        )
    return None


def check_certificates(file: str, named_by: str) -> None:
    """Raise `CheckFailed` unless the file has certificates in PEM."""
    try:
        ssl.create_default_context(cafile=file)
    except FileNotFoundError:
        raise CheckFailed(f"{named_by} names {file}, and there is no such file.") from None
    except OSError as error:
        # An `SSLError` is an `OSError`. Its text adds nothing to the message below.
        why = "" if isinstance(error, ssl.SSLError) else f" ({error.strerror})"
        raise CheckFailed(
            f"{named_by} names {file}, which has no readable certificate in PEM{why}."
        ) from None


def speaks_tls(address: ServerAddress) -> bool:
    """Whether a TLS handshake succeeds, whatever the certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address.host, address.port), HANDSHAKE_S) as connection,
            context.wrap_socket(connection, server_hostname=address.host),
        ):
            return True
    except OSError as error:
        # An alert, for example a request for a client certificate, is TLS, too.
        return isinstance(error, ssl.SSLError) and "ALERT" in str(error.reason)


def _is_open(address: ServerAddress) -> bool:
    try:
        socket.create_connection((address.host, address.port), HANDSHAKE_S).close()
    except OSError:
        return False
    return True


def _certificate(error: ssl.SSLCertVerificationError, address: ServerAddress) -> str:
    why = error.verify_message or str(error)
    if "expired" in why or "not yet valid" in why:
        remedy = "Renew it, or set the clock of this machine."
    elif "mismatch" in why.lower() or "doesn't match" in why:
        remedy = f"Use in {address.setting} a name that the certificate has."
    else:
        remedy = address.trust
    return f"The certificate of {address} is not trusted: {why.rstrip('.')}. {remedy}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all its causes."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        reason = getattr(cause, "reason", None)
        waiting += [cause.__cause__, cause.__context__, reason, *cause.args]
