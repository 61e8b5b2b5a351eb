"""What a server may be told, and what it says about the rest."""

from __future__ import annotations

import pytest

from waterspout.server import Limits, ServerSettings, SettingsError, Threads, Timeouts


def test_defaults_have_limits_and_deadlines() -> None:
    """Without a word from the user, what a stranger can cost is bounded (hostile.md C)."""
    settings = ServerSettings()
    assert settings.limits.request_line == 8192
    assert settings.limits.header_bytes == 32768
    assert settings.timeouts.header == 10
    assert settings.timeouts.graceful == 10
    assert settings.trusted_proxies == ()


def test_from_mapping_reads_nested_groups() -> None:
    settings = ServerSettings.from_mapping(
        {"port": "8000", "limits": {"pipeline": 5}, "timeouts": {"graceful": 3}, "debug": "yes"}
    )
    assert settings.port == 8000
    assert settings.limits == Limits(pipeline=5)
    assert settings.timeouts == Timeouts(graceful=3.0)
    assert settings.debug is True


def test_from_env_reads_its_own_names_only() -> None:
    settings = ServerSettings.from_env(
        {
            "WATERSPOUT_HOST": "0.0.0.0",
            "WATERSPOUT_LIMITS_PIPELINE": "4",
            "WATERSPOUT_THREADS_VIEWS_MAX": "12",
            "WATERSPOUT_UDS_MODE": "0o660",
            "WATERSPOUT_TRUSTED_PROXIES": "10.0.0.0/8, unix",
            "WATERSPOUT_APP": "shop:app",
            "PORT": "1",
        }
    )
    assert settings.host == "0.0.0.0"
    assert settings.limits.pipeline == 4
    assert settings.threads == Threads(views_max=12)
    assert settings.uds_mode == 0o660
    assert settings.trusted_proxies == ("10.0.0.0/8", "unix")
    assert settings.port == 5000


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"prot": 1}, "no server setting prot. Did you mean 'port'?"),
        ({"limits": {"pipline": 1}}, "no server setting limits.pipline. Did you mean 'pipeline'?"),
        ({"port": "http"}, "port is 'http'; expected a whole number."),
        ({"port": 70000}, "ports go from 1 to 65535"),
        ({"workers": 0}, "write 1 or more"),
        ({"workers": True}, "workers is True; expected a whole number"),
        ({"limits": {"unread_body": -1}}, "limits.unread_body is -1; it has to be 0 or more."),
        ({"timeouts": {"header": float("nan")}}, "timeouts.header is nan"),
        ({"loop": "trio"}, "write one of auto, uvloop, asyncio"),
        ({"keyfile": "key.pem"}, "TLS needs the certificate"),
        ({"reload": True, "workers": 2}, "does not go with workers=2"),
        ({"trusted_proxies": "proxy"}, "expected an address (10.0.0.1), a network"),
        ({"threads": {"views_min": 9, "views_max": 3}}, "lower the one or raise the other"),
    ],
)
def test_errors_say_what_to_write(mapping: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ServerSettings.from_mapping(mapping)
    assert words in str(caught.value)


def test_wrong_variable_in_a_group_is_an_error() -> None:
    with pytest.raises(SettingsError, match="WATERSPOUT_LIMITS_HEADR"):
        ServerSettings.from_env({"WATERSPOUT_LIMITS_HEADR": "1"})


def test_no_proxy_is_trusted_unless_named() -> None:
    """Forwarding headers of a stranger are never believed."""
    assert not ServerSettings().trusts("127.0.0.1")
    settings = ServerSettings(trusted_proxies=("10.0.0.0/8", "unix"))
    assert settings.trusts("10.1.2.3")
    assert settings.trusts("::ffff:10.1.2.3")
    assert settings.trusts("")
    assert not settings.trusts("192.0.2.1")
    assert ServerSettings(trusted_proxies=("*",)).trusts("192.0.2.1")


def test_settings_cannot_be_changed_but_evolve() -> None:
    settings = ServerSettings()
    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]
    assert settings.evolve(limits={"pipeline": 7}).limits.pipeline == 7
    assert settings.evolve(limits={"pipeline": 7}).evolve(port=1).limits.pipeline == 7
