"""Failures of calls."""
from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message

from lookup.v1.rpc_error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from lookup.v1.rpc_status_pb2 import Status

LONGEST_PAUSE = 3600.0

_M = TypeVar("_M", bound=Message)


class FieldError(NamedTuple):
    """An invalid field of a request, and why it is invalid."""

    field: str
    description: str


class ServiceError(Exception):
    """The service rejected a request, or could not be reached. Do not call the number after this exception."""

    def __init__(self, status: grpc.StatusCode, message: str, fields: Sequence[FieldError] = (), retry_after: Optional[float] = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        #: The invalid fields of the request; empty unless the status is INVALID_ARGUMENT.
        self.fields: Tuple[FieldError, ...] = tuple(fields)
        #: Seconds that the service asks to wait before a retry, 0 to 3,600; None: it asks for nothing.
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed."""
        return self.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)

    @property
    def is_broken_connection(self) -> bool:
        """Whether the connection failed before the service answered."""
        return self.status is grpc.StatusCode.UNAVAILABLE and self.retry_after is None


class ChangesLostError(ServiceError):
    """A watch cannot resume from its token. Scrub the active lists again, then watch without a token."""

    def __init__(self, failure: ServiceError, reason: str) -> None:
        super().__init__(failure.status, failure.message, failure.fields, failure.retry_after)
        #: RESUME_TOKEN_TOO_OLD, RESUME_TOKEN_AHEAD, RESUME_TOKEN_OF_ANOTHER_STORE or CHANGES_LOST; empty if the service gives no reason.
        self.reason = reason


def service_error(error: BaseException, address: str) -> ServiceError:
    """Converts the exception of a call."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return ServiceError(grpc.StatusCode.DEADLINE_EXCEEDED, "The api_key function did not return in time.")
    if not isinstance(error, grpc.RpcError):
        return ServiceError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
    call: Any = error
    status: grpc.StatusCode = call.code()
    violations = _detail(call, BadRequest)
    retry = _detail(call, RetryInfo)
    text = call.details() if status is not grpc.StatusCode.DEADLINE_EXCEEDED else f"The service at {address} did not answer in time."
    return ServiceError(
        status, text or f"The service at {address} returned {status.name}.",
        [FieldError(v.field, v.description) for v in violations.field_violations] if violations else (),
        pause(retry.retry_delay) if retry and retry.HasField("retry_delay") else None)


def watch_error(error: BaseException, address: str) -> ServiceError:
    """Converts the exception of a watch."""
    failure = service_error(error, address)
    if failure.status is not grpc.StatusCode.FAILED_PRECONDITION:
        return failure
    info = _detail(error, ErrorInfo)
    return ChangesLostError(failure, info.reason if info else "")


def age(duration: Duration) -> Optional[float]:
    """Reads an age in seconds, 0 or more; None if it is invalid."""
    seconds, nanos = duration.seconds, duration.nanos
    if abs(seconds) > 315_576_000_000 or abs(nanos) > 999_999_999 or seconds * nanos < 0:
        return None
    return max(0.0, seconds + nanos / 1e9)


def pause(duration: Duration) -> Optional[float]:
    """Reads a pause in seconds, 0 to 3,600; None if it is invalid."""
    seconds = age(duration)
    return None if seconds is None else min(seconds, LONGEST_PAUSE)


def _detail(call: Any, kind: Type[_M]) -> Optional[_M]:
    try:
        for key, value in call.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for detail in Status.FromString(value).details:
                    if detail.type_url == f"type.googleapis.com/google.rpc.{kind.DESCRIPTOR.name}":
                        return kind.FromString(detail.value)
    except DecodeError:
        # Details that cannot be read are as good as none: the status alone permits no call.
        pass
    return None
