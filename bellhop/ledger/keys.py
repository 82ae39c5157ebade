"""The names of the ledger's keys. No other module, and no script, makes one up.

All share the hash tag `{bellhop}`: they live in one slot of a Redis Cluster, so that a script may
change several of them at once. The scripts append the names below to `PREFIX`. Another Bellhop on
the same database has another tag: a process works with one ledger, and `use` says which.

| key                     | type       | holds                                                     |
| ----------------------- | ---------- | --------------------------------------------------------- |
| `event:<event_id>`      | hash       | body; `about`, when it came and its place among all,      |
|                         |            | `milliseconds-order`, and JSON [type, mailbox, svix-id,   |
|                         |            | sent (s)]; for each handler that it was given to          |
|                         |            | `h:<handler>`, what that did, empty until then; how many  |
|                         |            | handlers are not through (`open`), how many gave up       |
|                         |            | (`dead`); `state`, once any was tried; after crashes      |
|                         |            | `deaths:<handler>` and `interrupted:<handler>`; once      |
|                         |            | hooks were called about a dead letter, the id of the call |
|                         |            | as `told:<handler>`. Of such a call, instead of the body, |
|                         |            | `call`: JSON {kind, at, …}, what it is about              |
| `calls`                 | string     | how often hooks were called                               |
| `deliveries`            | sorted set | svix-ids that came, by when (ms)                          |
| `subscriptions`         | hash       | for each handler JSON {patterns, since}, for a hook also  |
|                         |            | {dead: patterns of handlers} or {quarantined: […]}; and   |
|                         |            | `expected`, if another was moved to it before any worker  |
|                         |            | had it                                                    |
| `seen`                  | sorted set | handlers, by when a live worker last had them (ms)        |
| `limits`                | hash       | for some handlers, mailboxes at work at a time            |
| `paused`                | set        | handlers of which nothing is claimed                      |
| `moving`                | hash       | of mailboxes `h mailbox` that were moved in part, the last|
|                         |            | event that was, and to whom: `event_id h`                 |
| `abandoning`            | hash       | of handlers whose mail is abandoned, how far the walk     |
|                         |            | through `due` is                                          |
| `routes`                | hash       | for types that came, which handlers get them              |
| `unrouted`              | list       | events that came before anybody subscribed                |
| `untold`                | list       | bodies that came into quarantine before anybody did       |
| `workers`               | hash       | for each worker, the fingerprint of its set of handlers   |
| `alive`                 | sorted set | workers, by when their pool last reported them (ms)       |
| `sets`                  | hash       | for each set of handlers, their names                     |
| `set:<set>`             | string     | JSON {since (ms), handlers: [{name, patterns, hook,       |
|                         |            | concurrency}, …], only: [pattern of names, …]}: since     |
|                         |            | when a worker has them, and to what it is restricted      |
| `mail:<h> <mailbox>`    | list       | waiting events of a handler, by id                        |
| `ready:<h>`             | list       | its mailboxes with mail that nobody holds                 |
| `suspects:<h>`          | list       | the same, for those whose first event is to be run alone  |
| `working:<h>`           | set        | its mailboxes that are held, if it is limited             |
| `leases`                | sorted set | workers that hold mail, by when their lease ends (ms)     |
| `held:<worker>`         | hash       | the `h mailbox` that it holds, with the number of entries |
| `settled:<worker>`      | string     | the number of its last settle, for one that is repeated   |
| `slow:<set>`            | set        | handlers that keep their worker for a second or more      |
| `busy:<set>`            | set        | workers that hold mail of one of these                    |
| `alone:<set>`           | string     | the worker that runs a suspect, or did last               |
| `draining:<set>`        | string     | the worker that empties its hands for suspects, since     |
|                         |            | when (ms), and for how long                               |
| `waiting:<set>`         | string     | since when a shift waits in RQ's queue (ms)               |
| `idle:<set>`            | sorted set | workers with empty hands, by when their shift ends        |
| `wake:<worker>`         | list       | written when there is mail for an idle worker             |
| `due`                   | sorted set | retries, `event_id h mailbox`, and mailboxes that wait    |
|                         |            | for one, ` h mailbox`, by when they are due               |
| `due_since`             | set        | what was put in there when the clock may have jumped      |
| `put_off`               | string     | by how much all in `due` is due later than its score says,|
|                         |            | since the server's clock jumped (ms)                      |
| `retrying:<h> <m>`      | sorted set | events that the handler is to try again, in their order,  |
|                         |            | if it wants to know of them                               |
| `jumps`                 | string     | how often the server's clock has jumped                   |
| `order`                 | string     | how many events were accepted                             |
| `newest:<mailbox>`      | hash       | for each handler that wants to know, when the newest      |
|                         |            | event that it saw occurred (ms)                           |
| `replaying`             | set        | entries that a replay put into mailboxes, as they wait    |
| `log`                   | stream     | every accepted event, `order-milliseconds`                |
| `unindexed`             | list       | of those not in the indexes yet, `order created hours     |
|                         |            | JSON [field value, …]`; for so many hours they are kept   |
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
| `quarantined:<svix-id>` | hash       | their body, problems, headers and time of arrival; `told`,|
|                         |            | the id of the call of hooks about it                      |
| `drift`                 | sorted set | `type kind field` of differences, by when they were seen  |
| `drift:<type …>`        | hash       | how often, since when, with one example                   |
| `alarms`                | sorted set | `type endpoint` of Svix's messages, by when they were     |
|                         |            | sent (s)                                                  |
| `swept`                 | string     | when a foreman swept last (ms)                            |
| `repair`                | hash       | when it looked for faults last (ms), how often, and up to |
|                         |            | which entry of the log                                    |
| `repairs`               | list       | what was repaired since then, `kind where`                |
| `repaired`              | hash       | how often each kind was, and when last (ms)               |
| `broken:<name>`         | any        | what was under a name of ours and is not ours, for 14 d   |
| `version`               | string     | of this layout: 2                                         |
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


def handler_set(fingerprint: str) -> str:
    """A set of handlers that workers have."""
    return f"{PREFIX}set:{fingerprint}"


def event(event_id: str) -> str:
    """The record of an event."""
    return f"{PREFIX}event:{event_id}"


def mail(handler: str, mailbox: str) -> str:
    """The waiting events of a mailbox."""
    return f"{PREFIX}mail:{handler} {mailbox}"


def ready(handler: str) -> str:
    """The mailboxes of a handler with mail that nobody holds."""
    return f"{PREFIX}ready:{handler}"


def suspects(handler: str) -> str:
    """Those whose first event is to be run alone."""
    return f"{PREFIX}suspects:{handler}"


def held(worker: str) -> str:
    """The mailboxes in a worker's hands."""
    return f"{PREFIX}held:{worker}"


def wake(worker: str) -> str:
    """Written when there is mail for an idle worker."""
    return f"{PREFIX}wake:{worker}"


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


SUBSCRIPTIONS = f"{PREFIX}subscriptions"
SEEN = f"{PREFIX}seen"
LIMITS = f"{PREFIX}limits"
PAUSED = f"{PREFIX}paused"
REPLAYING = f"{PREFIX}replaying"
UNROUTED = f"{PREFIX}unrouted"
UNTOLD = f"{PREFIX}untold"
WORKERS = f"{PREFIX}workers"
ALIVE = f"{PREFIX}alive"
SETS = f"{PREFIX}sets"
LEASES = f"{PREFIX}leases"
DUE = f"{PREFIX}due"
PUT_OFF = f"{PREFIX}put_off"
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
REPAIRED = f"{PREFIX}repaired"
ORDER = f"{PREFIX}order"
VERSION = f"{PREFIX}version"
SEALED = f"{PREFIX}sealed"
PROBE = f"{PREFIX}probe"
