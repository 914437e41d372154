"""Replaces the client in tests: answers by script, without a service or network."""
from __future__ import annotations

import asyncio
import re
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import grpc

from lookup._errors import ChangesLostError, FieldError, ServiceError
from lookup._result import CheckResult, CheckState, Clock, Moment, answered, failed, is_e164
from lookup._streams import WatchEvent
from lookup.v1 import decision_pb2
from lookup.v1.decision_pb2 import Decision
from lookup.v1.fact_pb2 import Fact, KnownFact
from lookup.v1.fact_service_pb2 import CALL_OUTCOME_OBJECTION, CALL_OUTCOME_REFUSED, FactResult, RecordFactsResponse, RecordOutcomeRequest, RecordOutcomeResponse
from lookup.v1.lookup_service_pb2 import CheckResponse
from lookup.v1.question_pb2 import Consistency, Question, WhatIf
from lookup.v1.watch_service_pb2 import Change

_MARK = "FAKE"
_PREFIX = "+447700900"
_HEARTBEAT = 1.0
_REASONS = decision_pb2.DESCRIPTOR.enum_types_by_name["ReasonCode"].values_by_name
_STATUSES = {status.value[0]: status for status in grpc.StatusCode}


@dataclass(frozen=True)
class FakeAnswer:
    """A scripted answer: a verdict or a failure, with an optional delay. Times are in seconds."""

    #: The number of the verdict; may be one that no version knows, to test how a dialer handles it.
    verdict: int
    #: The reason, for example "OBJECTION".
    reason: str = "UNSPECIFIED"
    #: Status with which the call fails; None: it is answered.
    failure: Optional[grpc.StatusCode] = None
    #: Retry pause that the failure or UNKNOWN advises; None: none.
    retry_after: Optional[float] = None
    #: Delay of the answer.
    delay: float = 0.0
    #: Time for which an ALLOW may be reused; 0: it is expired when it arrives.
    reusable_for: float = 0.5
    #: Whether the answer is a what-if answer, which permits no call.
    hypothetical: bool = False


def allow(reason: str = "NOTHING_FORBIDS") -> FakeAnswer:
    return FakeAnswer(decision_pb2.VERDICT_ALLOW, reason)


def deny(reason: str = "OBJECTION") -> FakeAnswer:
    return FakeAnswer(decision_pb2.VERDICT_DENY, reason)


def not_covered(reason: str = "NO_REGIME") -> FakeAnswer:
    return FakeAnswer(decision_pb2.VERDICT_NOT_COVERED, reason)


def unknown(reason: str = "STORE_UNAVAILABLE") -> FakeAnswer:
    return FakeAnswer(decision_pb2.VERDICT_UNKNOWN, reason, retry_after=1.0)


def fail(status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, retry_after: Optional[float] = None) -> FakeAnswer:
    return FakeAnswer(decision_pb2.VERDICT_UNKNOWN, failure=status, retry_after=retry_after)


class MagicNumbers:
    """Numbers with fixed answers of FakeLookup and `lookup serve --fake`. The last three digits select the answer."""

    ALLOW = _PREFIX + "001"
    ALLOW_BY_CONSENT = _PREFIX + "002"
    DENY_BY_OBJECTION = _PREFIX + "021"
    DENY_BY_REGISTER = _PREFIX + "023"
    DENY_WITHOUT_CONSENT = _PREFIX + "025"
    DENY_OUTSIDE_HOURS = _PREFIX + "037"
    NOT_COVERED = _PREFIX + "060"
    UNKNOWN = _PREFIX + "080"
    #: ALLOW, after 3 seconds.
    SLOW = _PREFIX + "530"
    HYPOTHETICAL = _PREFIX + "700"
    EXPIRED = _PREFIX + "701"
    UNHEARD_OF = _PREFIX + "702"
    REFUSED = _PREFIX + "903"
    TIMES_OUT = _PREFIX + "904"
    OVERLOADED = _PREFIX + "908"
    BROKEN = _PREFIX + "913"
    UNAVAILABLE = _PREFIX + "914"

    @staticmethod
    def answer(number: str) -> Optional[FakeAnswer]:
        """Returns the answer for a number; None if it is not a magic number."""
        match = re.fullmatch(re.escape(_PREFIX) + "([0-9]{3})", number)
        code = int(match.group(1)) if match else 0
        if 500 <= code <= 599:
            return replace(allow(), delay=(code - 500) / 10)
        if code == 700:
            return replace(allow(), hypothetical=True)
        if code == 701:
            return replace(allow(), reusable_for=0.0)
        if code == 702:
            return replace(allow(), verdict=99)
        if code > 900 and code - 900 in _STATUSES:
            return fail(_STATUSES[code - 900], 2.0 if code == 908 else None)
        for name, value in _REASONS.items():
            if value.number == code > 0:
                reason = name[len("REASON_CODE_"):]
                # The numbers of the contract: ALLOW below 20, DENY below 60, NOT_COVERED below 80, then UNKNOWN.
                return allow(reason) if code < 20 else deny(reason) if code < 60 else not_covered(reason) if code < 80 else unknown(reason)
        return None

    @staticmethod
    def all() -> List[str]:
        """Lists every magic number, ascending; of the delays only the first."""
        numbers = (f"{_PREFIX}{code:03}" for code in range(1000) if not 500 < code <= 599)
        return [number for number in numbers if MagicNumbers.answer(number) is not None]


class FakeLookup:
    """Replaces LookupClient in tests.

    The first match answers: an objection or refusal that was recorded with it (DENY); the script, last line first; the magic
    numbers; `otherwise`, NOT_COVERED by default, so that no real number is allowed by mistake. Thread-safe once it is scripted.
    """

    #: A resume token that is always too old: a watch from it raises a ChangesLostError.
    OLD_TOKEN = _MARK + "-old"

    def __init__(self, clock: Clock = Clock()) -> None:
        self._clock = clock
        self._script: List[Tuple[Callable[[str, Question], bool], FakeAnswer]] = []
        self._forbidden: List[Tuple[str, str, str]] = []
        self._changes: List[Tuple[Change, str]] = []
        self._changed = threading.Condition()
        self._otherwise = not_covered()
        #: The numbers and questions of the checks, in order.
        self.asked: List[Tuple[str, Question]] = []
        #: The recorded facts, in order.
        self.recorded: List[Fact] = []
        #: The recorded outcomes, in order.
        self.outcomes: List[RecordOutcomeRequest] = []

    def __enter__(self) -> "FakeLookup":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Does nothing."""

    def on(self, number: Union[str, Callable[[str, Question], bool]], answer: FakeAnswer) -> "FakeLookup":
        """Sets the answer for a number, or for every number (without spaces) and question that a function accepts."""
        if isinstance(number, str):
            plain = _plain(number)
            self._script.append((lambda asked, _: asked == plain, answer))
        else:
            self._script.append((number, answer))
        return self

    def otherwise(self, answer: FakeAnswer) -> "FakeLookup":
        """Sets the answer for every other number."""
        self._otherwise = answer
        return self

    def check(
        self, number: str, question: Question, *, default_region: str = "", consistency: Optional[Consistency] = None,
        what_if: Optional[WhatIf] = None, all_reasons: bool = False, reserve: Optional[float] = None,
    ) -> CheckResult:
        finish = self._begin(number, question, what_if)
        time.sleep(finish.delay)
        return finish()

    def check_list(
        self, numbers: Iterable[str], question: Question, *, default_region: str = "", consistency: Optional[Consistency] = None,
        what_if: Optional[WhatIf] = None,
    ) -> Iterator[CheckResult]:
        for number in numbers:
            yield self._in_list(self.check(number, question, what_if=what_if))

    def record_facts(self, facts: Sequence[Fact]) -> RecordFactsResponse:
        for fact in facts:
            kind = fact.WhichOneof("kind")
            organisation: str = getattr(getattr(fact, kind), "organisation", "*") if kind else "*"
            known = KnownFact(fact=fact, current=True)
            known.fact.number = ""
            with self._changed:
                self.recorded.append(fact)
                if kind in ("objection", "refusal") and not fact.withdrawn:
                    self._forbidden.append((_plain(fact.number), organisation, kind.upper()))
                self._changes.append((Change(number=_plain(fact.number), fact=known), organisation))
                self._changed.notify_all()
        return RecordFactsResponse(results=[FactResult(outcome=FactResult.OUTCOME_RECORDED) for _ in facts])

    def record_outcome(self, outcome: RecordOutcomeRequest) -> RecordOutcomeResponse:
        with self._changed:
            self.outcomes.append(outcome)
            if outcome.outcome in (CALL_OUTCOME_OBJECTION, CALL_OUTCOME_REFUSED):
                reason = "OBJECTION" if outcome.outcome == CALL_OUTCOME_OBJECTION else "REFUSAL"
                self._forbidden.append((_plain(outcome.number), outcome.organisation, reason))
        return RecordOutcomeResponse()

    def watch(self, organisations: Sequence[str] = (), resume_token: str = "") -> Iterator[WatchEvent]:
        """Streams the facts recorded with it, and a heartbeat every second."""
        position = self._start(resume_token)
        while True:
            yield WatchEvent(f"{_MARK}-{position}", freshness=0.0 if position == len(self._changes) else None)
            end = time.monotonic() + _HEARTBEAT
            while time.monotonic() < end:
                with self._changed:
                    self._changed.wait_for(lambda: position < len(self._changes), max(0.0, end - time.monotonic()))
                    change = self._changes[position] if position < len(self._changes) else None
                if change is not None:
                    position += 1
                    if not organisations or change[1] == "*" or change[1] in organisations:
                        yield WatchEvent(f"{_MARK}-{position}", change=change[0])

    def _start(self, resume_token: str) -> int:
        match = re.fullmatch(_MARK + "-([0-9]+)", resume_token)
        position = int(match.group(1)) if match else len(self._changes)
        if resume_token and match is None or position > len(self._changes):
            raise ChangesLostError(
                ServiceError(grpc.StatusCode.FAILED_PRECONDITION, "Fake: changes since the token are lost; scrub again, then watch without a token."),
                "RESUME_TOKEN_TOO_OLD" if resume_token == self.OLD_TOKEN else "RESUME_TOKEN_OF_ANOTHER_STORE")
        return position

    def _begin(self, number: str, question: Question, what_if: Optional[WhatIf]) -> "_Finish":
        with self._changed:
            self.asked.append((number, question))
            return _Finish(number, self._answer(_plain(number), question), what_if, Moment.now(self._clock))

    def _answer(self, number: str, question: Question) -> Optional[FakeAnswer]:
        for forbidden, organisation, reason in self._forbidden:
            if forbidden == number and organisation in ("*", question.organisation):
                return deny(reason)
        for accepts, answer in reversed(self._script):
            if accepts(number, question):
                return answer
        return MagicNumbers.answer(number) or (self._otherwise if is_e164(number) else None)

    def _in_list(self, result: CheckResult) -> CheckResult:
        # In a list, an invalid number is an item like others.
        return result if [field.field for field in result.fields] != ["number"] else CheckResult(
            result.number, CheckState.ANSWERED, decision_pb2.VERDICT_UNKNOWN, decision_pb2.REASON_CODE_INVALID_NUMBER, None, None)


class AsyncFakeLookup:
    """Replaces AsyncLookupClient in tests. Script it, and read what it was asked, by its `fake`."""

    def __init__(self, fake: Optional[FakeLookup] = None) -> None:
        self.fake = fake or FakeLookup()

    async def __aenter__(self) -> "AsyncFakeLookup":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Does nothing."""

    async def check(self, number: str, question: Question, *, what_if: Optional[WhatIf] = None, **_: Any) -> CheckResult:
        finish = self.fake._begin(number, question, what_if)
        await asyncio.sleep(finish.delay)
        return finish()

    async def check_list(
        self, numbers: Union[Iterable[str], AsyncIterable[str]], question: Question, *, what_if: Optional[WhatIf] = None, **_: Any,
    ) -> AsyncIterator[CheckResult]:
        if isinstance(numbers, AsyncIterable):
            async for number in numbers:
                yield self.fake._in_list(await self.check(number, question, what_if=what_if))
        else:
            for number in numbers:
                yield self.fake._in_list(await self.check(number, question, what_if=what_if))

    async def record_facts(self, facts: Sequence[Fact]) -> RecordFactsResponse:
        return self.fake.record_facts(facts)

    async def record_outcome(self, outcome: RecordOutcomeRequest) -> RecordOutcomeResponse:
        return self.fake.record_outcome(outcome)

    async def watch(self, organisations: Sequence[str] = (), resume_token: str = "") -> AsyncIterator[WatchEvent]:
        events = self.fake.watch(organisations, resume_token)
        while True:
            yield await asyncio.get_running_loop().run_in_executor(None, lambda: next(events))


class _Finish:
    """The answer to one check, given after its delay."""

    def __init__(self, number: str, answer: Optional[FakeAnswer], what_if: Optional[WhatIf], sent: Moment) -> None:
        self._number, self._answer, self._what_if, self._sent = number, answer, what_if, sent
        self.delay = answer.delay if answer is not None else 0.0

    def __call__(self) -> CheckResult:
        answer = self._answer
        if answer is None:
            return failed(self._number, ServiceError(
                grpc.StatusCode.INVALID_ARGUMENT, "number: Fake: expected E.164, such as +447700900001.", [FieldError("number", "Fake: expected E.164.")]))
        if answer.failure is not None:
            return failed(self._number, ServiceError(answer.failure, f"Fake: the script answers {answer.failure.name}.", retry_after=answer.retry_after))
        return answered(self._number, CheckResponse(number=_plain(self._number), decision=self._decision(answer)), self._sent, "fake")

    def _decision(self, answer: FakeAnswer) -> Decision:
        decision = Decision(
            verdict=answer.verdict, regime=_MARK, regime_version=_MARK,  # type: ignore[arg-type]
            hypothetical=answer.hypothetical or self._what_if is not None,
            reasons=[decision_pb2.Reason(code=f"REASON_CODE_{answer.reason}", text=f"{_MARK}: a scripted answer for tests, {answer.reason}.")])
        decision.age.SetInParent()
        if self._what_if is not None and self._what_if.HasField("call_time"):
            decision.call_time.CopyFrom(self._what_if.call_time)
        else:
            decision.call_time.FromNanoseconds(int(self._sent.clock.wall() * 1e9))
        if answer.verdict == decision_pb2.VERDICT_ALLOW and not decision.hypothetical and answer.reusable_for > 0:
            decision.reusable_for.FromNanoseconds(round(answer.reusable_for * 1e9))
        if answer.retry_after is not None:
            decision.retry_after.FromNanoseconds(round(answer.retry_after * 1e9))
        return decision


def _plain(number: str) -> str:
    return re.sub("[ .()-]", "", number)
