"""What both clients know of a list and of a watch, without sending anything."""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Deque, Iterator, List, Optional, Sequence

import grpc

from lookup._errors import ServiceError, age, pause
from lookup._options import Options
from lookup._result import CheckResult, CheckState, Moment, failed, is_e164
from lookup.v1.lookup_service_pb2 import CheckStreamChunk, CheckStreamRequest, CheckStreamResponse
from lookup.v1.watch_service_pb2 import Change, WatchResponse

ACCEPTED_HEADER = "lookup-taken"
# An old or slow service does not send the header in time; then chunks are sent without it.
ACCEPTED_LIMIT = 1.0

# Longer than any notation of a number; a longer text is sent as an empty one, which the service answers as invalid.
_LONGEST_TEXT = 64

# Heartbeats that may be missing before a connection counts as broken, and the least time for that.
_MISSING = 3
_SHORTEST_SILENCE = 2.0


@dataclass(frozen=True)
class Chunk:
    sequence: int
    numbers: Sequence[str]
    #: The moment before the chunk was first sent, so that a resent chunk expires no later.
    given: Moment
    message: CheckStreamRequest


class ListRun:
    """The chunks of a list that wait for their answer."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sequence = 0
        self.unanswered: Deque[Chunk] = deque()
        #: How many of the unanswered chunks were sent on the current connection.
        self.sent = 0

    def add(self, numbers: Sequence[str]) -> None:
        """Packs numbers into a chunk: as integers if all are in E.164, otherwise as texts."""
        self._sequence += 1
        chunk = CheckStreamChunk(sequence=self._sequence)
        if all(map(is_e164, numbers)):
            chunk.numbers.extend(int(number[1:]) for number in numbers)
        else:
            chunk.texts.extend(text if len(text) <= _LONGEST_TEXT else "" for text in numbers)
        self.unanswered.append(Chunk(self._sequence, numbers, Moment.now(self._options.clock), CheckStreamRequest(chunk=chunk)))

    def next_unsent(self) -> Optional[CheckStreamRequest]:
        """Returns the next message to send on the current connection."""
        if self.sent == len(self.unanswered):
            return None
        self.sent += 1
        return self.unanswered[self.sent - 1].message

    def accept(self, answer: CheckStreamResponse) -> List[CheckResult]:
        """Returns the results of the oldest unanswered chunk. Raises a ServiceError if the answer is not that of the chunk."""
        misfit = self._misfit(answer)
        if misfit is not None:
            raise ServiceError(
                grpc.StatusCode.INTERNAL,
                f"The service at {self._options.address} {misfit}. The answers cannot be assigned to numbers and are not used.")
        chunk = self.unanswered.popleft()
        self.sent -= 1
        common = answer.common if answer.HasField("common") else None
        numbers = [f"+{n}" if n else text for n, text in zip(answer.numbers, chunk.numbers)] if answer.numbers else chunk.numbers
        return [
            CheckResult(number, CheckState.ANSWERED, verdict, reason, common, chunk.given)
            for number, verdict, reason in zip(numbers, answer.verdicts, answer.reasons)]

    def failed(self, failure: ServiceError) -> Iterator[CheckResult]:
        """Yields a failure for each number that is unanswered."""
        while self.unanswered:
            for number in self.unanswered.popleft().numbers:
                yield failed(number, failure)

    def ended_early(self) -> ServiceError:
        return ServiceError(grpc.StatusCode.UNAVAILABLE, f"The service at {self._options.address} ended the stream before it had answered every chunk.")

    def silent(self) -> ServiceError:
        return ServiceError(
            grpc.StatusCode.DEADLINE_EXCEEDED, f"The service at {self._options.address} did not answer within {self._options.stream_answer_timeout:g} s.")

    def _misfit(self, answer: CheckStreamResponse) -> Optional[str]:
        if self.sent == 0:
            return f"answered chunk {answer.sequence} before it was sent"
        chunk = self.unanswered[0]
        if answer.sequence != chunk.sequence:
            return f"answered chunk {answer.sequence} instead of chunk {chunk.sequence}"
        items = len(chunk.numbers)
        numbers = {items} if chunk.message.chunk.texts else {0, items}
        if len(answer.verdicts) == items and len(answer.reasons) == items and len(answer.numbers) in numbers:
            return None
        return (
            f"answered the {items} numbers of chunk {chunk.sequence} with {len(answer.verdicts)} verdicts, "
            f"{len(answer.reasons)} reasons and {len(answer.numbers)} numbers")


def is_worth_another(failure: ServiceError) -> bool:
    """Whether a list is retried: repeating a read is harmless, so every network failure is."""
    return failure.is_transient or failure.status is grpc.StatusCode.CANCELLED


@dataclass(frozen=True)
class WatchEvent:
    """An event of a watch: a change, a heartbeat (neither change nor failure), or a broken connection that is being retried."""

    #: Token to resume a watch after this event. Store it only after you have processed the events before it.
    resume_token: str
    #: A change of a number's facts: remove the number from active lists, or check it again.
    change: Optional[Change] = None
    #: For a heartbeat: age of the service's knowledge in seconds. None while missed changes are still being delivered.
    freshness: Optional[float] = None
    #: Why the watch is interrupted.
    failure: Optional[ServiceError] = None


@dataclass
class WatchRun:
    """Where a watch continues, and how long it may be silent."""

    options: Options
    resume_token: str
    silence: float = field(init=False)

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        self.silence = self.options.stream_answer_timeout

    def accept(self, message: WatchResponse) -> Optional[WatchEvent]:
        self.resume_token = message.resume_token
        if message.WhichOneof("event") == "change":
            return WatchEvent(message.resume_token, change=message.change)
        if message.WhichOneof("event") != "heartbeat":
            return None
        heartbeat = message.heartbeat
        interval = pause(heartbeat.interval) if heartbeat.HasField("interval") else None
        if interval is not None:
            self.silence = max(interval * _MISSING, _SHORTEST_SILENCE)
        return WatchEvent(message.resume_token, freshness=age(heartbeat.freshness) if heartbeat.HasField("freshness") else None)

    def ended(self) -> ServiceError:
        return ServiceError(grpc.StatusCode.UNAVAILABLE, f"The service at {self.options.address} ended the watch.")

    def silent(self) -> ServiceError:
        return ServiceError(grpc.StatusCode.UNAVAILABLE, f"The service at {self.options.address} sent nothing for {self.silence:g} s.")

    @staticmethod
    def is_worth_another(failure: ServiceError) -> bool:
        """Network failures are retried, rejections by the service are not."""
        return failure.is_transient or failure.status in (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
