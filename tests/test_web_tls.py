"""Certificates: given, made here, missing; and what settings of the web make no sense."""

import asyncio
import os
import ssl

import pytest
from cryptography import x509

from streamer.errors import ConfigError
from streamer.web.tls import open_tls
from streamer.webconfig import WebConfig
from tests.webs import OFFER, World


@pytest.mark.parametrize(
    "values",
    [
        {"tls_cert": "a"},
        {"tls_cert": "a", "tls_key": "b", "self_signed": True},
        {"turn_user": "me"},
        {"turn_secret": "12345678", "turn_user": "a", "turn_password": "b"},
        {"token": "short"},
        {"token": "a token with spaces"},
        {"names": ["bad name"]},
        {"port": 70_000},
        {"stun": "http://example.org"},
        {"bitrate_kbps": 9000},
        {"unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(values):
    """At the start, not when somebody calls."""
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own sentence
        WebConfig(**values)


def test_a_certificate_of_our_own_is_made_once_and_again_when_names_change(tmp_path):
    """Its key is its owner's alone."""
    config = WebConfig(self_signed=True)
    first = open_tls(config, tmp_path)
    assert open_tls(config, tmp_path).fingerprint == first.fingerprint
    assert len(first.fingerprint.split(":")) == 32
    if os.name == "posix":
        assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    certificate = x509.load_pem_x509_certificate((tmp_path / "certificate.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in [str(a) for a in names.get_values_for_type(x509.IPAddress)]
    other = open_tls(WebConfig(self_signed=True, names=("studio.example",)), tmp_path)
    assert other.fingerprint != first.fingerprint
    (tmp_path / "certificate.pem").write_text("damaged")
    assert open_tls(config, tmp_path).fingerprint != other.fingerprint


def test_missing_and_wrong_certificates_are_told_in_one_line(tmp_path):
    """With the option, and what would do."""
    cert, key = str(tmp_path / "c.pem"), str(tmp_path / "k.pem")
    config = WebConfig(tls_cert=cert, tls_key=key)
    with pytest.raises(ConfigError, match=r"--tls-cert .*no such file.*--self-signed"):
        open_tls(config, tmp_path)
    (tmp_path / "c.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"--tls-key .*no such file"):
        open_tls(config, tmp_path)
    (tmp_path / "k.pem").write_text("no key")
    with pytest.raises(ConfigError, match=r"cannot be used"):
        open_tls(config, tmp_path)
    assert open_tls(WebConfig(), tmp_path) is None


def test_the_server_speaks_https_and_nothing_old(tmp_path):
    """With our certificate; the cookie is for HTTPS then."""

    async def main():
        world = World(self_signed=True)
        world.tls = open_tls(world.web, tmp_path)
        async with world.serving():
            assert world.url.startswith("https://")
            code, headers, _ = await world.ask("GET", "/api/setup")
            assert code == 200
            assert "Secure" in headers["Set-Cookie"]
            assert (await world.ask("POST", "/api/sessions", json=OFFER))[0] == 201

    asyncio.run(main())
    context = open_tls(WebConfig(self_signed=True), tmp_path).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
