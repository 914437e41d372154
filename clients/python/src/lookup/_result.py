"""Results of checks."""
from __future__ import annotations

import enum
import re
import time
from typing import Callable, NamedTuple, Optional, Tuple

import grpc

from lookup._errors import FieldError, ServiceError, age, pause
from lookup.v1 import decision_pb2
from lookup.v1.lookup_service_pb2 import CheckResponse, Reservation

USUAL_PAUSE = 1.0

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


class Verdict(enum.Enum):
    """The answer to "may I call this number?". Only CheckResult.may_call permits a call."""

    ALLOW = decision_pb2.VERDICT_ALLOW
    DENY = decision_pb2.VERDICT_DENY
    UNKNOWN = decision_pb2.VERDICT_UNKNOWN
    NOT_COVERED = decision_pb2.VERDICT_NOT_COVERED


class CheckState(enum.Enum):
    """Whether a check was answered, and if not, why."""

    ANSWERED = "answered"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed out"
    OVERLOADED = "overloaded"
    #: The request is wrong (see CheckResult.fields) or not permitted.
    REFUSED = "refused"
    #: The answer was invalid, or the service failed.
    BROKEN = "broken"


_STATES = {
    grpc.StatusCode.UNAVAILABLE: CheckState.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: CheckState.TIMED_OUT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: CheckState.OVERLOADED,
    **dict.fromkeys((
        grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.UNIMPLEMENTED,
    ), CheckState.REFUSED),
}


class Clock(NamedTuple):
    """Two clocks in seconds: one that only runs forward, and the wall clock. Replace it only in tests."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class Moment(NamedTuple):
    """A moment on both clocks of this machine."""

    clock: Clock
    monotonic: float
    wall: float

    @staticmethod
    def now(clock: Clock) -> "Moment":
        return Moment(clock, clock.monotonic(), clock.wall())


class CheckResult:
    """The result of a check. Only may_call permits a call; it is false after any failure."""

    __slots__ = ("number", "state", "reason", "decision", "error", "receipt_id", "reservation", "_decided", "_sent", "_reusable")

    def __init__(
        self, number: str, state: CheckState, decided: int, reason: int, decision: Optional[decision_pb2.Decision], sent: Optional[Moment],
        error: Optional[ServiceError] = None, receipt_id: Optional[str] = None, reservation: Optional[Reservation] = None,
    ) -> None:
        #: The decided number in E.164; the input if there is no answer.
        self.number = number
        #: Whether there is an answer, and if not, why.
        self.state = state
        #: The most binding reason, for example "OBJECTION"; "UNSPECIFIED" if there is no answer.
        self.reason = reason_name(reason)
        #: The decision; None if there is none. In a list, only the part that a chunk shares. Do not modify it.
        self.decision = decision
        #: The exception of the failed call; None if the service answered.
        self.error = error
        #: Id of the receipt of this answer, to store with the call; None if the service wrote none.
        self.receipt_id = receipt_id
        #: The reserved call; None if none was reserved.
        self.reservation = reservation
        self._decided = decided
        self._sent = sent
        # Without reusable_for an answer permits nothing. A hypothetical answer has none; not to trust that costs nothing.
        self._reusable = 0.0 if decision is None or decision.hypothetical else age(decision.reusable_for) or 0.0

    @property
    def may_call(self) -> bool:
        """Whether the number may be called now: the verdict is ALLOW, it is not hypothetical, and it has not expired.

        It becomes false when the answer expires, so read it just before dialling.
        """
        sent = self._sent
        # Neither clock may show the end: the monotonic clock stops while the machine sleeps, and the wall clock can be set back.
        return (
            self.state is CheckState.ANSWERED and self._decided == decision_pb2.VERDICT_ALLOW and sent is not None
            and sent.clock.monotonic() - sent.monotonic < self._reusable and sent.clock.wall() - sent.wall < self._reusable)

    @property
    def verdict(self) -> Verdict:
        """The verdict; UNKNOWN if there is no answer, or if this version does not know the verdict. ALLOW alone permits no call."""
        try:
            return Verdict(self._decided)
        except ValueError:
            return Verdict.UNKNOWN

    @property
    def retry_after(self) -> Optional[float]:
        """Seconds to wait before a retry, 0 to 3,600; None if a retry does not help."""
        if self.state is CheckState.ANSWERED:
            if self.verdict is not Verdict.UNKNOWN:
                return None
            asked = pause(self.decision.retry_after) if self.decision is not None and self.decision.HasField("retry_after") else None
            return asked if asked is not None else USUAL_PAUSE if self.reason == "STORE_UNAVAILABLE" else None
        if self.error is None or not self.error.is_transient:
            return None
        return USUAL_PAUSE if self.error.retry_after is None else self.error.retry_after

    @property
    def fields(self) -> Tuple[FieldError, ...]:
        """The invalid fields of the request; empty unless state is REFUSED."""
        return self.error.fields if self.error is not None else ()

    @property
    def message(self) -> str:
        """The reason in words."""
        if self.error is not None:
            return self.error.message
        return self.decision.reasons[0].text if self.decision is not None and self.decision.reasons else self.reason

    def __bool__(self) -> bool:
        raise TypeError("A CheckResult is neither true nor false: use may_call.")

    def __reduce__(self) -> str:
        raise TypeError("A CheckResult expires: it cannot be copied to another process or stored.")

    def __str__(self) -> str:
        if self.state is not CheckState.ANSWERED:
            return f"{self.number} {self.verdict.name} {self.state.value}: {self.message}"
        text = f"{self.number} {self.verdict.name} {self.reason}"
        if self.verdict is not Verdict.ALLOW or self.may_call:
            return text
        return f"{text} (permits no call: {'what-if answer' if self.decision is not None and self.decision.hypothetical else 'expired'})"

    def __repr__(self) -> str:
        return f"<CheckResult {self}>"


def answered(number: str, response: CheckResponse, sent: Moment, address: str) -> CheckResult:
    """Creates the result of a single check."""
    if not response.HasField("decision") or is_e164(number) and response.number != number:
        return failed(number, ServiceError(grpc.StatusCode.INTERNAL, f"The service at {address} did not answer for {number}."))
    decision = response.decision
    return CheckResult(
        response.number, CheckState.ANSWERED, decision.verdict, decision.reasons[0].code if decision.reasons else 0, decision, sent,
        receipt_id=response.receipt.id if response.HasField("receipt") else None,
        reservation=response.reservation if response.HasField("reservation") else None)


def failed(number: str, error: ServiceError) -> CheckResult:
    """Creates the result of a failed call."""
    return CheckResult(number, _STATES.get(error.status, CheckState.BROKEN), decision_pb2.VERDICT_UNKNOWN, 0, None, None, error)


def is_e164(text: str) -> bool:
    """Whether a text is a plus and 7 to 15 digits, the first not 0."""
    return _E164.fullmatch(text) is not None


def reason_name(code: int) -> str:
    value = decision_pb2.DESCRIPTOR.enum_types_by_name["ReasonCode"].values_by_number.get(code)
    return value.name[len("REASON_CODE_"):] if value is not None else str(code)
