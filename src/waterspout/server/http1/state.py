"""The states of a connection, and what leads from one to another.

A connection keeps what it has to do, not the name of its state: the request that arrives
(`receiving`), the one that is answered (`running`), those behind it (`waiting`), and whether it
reads on (`closing`). So no request pays for a change of state. `state_of` names the state, and
`TRANSITIONS` says what each event makes of it; a test goes through all of them.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..interfaces import ConnectionView

__all__ = ["TRANSITIONS", "Event", "State", "state_of"]


class State(Enum):
    """What a connection does."""

    #: It waits for a request, and is closed if none comes.
    IDLE = auto()
    #: A header section has begun.
    HEAD = auto()
    #: The body of a request arrives that is not answered yet.
    BODY = auto()
    #: A request is answered; more may wait behind it.
    ANSWERING = auto()
    #: The last request is answered; what else arrives is dropped.
    LAST = auto()
    #: All is written. What arrives is dropped, until the client closes or a limit is reached.
    CLOSING = auto()
    #: The client has gone, or the transport is another protocol's.
    CLOSED = auto()


class Event(Enum):
    """What happens to a connection."""

    #: Bytes that complete nothing: of a header section, or of the body that arrives.
    PART = auto()
    #: The end of a header section that announces a body.
    BODY_BEGINS = auto()
    #: The end of a request.
    REQUEST = auto()
    #: Bytes that are no HTTP.
    MALFORMED = auto()
    #: The response is written.
    ANSWERED = auto()
    #: The client sends no more (FIN).
    END_OF_INPUT = auto()
    #: The client has gone.
    LOST = auto()
    #: A time limit has passed: for a request, or for a body that is dropped.
    DEADLINE = auto()
    #: The server stops.
    STOP = auto()
    #: A request has asked for the transport, for another protocol.
    DETACHED = auto()


def state_of(connection: ConnectionView) -> State:
    """Return the state of a connection."""
    if connection.lost:
        return State.CLOSED
    if connection.running is not None or connection.waiting:
        return State.LAST if connection.closing else State.ANSWERING
    if connection.closing:
        return State.CLOSING
    if connection.receiving is not None:
        return State.BODY
    return State.IDLE if connection.idle and not connection.parser.in_head else State.HEAD


#: The state after each event that can come in a state. What is missing cannot come: there is
#: nothing to answer or to hand over, or no transport any more.
TRANSITIONS: dict[State, dict[Event, State]] = {
    State.IDLE: {
        Event.PART: State.HEAD,
        Event.BODY_BEGINS: State.BODY,
        Event.REQUEST: State.ANSWERING,
        Event.MALFORMED: State.CLOSING,
        Event.END_OF_INPUT: State.CLOSED,
        Event.LOST: State.CLOSED,
        Event.DEADLINE: State.CLOSED,
        Event.STOP: State.CLOSED,
    },
    State.HEAD: {
        Event.PART: State.HEAD,
        Event.BODY_BEGINS: State.BODY,
        Event.REQUEST: State.ANSWERING,
        Event.MALFORMED: State.CLOSING,
        Event.END_OF_INPUT: State.CLOSED,
        Event.LOST: State.CLOSED,
        Event.DEADLINE: State.CLOSING,
        Event.STOP: State.HEAD,
    },
    State.BODY: {
        Event.PART: State.BODY,
        Event.REQUEST: State.ANSWERING,
        Event.MALFORMED: State.CLOSING,
        Event.END_OF_INPUT: State.CLOSED,
        Event.LOST: State.CLOSED,
        Event.DEADLINE: State.CLOSING,
        Event.STOP: State.BODY,
    },
    State.ANSWERING: {
        Event.PART: State.ANSWERING,
        Event.BODY_BEGINS: State.ANSWERING,
        Event.REQUEST: State.ANSWERING,
        #: It is refused behind the responses that are due.
        Event.MALFORMED: State.ANSWERING,
        Event.ANSWERED: State.IDLE,
        Event.END_OF_INPUT: State.LAST,
        Event.LOST: State.CLOSED,
        Event.DEADLINE: State.ANSWERING,
        #: The response says ``Connection: close``.
        Event.STOP: State.ANSWERING,
        Event.DETACHED: State.CLOSED,
    },
    State.LAST: {
        Event.PART: State.LAST,
        Event.BODY_BEGINS: State.LAST,
        Event.REQUEST: State.LAST,
        Event.MALFORMED: State.LAST,
        Event.ANSWERED: State.CLOSED,
        Event.END_OF_INPUT: State.LAST,
        Event.LOST: State.CLOSED,
        Event.DEADLINE: State.LAST,
        Event.STOP: State.LAST,
        Event.DETACHED: State.CLOSED,
    },
    State.CLOSING: {
        Event.PART: State.CLOSING,
        Event.BODY_BEGINS: State.CLOSING,
        Event.REQUEST: State.CLOSING,
        Event.MALFORMED: State.CLOSING,
        Event.END_OF_INPUT: State.CLOSED,
        Event.LOST: State.CLOSED,
        Event.DEADLINE: State.CLOSED,
        Event.STOP: State.CLOSING,
    },
    State.CLOSED: {},
}
