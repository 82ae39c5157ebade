"""What Kubernetes, and platforms such as Heroku, put into the environment."""

import pytest

from bellhop.settings import Settings, load_settings
from tests.bellhop.environment import dotenv
from tests.bellhop.test_settings import DEFAULTS, value
from tests.bellhop.test_wrong_settings import refusal

SERVICES = [
    "bellhop",
    *(
        f"bellhop-{name}"
        for name in (
            "api", "dev", "file", "grace", "handlers", "host", "http", "port", "port-80-tcp",
            "postgres", "processes", "prod", "receiver", "redis", "redis-headless", "redis-master",
            "redis-url", "redis-url-file", "seam", "seam-api-key", "sentinel", "slice", "staging",
            "svc", "valkey", "web", "webhook", "webhook-secrets", "webhooks", "worker", "log-level",
            "api-key", "key-prefix",
        )
    ),
]  # fmt: skip


def service(name: str, protocol: str, ip: str, ports: dict[str, int]) -> dict[str, str]:
    """Return what Kubernetes sets in each pod for a Service."""
    prefix = name.upper().replace("-", "_")
    _, first = next(iter(ports.items()))
    made = {
        f"{prefix}_SERVICE_HOST": ip,
        f"{prefix}_SERVICE_PORT": str(first),
        f"{prefix}_PORT": f"{protocol}://{ip}:{first}",
    }
    for port_name, port in ports.items():
        made[f"{prefix}_SERVICE_PORT_{port_name.upper().replace('-', '_')}"] = str(port)
        each = f"{prefix}_PORT_{port}_{protocol.upper()}"
        made |= {
            each: f"{protocol}://{ip}:{port}",
            f"{each}_PROTO": protocol,
            f"{each}_PORT": str(port),
            f"{each}_ADDR": ip,
        }
    return made


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_of_kubernetes_is_taken_for_a_setting(
    name: str, env: pytest.MonkeyPatch
) -> None:
    ports = {"http": 80, "redis-url": 6379, "file": 26379, "webhook-secret": 9090}
    for protocol, ip in (("tcp", "10.96.12.34"), ("udp", "fd00::1"), ("sctp", "[fd00::1]")):
        for variable, text in service(name, protocol, ip, ports).items():
            env.setenv(variable, text)
        settings = load_settings()
        assert {one: getattr(settings, one) for one in Settings.model_fields} == DEFAULTS


def test_what_kubernetes_sets_hides_no_line_of_the_file(env: pytest.MonkeyPatch) -> None:
    env.setenv("BELLHOP_PORT", "tcp://10.96.12.34:80")
    dotenv("BELLHOP_PORT=81\n")
    assert value("port") == 81


def test_a_file_is_not_written_by_kubernetes() -> None:
    dotenv("BELLHOP_PORT=tcp://10.96.12.34:80\n")
    assert refusal().startswith("BELLHOP_PORT: expected a port number")


@pytest.mark.parametrize("in_file", [False, True])
def test_a_platform_says_which_port_and_redis(in_file: bool, env: pytest.MonkeyPatch) -> None:
    if in_file:
        dotenv("PORT=5000\nREDIS_URL=rediss://:pw@h:6380\n")
    else:
        env.setenv("PORT", "5000")
        env.setenv("REDIS_URL", "rediss://:pw@h:6380")
    assert (value("port"), value("host")) == (5000, "0.0.0.0")
    assert value("redis_url") == "rediss://:pw@h:6380"


def test_the_host_that_was_chosen_stays(env: pytest.MonkeyPatch) -> None:
    env.setenv("PORT", "5000")
    env.setenv("BELLHOP_HOST", "127.0.0.1")
    assert (value("port"), value("host")) == (5000, "127.0.0.1")


@pytest.mark.parametrize("in_file", [False, True])
def test_our_own_names_go_before_a_platforms(in_file: bool, env: pytest.MonkeyPatch) -> None:
    env.setenv("PORT", "5000")
    env.setenv("REDIS_URL", "redis://theirs")
    if in_file:
        dotenv("BELLHOP_PORT=81\nBELLHOP_REDIS_URL=redis://ours\n")
    else:
        env.setenv("BELLHOP_PORT", "81")
        env.setenv("BELLHOP_REDIS_URL", "redis://ours")
    assert (value("port"), value("host"), value("redis_url")) == (81, "127.0.0.1", "redis://ours")


def test_valkey_has_its_own_name_for_the_url(env: pytest.MonkeyPatch) -> None:
    env.setenv("VALKEY_URL", "valkeys://h:6380")
    assert value("redis_url") == "valkeys://h:6380"
    env.setenv("REDIS_URL", "redis://first")
    assert value("redis_url") == "redis://first"


@pytest.mark.parametrize("name", ["PORT", "REDIS_URL", "VALKEY_URL"])
def test_an_empty_one_is_none(name: str, env: pytest.MonkeyPatch) -> None:
    env.setenv(name, "")
    settings = load_settings()
    assert (settings.port, settings.host, settings.redis_url) == (8000, "127.0.0.1", None)


def test_a_wrong_one_is_refused_by_the_name_that_was_set(env: pytest.MonkeyPatch) -> None:
    env.setenv("PORT", "http")
    assert refusal() == "PORT: expected a port number from 0 to 65535, got 'http'"
    env.delenv("PORT")
    env.setenv("REDIS_URL", "redis://:hunter2@h?family=6")
    said = refusal()
    assert said.startswith("REDIS_URL: expected ")
    assert said.endswith("; set BELLHOP_REDIS_URL, which goes before it")
    assert "hunter2" not in said


def test_a_port_that_is_given_keeps_the_host(env: pytest.MonkeyPatch) -> None:
    env.setenv("PORT", "5000")
    settings = load_settings(port=83)
    assert (settings.port, settings.host) == (83, "127.0.0.1")


def test_it_is_known_where_each_value_came_from(env: pytest.MonkeyPatch) -> None:
    dotenv("# ours\n\nBELLHOP_SLICE=5s\n")
    env.setenv("PORT", "5000")
    env.setenv("BELLHOP_GRACE", "9s")
    origins = load_settings(processes=2).origins
    assert {name: origin for name, origin in origins.items() if origin != "default"} == {
        "BELLHOP_SLICE": ".env line 3",
        "BELLHOP_GRACE": "environment",
        "BELLHOP_PORT": "environment (PORT)",
        "BELLHOP_HOST": "environment (PORT)",
        "BELLHOP_PROCESSES": "command line",
    }
    assert origins["BELLHOP_REDIS_URL"] == origins["SEAM_API_KEY"] == "default"
