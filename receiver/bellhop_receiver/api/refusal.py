"""Why a call is not answered, in the words of Seam's API."""

from collections.abc import Mapping, Sequence
from typing import Literal

Reason = Literal[
    "invalid_input",
    "invalid_content_type",
    "unauthorized",
    "event_not_found",
    "action_attempt_not_found",
    "method_not_allowed",
    "payload_too_large",
    "request_timeout",
    "internal_server_error",
    "service_unavailable",
]


class Refusal(Exception):
    """A call that is not answered with what it asks for.

    `message`: what the caller is told. `problems`: what is wrong with each parameter, by its name;
    under "" what is wrong with all of them together.
    """

    def __init__(
        self, reason: Reason, message: str, problems: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.problems = problems
