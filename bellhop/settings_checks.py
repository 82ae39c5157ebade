"""What there is to say about the settings: which are wrong, and where each comes from."""

from collections.abc import Iterator
from datetime import timedelta

from bellhop.finding import Finding, Level
from bellhop.setting_values import written_duration
from bellhop.settings import InvalidSettings, Settings, variable_of

_SECRET = {
    name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
}
_SECRET |= {"seam_endpoint"}  # a URL may hold a password


def judge_settings(error: InvalidSettings) -> Iterator[Finding]:
    """Tell each setting that is wrong. With wrong ones, nothing else can be looked at."""
    for problem in str(error).splitlines():
        yield Finding(
            Level.PROBLEM,
            problem,
            "correct it in the environment or in .env, and ask again: the rest was not looked at",
            check="settings",
            measured={"error": problem},
        )


def tell_settings(settings: Settings) -> Finding:
    """Say of each setting where its value comes from; and the value, unless it may be secret."""
    origins = {name: origin for name, origin in settings.origins.items() if origin != "default"}
    values = {variable_of(name): _shown(settings, name) for name in Settings.model_fields}
    lines = [
        f"{name}{'' if values[name] is None else f' = {values[name]}'}: from {origin}"
        for name, origin in origins.items()
    ]
    defaults = [name for name in settings.origins if name not in origins]
    return Finding(
        Level.OK,
        "\n".join(
            [f"settings: {len(origins)} given", *lines, f"by default: {', '.join(defaults)}"]
        ),
        check="settings",
        count=len(origins),
        measured={
            "settings": {
                name: {"value": values[name], "origin": origin}
                for name, origin in settings.origins.items()
            }
        },
    )


def _shown(settings: Settings, name: str) -> str | None:
    """Return a value as it may be shown, or `None` for one that is secret or not set."""
    value = getattr(settings, name)
    if value is None or name in _SECRET:
        return None
    if isinstance(value, timedelta):
        return written_duration(value)
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value)
