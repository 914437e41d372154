"""The client for asyncio."""
from __future__ import annotations

import asyncio
import inspect
import time
from itertools import islice
from types import TracebackType
from typing import Any, AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, List, Optional, Sequence, Type, Union

import grpc
import grpc.aio
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


class AsyncLookupClient:
    """A client of the service, for asyncio. Use one for the lifetime of the event loop; close it, or use it as a context manager.

    Takes an Options, or its fields: AsyncLookupClient("http://127.0.0.1:7500", timeout=2). The methods are those of LookupClient.
    """

    def __init__(self, options: Union[Options, str], **more: Any) -> None:
        self._options = options if isinstance(options, Options) else Options(options, **more)
        self._channels: List[grpc.aio.Channel] = []

    async def __aenter__(self) -> "AsyncLookupClient":
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        for channel in self._channels:
            await channel.close()

    async def check(
        self, number: str, question: Question, *, default_region: str = "", consistency: Optional[Consistency] = None,
        what_if: Optional[WhatIf] = None, all_reasons: bool = False, reserve: Optional[float] = None,
    ) -> CheckResult:
        """Decides whether a number may be called: see LookupClient.check. Raises only if the task is cancelled."""
        request = _requests.check_request(number, question, default_region, consistency, what_if, all_reasons, reserve)
        try:
            response, sent = await self._unary(_requests.CHECK, request, is_repeatable=reserve is None)
        except ServiceError as error:
            return failed(number, error)
        return answered(number, response, sent, self._options.address)

    async def check_list(
        self, numbers: Union[Iterable[str], AsyncIterable[str]], question: Question, *, default_region: str = "",
        consistency: Optional[Consistency] = None, what_if: Optional[WhatIf] = None,
    ) -> AsyncIterator[CheckResult]:
        """Decides a list of any length; yields one result for each number, in order: see LookupClient.check_list.

        Pulls at most stream_window + 1 chunks ahead of the results that were read, and sends a partial chunk if the list is slow.
        """
        options, run, retry = self._options, ListRun(self._options), Retry(self._options.stream_retry_limit)
        opening = _requests.list_open(question, default_region, consistency, what_if)
        source = _Source(numbers, options.stream_chunk_size, options.stream_linger)
        pulling: Optional["asyncio.Task[List[str]]"] = None
        try:
            while True:
                # Connect only if there is a chunk to send: an unreachable service does not matter for an empty list.
                if not run.unanswered and not source.has_ended:
                    pulling = pulling or asyncio.ensure_future(source.next())
                    chunk, pulling = await pulling, None
                    if chunk:
                        run.add(chunk)
                if not run.unanswered:
                    return
                run.sent = 0
                stream = _Stream(self._channel(1), _requests.CHECK_STREAM, opening, self._metadata, options.address, service_error)
                receiving: Optional["asyncio.Task[Any]"] = None
                try:
                    await stream.wait_until_accepted()
                    while True:
                        if pulling is None and len(run.unanswered) < options.stream_window and not source.has_ended:
                            pulling = asyncio.ensure_future(source.next())
                        # An answer that is here before its chunk was sent is none to the chunk.
                        if run.sent > 0 or not (stream.has_message or receiving is not None and receiving.done()):
                            for message in iter(run.next_unsent, None):
                                stream.send(message)
                        if not run.unanswered and pulling is None:
                            # Only now: the service answers every chunk before it ends the stream.
                            await stream.complete()
                            return
                        receiving = receiving or asyncio.ensure_future(stream.receive())
                        done, _ = await asyncio.wait(
                            {task for task in (receiving, pulling) if task is not None},
                            timeout=options.stream_answer_timeout if run.sent > 0 else None, return_when=asyncio.FIRST_COMPLETED)
                        if not done:
                            raise run.silent()
                        if pulling is not None and pulling in done:
                            chunk, pulling = pulling.result(), None
                            if chunk:
                                run.add(chunk)
                        if receiving in done:
                            answer, receiving = receiving.result(), None
                            if answer is None:
                                raise run.ended_early()
                            results = run.accept(answer)
                            retry.reset()
                            for result in results:
                                yield result
                except ServiceError as error:
                    failure = error
                finally:
                    await _end(receiving)
                    await stream.cancel()

                wait = retry.next(failure, time.monotonic()) if is_worth_another(failure) else None
                if wait is None:
                    if pulling is not None:
                        chunk, pulling = await pulling, None
                        if chunk:
                            run.add(chunk)
                    for result in run.failed(failure):
                        yield result
                    async for number in source.rest():
                        yield failed(number, failure)
                    return
                await asyncio.sleep(wait)
        finally:
            await _end(pulling)
            await source.close()

    async def record_facts(self, facts: Sequence[Fact]) -> RecordFactsResponse:
        """Records up to 1,000 facts: see LookupClient.record_facts."""
        response: RecordFactsResponse = (await self._unary(_requests.RECORD_FACTS, _requests.facts_request(facts), is_repeatable=True))[0]
        return response

    async def record_outcome(self, outcome: RecordOutcomeRequest) -> RecordOutcomeResponse:
        """Records the outcome of a call: see LookupClient.record_outcome."""
        response: RecordOutcomeResponse = (await self._unary(_requests.RECORD_OUTCOME, outcome, is_repeatable=True))[0]
        return response

    async def call(self, method: str, request: Message) -> Any:
        """Sends any other unary call of the contract once, for example "LookupService.Explain". Raises a ServiceError."""
        return (await self._unary(_requests.method(method), request, is_repeatable=False))[0]

    async def watch(self, organisations: Sequence[str] = (), resume_token: str = "") -> AsyncIterator[WatchEvent]:
        """Streams changes of facts: see LookupClient.watch."""
        run, retry = WatchRun(self._options, resume_token), Retry(float("inf"))
        while True:
            request = _requests.watch_request(organisations, run.resume_token)
            run.connect()
            stream = _Stream(self._channel(0), _requests.WATCH, request, self._metadata, self._options.address, watch_error, is_duplex=False)
            try:
                while True:
                    try:
                        message = await asyncio.wait_for(stream.receive(), run.silence)
                    except asyncio.TimeoutError:
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
                await stream.cancel()
            if not run.is_worth_another(failure):
                raise failure
            yield WatchEvent(run.resume_token, failure=failure)
            await asyncio.sleep(retry.next(failure, time.monotonic()) or 0)

    def _channel(self, index: int) -> grpc.aio.Channel:
        # A channel belongs to the event loop that runs when it is created. A list fills the flow-control window of its connection.
        if not self._channels:
            credentials, target = self._options.credentials, self._options.target
            self._channels = [
                grpc.aio.insecure_channel(target, CHANNEL_OPTIONS) if credentials is None else grpc.aio.secure_channel(target, credentials, CHANNEL_OPTIONS)
                for _ in range(2)]
        return self._channels[index]

    async def _metadata(self) -> _requests.Metadata:
        key = self._options.api_key
        shown = key if key is None or isinstance(key, str) else key()
        if inspect.isawaitable(shown):
            shown = await shown
        return None if shown is None else (("authorization", f"Bearer {shown}"),)

    async def _unary(self, method: _requests.Method, request: Message, is_repeatable: bool) -> Any:
        """Sends one request within the time limit, and a second time if the connection broke and the request may be repeated."""
        start = self._channel(0).unary_unary(method.path, method.serialize, method.deserialize)
        deadline = time.monotonic() + self._options.timeout
        while True:
            sent = Moment.now(self._options.clock)
            try:
                metadata = await asyncio.wait_for(self._metadata(), max(0.0, deadline - time.monotonic()))
                call = start(request, timeout=max(0.0, deadline - time.monotonic()), metadata=metadata)
                try:
                    error = await _error_of(call)
                finally:
                    call.cancel()
                if error is None:
                    return await call, sent
            except Exception as exception:
                error = exception
            failure = service_error(error, self._options.address)
            if not (is_repeatable and failure.is_broken_connection and time.monotonic() < deadline):
                raise failure from error
            is_repeatable = False


class _Stream:
    """One streaming call, with a task that reads it and one that writes it."""

    def __init__(
        self, channel: grpc.aio.Channel, method: _requests.Method, opening: Message, metadata: Callable[[], Awaitable[_requests.Metadata]], address: str,
        convert: Callable[[BaseException, str], ServiceError], is_duplex: bool = True,
    ) -> None:
        start = channel.stream_stream if is_duplex else channel.unary_stream
        self._start = start(method.path, method.serialize, method.deserialize)
        self._opening, self._metadata, self._address, self._convert, self._is_duplex = opening, metadata, address, convert, is_duplex
        self._outgoing: "asyncio.Queue[Optional[Message]]" = asyncio.Queue()
        self._incoming: "asyncio.Queue[Any]" = asyncio.Queue(_AHEAD)
        self._accepted = asyncio.Event()
        self._is_cancelled = False
        self._call: Any = None
        self._writing: Optional["asyncio.Task[None]"] = None
        self._reading = asyncio.ensure_future(self._run())

    async def wait_until_accepted(self) -> None:
        """Waits until the service has accepted the stream, so that no chunk is in flight when it rejects one."""
        try:
            await asyncio.wait_for(self._accepted.wait(), ACCEPTED_LIMIT)
        except asyncio.TimeoutError:
            pass

    def send(self, message: Message) -> None:
        self._outgoing.put_nowait(message)

    @property
    def has_message(self) -> bool:
        """Whether receive would return at once."""
        return not self._incoming.empty()

    async def receive(self) -> Any:
        """Returns the next message; None at the end. Raises the failure of the call."""
        message = await self._incoming.get()
        if isinstance(message, ServiceError):
            raise message
        return message

    async def complete(self) -> None:
        """Ends the stream after its last answer."""
        self._outgoing.put_nowait(None)
        try:
            await asyncio.wait_for(self.receive(), 1.0)
        except (asyncio.TimeoutError, ServiceError):
            pass

    async def cancel(self) -> None:
        self._is_cancelled = True
        await _end(self._writing)
        if self._call is not None:
            self._call.cancel()
        await _end(self._reading)

    async def _run(self) -> None:
        end: Optional[ServiceError] = None
        try:
            metadata = await self._metadata()
            self._call = self._start(metadata=metadata) if self._is_duplex else self._start(self._opening, metadata=metadata)
            if self._is_duplex:
                self._writing = asyncio.ensure_future(self._write())
            await self._read()
            error = await _error_of(self._call)
            end = None if error is None else self._convert(error, self._address)
        except Exception as error:
            end = self._convert(error, self._address)
        # A failed stream has nothing to wait for.
        self._accepted.set()
        await self._incoming.put(end)

    async def _read(self) -> None:
        try:
            if any(key == ACCEPTED_HEADER for key, _ in await self._call.initial_metadata() or ()):
                self._accepted.set()
            while True:
                message = await self._call.read()
                if message is grpc.aio.EOF:
                    return
                await self._incoming.put(message)
        except grpc.RpcError:
            # The status of the call says why.
            pass
        except asyncio.CancelledError:
            # grpc raises this also if the service cancelled the call.
            if self._is_cancelled:
                raise

    async def _write(self) -> None:
        try:
            await self._call.write(self._opening)
            while True:
                message = await self._outgoing.get()
                if message is None:
                    await self._call.done_writing()
                    return
                await self._call.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError):
            # The call has ended; the reader knows why.
            pass


class _Source:
    """Takes the numbers of a list in chunks."""

    def __init__(self, numbers: Union[Iterable[str], AsyncIterable[str]], size: int, linger: float) -> None:
        self._size, self._linger = size, linger
        self._async = numbers.__aiter__() if isinstance(numbers, AsyncIterable) else None
        self._sync = iter(()) if isinstance(numbers, AsyncIterable) else iter(numbers)
        self._collected: List[str] = []
        self._has_some = asyncio.Event()
        self._collecting: Optional["asyncio.Task[None]"] = None
        #: Whether no number is left.
        self.has_ended = False

    async def next(self) -> List[str]:
        """Returns the next chunk: a full one, or a partial one if the list is slow or has ended."""
        if self._async is None:
            chunk = list(islice(self._sync, self._size))
            self.has_ended = len(chunk) < self._size
            return chunk
        if self._collecting is None:
            self._collecting = asyncio.ensure_future(self._collect(self._async))
        some = asyncio.ensure_future(self._has_some.wait())
        try:
            await asyncio.wait({self._collecting, some}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            some.cancel()
        await asyncio.wait({self._collecting}, timeout=self._linger)
        if self._collecting.done():
            # Raises the exception of the list.
            self._collecting.result()
            self._collecting = None
        chunk, self._collected = self._collected, []
        self._has_some.clear()
        return chunk

    async def rest(self) -> AsyncIterator[str]:
        """Yields every number that no chunk has."""
        while not self.has_ended:
            for number in await self.next():
                yield number

    async def close(self) -> None:
        await _end(self._collecting)
        if isinstance(self._async, AsyncGenerator):
            await self._async.aclose()

    async def _collect(self, source: AsyncIterator[str]) -> None:
        while len(self._collected) < self._size:
            try:
                number = await source.__anext__()
            except StopAsyncIteration:
                self.has_ended = True
                return
            self._collected.append(number)
            self._has_some.set()


async def _error_of(call: Any) -> Optional[grpc.aio.AioRpcError]:
    """Waits for the status of a call. Raises CancelledError only if this task is cancelled, not if the service cancelled the call."""
    code = await call.code()
    if code is grpc.StatusCode.OK:
        return None
    return grpc.aio.AioRpcError(code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details())


async def _end(task: Optional["asyncio.Task[Any]"]) -> None:
    """Cancels a task and waits until it has ended."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            # Otherwise asyncio reports an exception that nobody looked at.
            task.exception()
