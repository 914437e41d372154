"""Options of a client, and what both clients send."""
from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass, field
from typing import Awaitable, Callable, Optional, Tuple, Union
from urllib.parse import urlsplit

import grpc

from lookup._errors import ServiceError
from lookup._result import Clock

#: Reads the key of each call; may be async in the asynchronous client.
Key = Union[str, Callable[[], Union[str, Awaitable[str]]]]

_RANGES = {
    "timeout": (0.001, 600), "stream_chunk_size": (1, 8192), "stream_window": (1, 64), "stream_linger": (0, 600),
    "stream_retry_limit": (0, 86400), "stream_answer_timeout": (0.001, 600),
}

CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.enable_retries", 0), ("grpc.service_config_disable_resolution", 1),
    # Otherwise channels of the same address share a connection.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True)
class Options:
    """Options of a client. Times are in seconds. Raises a ValueError that names every option that is out of range."""

    #: Address of the gRPC port: http:// for plain text, https:// for TLS.
    address: str
    #: API key, or a function that returns a token for each call and caches it. Only over TLS, or to this machine.
    api_key: Optional[Key] = field(default=None, repr=False)
    #: CA certificates for the service, in PEM; None: those that gRPC trusts.
    ca: Optional[bytes] = None
    #: Client certificate and private key, in PEM.
    client_certificate: Optional[Tuple[bytes, bytes]] = field(default=None, repr=False)
    #: Time limit of a single call with its retry: 0.001 to 600.
    timeout: float = 5.0
    #: Numbers in one message of a list: 1 to 8,192.
    stream_chunk_size: int = 4096
    #: Maximum unanswered messages of a list: 1 to 64.
    stream_window: int = 4
    #: Time after the first number of a slow asynchronous list until its partial message is sent: 0 to 600.
    stream_linger: float = 0.005
    #: Time for which a list retries after its connection broke: 0 to 86,400.
    stream_retry_limit: float = 30.0
    #: Time limit for an answer on a list, and for the first event of a watch: 0.001 to 600.
    stream_answer_timeout: float = 30.0
    #: The clock by which answers expire; replace it only in tests.
    clock: Clock = Clock()

    def __post_init__(self) -> None:
        faults = []
        url = urlsplit(self.address)
        if url.scheme not in ("http", "https") or not url.hostname:
            faults.append(f"address '{self.address}' must start with http:// or https://.")
        elif url.scheme == "http" and self.api_key is not None and not _is_this_machine(url.hostname):
            faults.append(f"address '{self.address}' is plain text to another machine; credentials require https://.")
        elif url.scheme == "http" and (self.ca is not None or self.client_certificate is not None):
            faults.append(f"address '{self.address}' is plain text; ca and client_certificate require https://.")
        # The value is a secret: the message does not contain it.
        if isinstance(self.api_key, str) and not (self.api_key and all("!" <= c <= "~" for c in self.api_key)):
            faults.append("api_key is empty or has invalid characters.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high or name in ("stream_chunk_size", "stream_window") and not isinstance(value, int):
                faults.append(f"{name} is {value}; it must be {low} to {high}.")
        if faults:
            raise ValueError(" ".join(faults))

    @property
    def target(self) -> str:
        url = urlsplit(self.address)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return f"{host}:{url.port or (443 if url.scheme == 'https' else 80)}"

    @property
    def credentials(self) -> Optional[grpc.ChannelCredentials]:
        """Credentials of the channel; None: plain text."""
        if urlsplit(self.address).scheme == "http":
            return None
        certificate, key = self.client_certificate or (None, None)
        return grpc.ssl_channel_credentials(self.ca, key, certificate)


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Retry:
    """Pauses between attempts: 0.1 s, doubled up to 5 s, each shortened by up to half."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._failing_since: Optional[float] = None
        self._pause = 0.1

    def reset(self) -> None:
        self._failing_since = None
        self._pause = 0.1

    def next(self, failure: ServiceError, now: float) -> Optional[float]:
        """Returns the seconds to wait before the next attempt; None if the time for retries has passed."""
        if self._failing_since is None:
            self._failing_since = now
        wait = max(self._pause * (0.5 + random.random() / 2), failure.retry_after or 0)
        self._pause = min(self._pause * 2, 5.0)
        return wait if now - self._failing_since + wait <= self._limit else None
