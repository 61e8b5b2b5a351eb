"""Every vector on a real connection: good requests are answered, then one refusal, then the end.

`CANARY` follows each refused vector; the application must never see it.
"""

from __future__ import annotations

import pytest
from hostile_app import Seen
from hostile_vector import CANARY, Vector
from hostile_wire import Wire, ask
from test_vectors_parser import VECTORS

Address = tuple[str, int]
Echo = tuple[Address, Seen]

REFUSED = [vector for vector in VECTORS if vector.refusal]
SERVED = [vector for vector in VECTORS if not vector.refusal]
#: Sent byte by byte over the socket as well: one of each row.
SAMPLE = list({v.row: v for v in VECTORS if len(v.raw) < 400}.values())


def check_refused(wire: Wire, vector: Vector, seen: Seen) -> None:
    statuses = []
    for answer in wire.read_answers():  # to the end: nothing follows the refusal
        statuses.append(answer.status)
        if answer.status == vector.refusal:
            assert answer.field("Connection") == "close"
    assert statuses == [*([200] * vector.served), vector.refusal], vector.why
    assert "/canary" not in seen.paths
    assert "/smuggled" not in seen.paths


@pytest.mark.parametrize("vector", REFUSED, ids=[vector.name for vector in REFUSED])
def test_a_refused_vector_gets_one_answer_and_the_end(echo: Echo, vector: Vector) -> None:
    address, seen = echo
    with Wire(address) as wire:
        check_refused(wire.send(vector.raw + CANARY), vector, seen)


@pytest.mark.parametrize("vector", SERVED, ids=[vector.name for vector in SERVED])
def test_a_good_vector_is_served(echo: Echo, vector: Vector) -> None:
    address, seen = echo
    with Wire(address) as wire:
        wire.send(vector.raw)
        statuses = [wire.read_answer().status for _ in range(vector.served)]
    assert statuses == [200] * vector.served, vector.why
    assert "/smuggled" not in seen.paths


@pytest.mark.parametrize("vector", SAMPLE, ids=[vector.name for vector in SAMPLE])
def test_a_vector_in_segments_of_one_byte(echo: Echo, vector: Vector) -> None:
    address, seen = echo
    with Wire(address) as wire:
        wire.send_bytewise(vector.raw)
        if vector.refusal:
            check_refused(wire.send(CANARY), vector, seen)
        else:
            statuses = [wire.read_answer().status for _ in range(vector.served)]
            assert statuses == [200] * vector.served, vector.why


def test_the_server_is_well_after_all_of_it(echo: Echo) -> None:
    """Vectors leave nothing behind that the next client would notice."""
    address, _ = echo
    for vector in REFUSED:
        with Wire(address) as wire:
            wire.send(vector.raw)
    answer = ask(address, "/after", body=b"x" * 70_000, method="POST")
    assert answer.status == 200
    assert answer.body == b"/after " + b"x" * 70_000
