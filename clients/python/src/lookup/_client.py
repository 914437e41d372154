"""The client for threads."""
from __future__ import annotations

import queue
import threading
import time
from itertools import islice
from types import TracebackType
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, Type, Union

import grpc
from google.protobuf.message import Message

from lookup import _requests
from lookup._errors import ServiceError, service_error, watch_error
from lookup._options import CHANNEL_OPTIONS, Options, Retry
from lookup._result import CheckResult, Moment, answered, failed
from lookup._streams import ACCEPTED_HEADER, ACCEPTED_LIMIT, ListRun, WatchEvent, WatchRun, is_worth_another
from lookup.v1.fact_pb2 import Fact
from lookup.v1.fact_service_pb2 import RecordFactsResponse, RecordOutcomeRequest, RecordOutcomeResponse
from lookup.v1.question_pb2 import Consistency, Question, WhatIf

# Messages that a reader fetches before the caller takes them.
_AHEAD = 16


class LookupClient:
    """A client of the service, for threads. Use one for the lifetime of the process; close it, or use it as a context manager.

    Takes an Options, or its fields: LookupClient("http://127.0.0.1:7500", timeout=2).
    """

    def __init__(self, options: Union[Options, str], **more: Any) -> None:
        self._options = options if isinstance(options, Options) else Options(options, **more)
        # A list fills the flow-control window of its connection.
        self._channel, self._list_channel = self._connect(), self._connect()

    def __enter__(self) -> "LookupClient":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._channel.close()
        self._list_channel.close()

    def check(
        self, number: str, question: Question, *, default_region: str = "", consistency: Optional[Consistency] = None,
        what_if: Optional[WhatIf] = None, all_reasons: bool = False, reserve: Optional[float] = None,
    ) -> CheckResult:
        """Decides whether a number may be called. Check just before dialling, and call only if may_call.

        Always returns a result: a failure of the service is a result that permits no call. reserve also counts a permitted call as an
        attempt for so many seconds (1 to 3,600); confirm it with record_outcome. Such a check is never sent twice.
        """
        request = _requests.check_request(number, question, default_region, consistency, what_if, all_reasons, reserve)
        try:
            # A reservation writes: a repeated check would count the call twice.
            response, sent = self._unary(_requests.CHECK, request, is_repeatable=reserve is None)
        except ServiceError as error:
            return failed(number, error)
        return answered(number, response, sent, self._options.address)

    def check_list(
        self, numbers: Iterable[str], question: Question, *, default_region: str = "", consistency: Optional[Consistency] = None,
        what_if: Optional[WhatIf] = None,
    ) -> Iterator[CheckResult]:
        """Decides a list of any length; yields one result for each number, in order.

        Numbers are taken in the caller's thread, as the results are consumed. A broken connection is re-established. If the service
        stays unreachable or rejects the list, every remaining number gets a result with this failure. Results expire while you
        process the list: check each number again before dialling.
        """
        options, source, run, retry = self._options, iter(numbers), ListRun(self._options), Retry(self._options.stream_retry_limit)
        opening = _requests.list_open(question, default_region, consistency, what_if)
        has_ended = False

        def pull() -> None:
            nonlocal has_ended
            chunk = list(islice(source, options.stream_chunk_size))
            has_ended = len(chunk) < options.stream_chunk_size
            if chunk:
                run.add(chunk)

        while True:
            # Connect only if there is a chunk to send: an unreachable service does not matter for an empty list.
            if not run.unanswered and not has_ended:
                pull()
            if not run.unanswered:
                return
            run.sent = 0
            stream = _Stream(self._list_channel, _requests.CHECK_STREAM, opening, self._metadata, options.address, service_error)
            try:
                stream.wait_until_accepted()
                while True:
                    if len(run.unanswered) < options.stream_window and not has_ended:
                        pull()
                    # An answer that is here before its chunk was sent is none to the chunk.
                    if run.sent > 0 or not stream.has_message:
                        for message in iter(run.next_unsent, None):
                            stream.send(message)
                    if not run.unanswered:
                        # Only now: the service answers every chunk before it ends the stream.
                        stream.complete()
                        return
                    # While there is more to send, only answers that are here already are taken.
                    is_full = has_ended or len(run.unanswered) >= options.stream_window
                    try:
                        answer = stream.receive(options.stream_answer_timeout if is_full else 0)
                    except queue.Empty:
                        if is_full:
                            raise run.silent() from None
                        continue
                    if answer is None:
                        raise run.ended_early()
                    results = run.accept(answer)
                    retry.reset()
                    yield from results
            except ServiceError as error:
                failure = error
            finally:
                stream.cancel()

            wait = retry.next(failure, time.monotonic()) if is_worth_another(failure) else None
            if wait is None:
                yield from run.failed(failure)
                for number in source:
                    yield failed(number, failure)
                return
            time.sleep(wait)

    def record_facts(self, facts: Sequence[Fact]) -> RecordFactsResponse:
        """Records up to 1,000 facts, for example an objection. Safe to repeat. Raises a ServiceError; the facts may be recorded then."""
        response: RecordFactsResponse = self._unary(_requests.RECORD_FACTS, _requests.facts_request(facts), is_repeatable=True)[0]
        return response

    def record_outcome(self, outcome: RecordOutcomeRequest) -> RecordOutcomeResponse:
        """Records the outcome of a call. Repeating it with the same `called` counts once. Raises a ServiceError."""
        response: RecordOutcomeResponse = self._unary(_requests.RECORD_OUTCOME, outcome, is_repeatable=True)[0]
        return response

    def call(self, method: str, request: Message) -> Any:
        """Sends any other unary call of the contract once, for example "LookupService.Explain". Raises a ServiceError."""
        return self._unary(_requests.method(method), request, is_repeatable=False)[0]

    def watch(self, organisations: Sequence[str] = (), resume_token: str = "") -> Iterator[WatchEvent]:
        """Streams changes of facts: each change at least once, in order per number.

        A broken connection is retried without limit and resumes where it broke; an event reports it. Raises a ChangesLostError if it
        cannot resume: scrub the active lists again, then watch without a token.
        """
        run, retry = WatchRun(self._options, resume_token), Retry(float("inf"))
        while True:
            request = _requests.watch_request(organisations, run.resume_token)
            run.connect()
            stream = _Stream(self._channel, _requests.WATCH, request, self._metadata, self._options.address, watch_error, is_duplex=False)
            try:
                while True:
                    try:
                        message = stream.receive(run.silence)
                    except queue.Empty:
                        raise run.silent() from None
                    if message is None:
                        raise run.ended()
                    event = run.accept(message)
                    retry.reset()
                    if event is not None:
                        yield event
            except ServiceError as error:
                failure = error
            finally:
                stream.cancel()
            if not run.is_worth_another(failure):
                raise failure
            yield WatchEvent(run.resume_token, failure=failure)
            time.sleep(retry.next(failure, time.monotonic()) or 0)

    def _connect(self) -> grpc.Channel:
        credentials = self._options.credentials
        return grpc.insecure_channel(self._options.target, CHANNEL_OPTIONS) if credentials is None \
            else grpc.secure_channel(self._options.target, credentials, CHANNEL_OPTIONS)

    def _metadata(self) -> _requests.Metadata:
        key = self._options.api_key
        return None if key is None else (("authorization", f"Bearer {key if isinstance(key, str) else key()}"),)

    def _unary(self, method: _requests.Method, request: Message, is_repeatable: bool) -> Any:
        """Sends one request within the time limit, and a second time if the connection broke and the request may be repeated."""
        call = self._channel.unary_unary(method.path, method.serialize, method.deserialize)
        deadline = time.monotonic() + self._options.timeout
        while True:
            sent = Moment.now(self._options.clock)
            try:
                # A function that returns the key takes part of the time.
                metadata = self._metadata()
                return call(request, timeout=max(0.0, deadline - time.monotonic()), metadata=metadata), sent
            except Exception as error:
                failure = service_error(error, self._options.address)
                if not (is_repeatable and failure.is_broken_connection and time.monotonic() < deadline):
                    raise failure from error
                is_repeatable = False


class _Stream:
    """One streaming call: a thread reads it, since reading has no time limit of its own."""

    def __init__(
        self, channel: grpc.Channel, method: _requests.Method, opening: Message, metadata: Callable[[], _requests.Metadata], address: str,
        convert: Callable[[BaseException, str], ServiceError], is_duplex: bool = True,
    ) -> None:
        self._outgoing: "queue.SimpleQueue[Optional[Message]]" = queue.SimpleQueue()
        self._incoming: "queue.Queue[Any]" = queue.Queue(_AHEAD)
        self._accepted = threading.Event()
        self._is_cancelled = False
        self._call: Any = None
        try:
            if is_duplex:
                self._outgoing.put(opening)
                start = channel.stream_stream(method.path, method.serialize, method.deserialize)
                self._call = start(iter(self._outgoing.get, None), metadata=metadata())
            else:
                self._call = channel.unary_stream(method.path, method.serialize, method.deserialize)(opening, metadata=metadata())
        except Exception as error:
            # For example a token that cannot be read.
            self._incoming.put(convert(error, address))
            return
        threading.Thread(target=self._read, args=(address, convert), daemon=True, name="lookup-stream").start()

    def wait_until_accepted(self) -> None:
        """Waits until the service has accepted the stream, so that no chunk is in flight when it rejects one."""
        self._accepted.wait(ACCEPTED_LIMIT)

    def send(self, message: Message) -> None:
        self._outgoing.put(message)

    @property
    def has_message(self) -> bool:
        """Whether receive would return at once."""
        return not self._incoming.empty()

    def receive(self, limit: float) -> Any:
        """Returns the next message; None at the end. Raises queue.Empty after the limit, and the failure of the call."""
        message = self._incoming.get(timeout=limit) if limit > 0 else self._incoming.get_nowait()
        if isinstance(message, ServiceError):
            raise message
        return message

    def complete(self) -> None:
        """Ends the stream after its last answer."""
        self._outgoing.put(None)
        try:
            self.receive(1.0)
        except (queue.Empty, ServiceError):
            pass

    def cancel(self) -> None:
        self._is_cancelled = True
        self._outgoing.put(None)
        if self._call is not None:
            self._call.cancel()

    def _read(self, address: str, convert: Callable[[BaseException, str], ServiceError]) -> None:
        end: Optional[ServiceError] = None
        try:
            if any(key == ACCEPTED_HEADER for key, _ in self._call.initial_metadata() or ()):
                self._accepted.set()
            for message in self._call:
                self._put(message)
        except Exception as error:
            end = convert(error, address)
        # A failed stream has nothing to wait for.
        self._accepted.set()
        self._put(end)

    def _put(self, message: Any) -> None:
        while not self._is_cancelled:
            try:
                self._incoming.put(message, timeout=0.1)
                return
            except queue.Full:
                pass
