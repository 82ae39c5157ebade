"""The names of the ledger's keys. No other module, and no script, makes one up.

All share the hash tag `{bellhop}`: they live in one slot of a Redis Cluster, so that a script may
change several of them at once. The scripts append the names below to `PREFIX`. Another Bellhop on
the same database has another tag: a process works with one ledger, and `use` says which.

| key                     | type       | holds                                                     |
| ----------------------- | ---------- | --------------------------------------------------------- |
| `event:<event_id>`      | hash       | body, state; `about`, when it came and its place among    |
|                         |            | all, `milliseconds-order`, and JSON [type, mailbox,       |
|                         |            | svix-id, sent (s)]; for each handler `h:<handler>`, its   |
|                         |            | attempts; how many are `open` (to be run) and `dead`;     |
|                         |            | after crashes `begun`, `deaths` and `deaths:<handler>`    |
| `deliveries`            | sorted set | svix-ids that came, by when (ms)                          |
| `mail:<mailbox>`        | list       | waiting entries: `event_id`, or `event_id handler`        |
| `ready`                 | list       | mailboxes with mail that nobody holds                     |
| `careful`               | list       | the same, for those under which a worker died             |
| `doubts`                | hash       | for each of those, how many more entries to take singly   |
| `company`               | hash       | and how many of them may be taken together                |
| `shifts`                | sorted set | shifts at work, by the time their lease ends              |
| `held:<shift>`          | hash       | the mailboxes a shift holds, with the number of entries   |
| `settled:<shift>`       | string     | the number of its last settle, for one that is repeated   |
| `waiting`               | string     | since when a shift waits in RQ's queue (ms)               |
| `resting`               | sorted set | shifts with empty hands, by when they end                 |
| `bell:<shift>`          | list       | rung when there is mail for a shift that rests            |
| `due`                   | sorted set | retries, `event_id handler mailbox`, by when they are due |
| `order`                 | string     | how many events were accepted                             |
| `open:<mailbox>`        | set        | the handlers for which events of the mailbox are open     |
| `unfinished:<h> <m>`    | sorted set | those events of a handler and a mailbox, in their order   |
| `behind:<h> <m>`        | sorted set | those of them that wait for the ones before               |
| `newest:<mailbox>`      | hash       | for each handler that wants to know, when the newest      |
|                         |            | event that it saw occurred (ms)                           |
| `replaying`             | set        | entries that a replay put into mailboxes, as they wait    |
| `log`                   | stream     | every accepted event, `order-milliseconds`                |
| `unindexed`             | list       | of those not in the indexes yet, `order created retention |
|                         |            | JSON [field value, …]`                                    |
| `created`               | sorted set | the orders of all events, by when they were created (ms)  |
| `index:<field> <value>` | sorted set | the same, of the events with that type or id              |
| `attempts`              | stream     | the action attempt of every event about one, `order-…`    |
| `attempt:<id>`          | hash       | of an attempt: `body`, as Seam's API sent it once it had  |
|                         |            | ended, or why it was `given_up`; how many `times` it was  |
|                         |            | asked for                                                 |
| `unfetched`             | sorted set | attempts to ask the API about, by when that may be begun  |
| `fetched_to`            | string     | the entry of `attempts` up to which they were taken over  |
| `dead`                  | sorted set | `event_id handler`, by the time it gave up                |
| `quarantine`            | sorted set | svix-ids of bodies that are no event, in order of arrival |
| `quarantined:<svix-id>` | hash       | their body, problems, headers and time of arrival         |
| `drift`                 | sorted set | `type kind field` of differences, by when they were seen  |
| `drift:<type …>`        | hash       | how often, since when, with one example                   |
| `alarms`                | sorted set | `type endpoint` of Svix's messages, by when they were     |
|                         |            | sent (s)                                                  |
| `swept`                 | string     | when a foreman swept last (ms)                            |
| `sealed`                | string     | encrypted with the first key, to see if it is known       |
| `probe`                 | string     | written by the readiness check                            |
"""

import re

NAMESPACE = "bellhop"
PREFIX = f"{{{NAMESPACE}}}:"


def use(namespace: str) -> None:
    """Have this process work with the ledger, and the queue of RQ's, that has this name.

    To be called before Redis is. Names are read from this module at each use, never copied.
    """
    global NAMESPACE, PREFIX
    old = PREFIX
    NAMESPACE, PREFIX = namespace, f"{{{namespace}}}:"
    for name, key in list(globals().items()):
        if isinstance(key, str) and key.startswith(old):
            globals()[name] = PREFIX + key.removeprefix(old)


def glob(name: str) -> str:
    """Return the pattern of SCAN that stands for names which begin like this one."""
    return re.sub(r"([][*?\\])", r"\\\1", name) + "*"


def event(event_id: str) -> str:
    """The record of an event."""
    return f"{PREFIX}event:{event_id}"


def mail(mailbox: str) -> str:
    """The waiting entries of a mailbox."""
    return f"{PREFIX}mail:{mailbox}"


def held(shift: str) -> str:
    """The mailboxes in a shift's hands."""
    return f"{PREFIX}held:{shift}"


def bell(shift: str) -> str:
    """Rung when there is mail for a shift that rests."""
    return f"{PREFIX}bell:{shift}"


def index(field: str, value: str) -> str:
    """The orders of the events with that type, or about that resource."""
    return f"{PREFIX}index:{field} {value}"


def attempt(action_attempt_id: str) -> str:
    """What Seam's API said of an action attempt."""
    return f"{PREFIX}attempt:{action_attempt_id}"


def quarantined(delivery_id: str) -> str:
    """A body that is no event."""
    return f"{PREFIX}quarantined:{delivery_id}"


def drift(name: str) -> str:
    """One kind of difference from Seam's schema."""
    return f"{PREFIX}drift:{name}"


READY = f"{PREFIX}ready"
CAREFUL = f"{PREFIX}careful"
DOUBTS = f"{PREFIX}doubts"
SHIFTS = f"{PREFIX}shifts"
RESTING = f"{PREFIX}resting"
WAITING = f"{PREFIX}waiting"
DUE = f"{PREFIX}due"
LOG = f"{PREFIX}log"
ATTEMPTS = f"{PREFIX}attempts"
UNFETCHED = f"{PREFIX}unfetched"
UNINDEXED = f"{PREFIX}unindexed"
CREATED = f"{PREFIX}created"
DELIVERIES = f"{PREFIX}deliveries"
DEAD = f"{PREFIX}dead"
QUARANTINE = f"{PREFIX}quarantine"
DRIFT = f"{PREFIX}drift"
ALARMS = f"{PREFIX}alarms"
SWEPT = f"{PREFIX}swept"
ORDER = f"{PREFIX}order"
SEALED = f"{PREFIX}sealed"
PROBE = f"{PREFIX}probe"
