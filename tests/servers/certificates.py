"""A certificate authority of the tests, and a certificate of 127.0.0.1 and localhost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.process import HOST

DAY = timedelta(days=1)


class Authority:
    """Files in a folder: the authority's certificate, and a server's with its key."""

    def __init__(
        self, folder: Path, *, hosts: tuple[str, ...] = ("localhost",), days: int = 2
    ) -> None:
        """A certificate with negative `days` expired that long ago."""
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "ca.pem"
        self.certificate = folder / "server.crt"
        self.key = folder / "server.key"
        own_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in "ab")
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of tests")])
        now = datetime.now(UTC)
        authority = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(own_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 9 * DAY)
            .not_valid_after(now + 9 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own_key.public_key()), False)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(own_key, hashes.SHA256())
        )
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        if "localhost" in hosts:
            names.append(x509.IPAddress(ip_address(HOST)))
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key.public_key())
        server = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]))
            .issuer_name(name)
            .public_key(server_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 8 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(issuer, critical=False)
            .sign(own_key, hashes.SHA256())
        )
        self.file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        self.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
