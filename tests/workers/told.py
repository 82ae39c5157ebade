"""What hooks of a test were told."""

from dataclasses import dataclass, field

from bellhop import Context, DeadLetter, QuarantinedBody


@dataclass
class Told:
    """What hooks were called with."""

    letters: list[DeadLetter] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    bodies: list[QuarantinedBody] = field(default_factory=list)

    def letter(self, letter: DeadLetter, context: Context) -> None:
        self.letters.append(letter)
        self.contexts.append(context)

    def body(self, body: QuarantinedBody, context: Context) -> None:
        self.bodies.append(body)
        self.contexts.append(context)
