"""What `on` is to editors and type checkers: every pattern with what its handlers take.

Nothing imports this when Bellhop runs; the tests name what is missing. Each pattern has a type
variable of its own, so that a handler stays exactly the function that it was: with its name, its
parameters' names, and those that have defaults. Patterns that are not here are left to the check at
the registration.
"""

from bellhop.typed.overloads import on as on
