"""The calls of the contract that both clients send."""
from __future__ import annotations

import importlib
from typing import Any, Callable, NamedTuple, Optional, Sequence, Tuple

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from lookup.v1.fact_pb2 import Fact
from lookup.v1.fact_service_pb2 import RecordFactsRequest
from lookup.v1.lookup_service_pb2 import CheckRequest, CheckStreamOpen, CheckStreamRequest
from lookup.v1.question_pb2 import Consistency, Question, WhatIf
from lookup.v1.watch_service_pb2 import WatchRequest

Metadata = Optional[Tuple[Tuple[str, str], ...]]


class Method(NamedTuple):
    """A call of the contract, as grpcio takes it."""

    path: str
    serialize: Callable[[Message], bytes]
    deserialize: Callable[[bytes], Any]


def method(name: str) -> Method:
    """Returns a method by service and name, for example "LookupService.Check"."""
    service, _, called = name.partition(".")
    file = "".join("_" + c.lower() if c.isupper() else c for c in service).lstrip("_")
    try:
        descriptor: MethodDescriptor = importlib.import_module(f"lookup.v1.{file}_pb2").DESCRIPTOR.services_by_name[service].methods_by_name[called]
    except (ImportError, KeyError):
        raise ValueError(f"'{name}' is not a method of the contract; try LookupService.Explain.") from None
    return Method(
        f"/{descriptor.containing_service.full_name}/{called}", lambda message: message.SerializeToString(), descriptor.output_type._concrete_class.FromString)


CHECK = method("LookupService.Check")
CHECK_STREAM = method("LookupService.CheckStream")
RECORD_FACTS = method("FactService.RecordFacts")
RECORD_OUTCOME = method("FactService.RecordOutcome")
WATCH = method("WatchService.Watch")


def check_request(
    number: str, question: Question, default_region: str, consistency: Optional[Consistency], what_if: Optional[WhatIf], all_reasons: bool,
    reserve: Optional[float],
) -> CheckRequest:
    request = CheckRequest(
        number=number, question=question, default_region=default_region, consistency=consistency, what_if=what_if, all_reasons=all_reasons)
    if reserve is not None:
        request.reserve.duration.CopyFrom(_duration(reserve))
    return request


def list_open(question: Question, default_region: str, consistency: Optional[Consistency], what_if: Optional[WhatIf]) -> CheckStreamRequest:
    return CheckStreamRequest(open=CheckStreamOpen(question=question, default_region=default_region, consistency=consistency, what_if=what_if))


def facts_request(facts: Sequence[Fact]) -> RecordFactsRequest:
    return RecordFactsRequest(facts=facts)


def watch_request(organisations: Sequence[str], resume_token: str) -> WatchRequest:
    return WatchRequest(organisations=organisations, resume_token=resume_token)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1_000_000_000))
    return duration
