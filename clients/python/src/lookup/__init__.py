"""The Python client of Lookup: may this organisation call this number, for this purpose, now? It fails closed."""
from lookup._aio import AsyncLookupClient
from lookup._client import LookupClient
from lookup._errors import ChangesLostError, FieldError, ServiceError
from lookup._options import Options
from lookup._result import CheckResult, CheckState, Clock, Verdict
from lookup._streams import WatchEvent
from lookup.v1.fact_pb2 import Fact, Objection
from lookup.v1.fact_service_pb2 import RecordOutcomeRequest
from lookup.v1.question_pb2 import Consistency, Question, WhatIf

__all__ = [
    "AsyncLookupClient", "ChangesLostError", "CheckResult", "CheckState", "Clock", "Consistency", "Fact", "FieldError", "LookupClient", "Objection",
    "Options", "Question", "RecordOutcomeRequest", "ServiceError", "Verdict", "WatchEvent", "WhatIf",
]
