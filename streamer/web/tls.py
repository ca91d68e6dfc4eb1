"""HTTPS, without which browsers give no camera to pages that are not of their own computer."""

import hashlib
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from streamer.errors import ConfigError
from streamer.output import make_folder, replacing
from streamer.webconfig import WebConfig

_VALID = timedelta(days=397)
"""What browsers accept at most."""
_RENEW = timedelta(days=14)
"""Before the end."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What a server speaks HTTPS with."""

    context: ssl.SSLContext
    fingerprint: str
    """SHA-256 of the certificate, as browsers show it."""
    self_signed: bool


def open_tls(config: WebConfig, folder: Path) -> Tls | None:
    """The certificate of the settings, or one of our own kept in `folder`; None without either.

    ConfigError when the files are missing or do not fit together.
    """
    if config.tls_cert is not None and config.tls_key is not None:
        return _loaded(Path(config.tls_cert), Path(config.tls_key), self_signed=False)
    if config.self_signed:
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        names = _own_names(config)
        if not _is_good(certificate, names) or not key.exists():
            _make(certificate, key, names)
        return _loaded(certificate, key, self_signed=True)
    return None


def _loaded(certificate: Path, key: Path, *, self_signed: bool) -> Tls:
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if not path.is_file():
            raise ConfigError(
                f"{option} {path}: there is no such file; name the PEM file, or use --self-signed"
            )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An empty password: otherwise a protected key would ask at the terminal, and block.
        context.load_cert_chain(certificate, key, password="")
        der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(
            serialization.Encoding.DER
        )
    except (OSError, ValueError) as error:  # SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ConfigError(
            f"--tls-cert {certificate}, --tls-key {key}: cannot be used ({reason}); both are PEM"
            " files that belong together, the key without a password"
        ) from None
    digest = hashlib.sha256(der).hexdigest().upper()
    fingerprint = ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
    return Tls(context, fingerprint, self_signed)


def own_addresses() -> list[str]:
    """The addresses at which others may reach this computer, the most likely first."""
    found: list[str] = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:  # connecting a datagram socket sends nothing; it picks the way out
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.append(str(probe.getsockname()[0]).partition("%")[0])
        except OSError:
            continue
    try:
        infos = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        infos = []
    found += [str(info[4][0]).partition("%")[0] for info in infos]
    return [a for a in dict.fromkeys(found) if not ipaddress.ip_address(a).is_loopback]


def _own_names(config: WebConfig) -> list[x509.GeneralName]:
    host = socket.gethostname()
    names = ["localhost", host, f"{host.partition('.')[0]}.local", *config.names]
    addresses = ["127.0.0.1", "::1", *own_addresses()]
    try:
        address = ipaddress.ip_address(config.host)
        addresses += [] if address.is_unspecified else [config.host]
    except ValueError:
        names.append(config.host)
    return [
        *(x509.DNSName(name.lower()) for name in dict.fromkeys(names) if name.isascii()),
        *(x509.IPAddress(ipaddress.ip_address(a)) for a in dict.fromkeys(addresses)),
    ]


def _is_good(path: Path, names: list[x509.GeneralName]) -> bool:
    """Whether the certificate is there, lasts a while, and has all the names."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    lasts = certificate.not_valid_after_utc > datetime.now(UTC) + _RENEW
    return lasts and set(names) <= set(found)


def _make(certificate: Path, key: Path, names: list[x509.GeneralName]) -> None:
    """Write a new key, for its owner's eyes only, and a certificate signed with itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vivant on this computer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    make_folder(certificate.parent)
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for path, data in ((key, secret), (certificate, made.public_bytes(serialization.Encoding.PEM))):
        with replacing(path) as part:
            if os.name == "posix":
                part.chmod(0o600)
            part.write_bytes(data)
