#!/usr/bin/env python3
"""Takes numbers off an active list as soon as something new is known of them, over the Watch stream.

usage: watch.py ADDRESS ORGANISATION LIST -> LIST has a number a line; exit 3 if changes were lost: scrub the list again

A number that something new is known of leaves the list at once, whatever it is: check it again before it comes back. The
token of what was done with is kept in LIST.token, so that a restart, or a connection that breaks, misses nothing.

Needs what dial.py needs.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "protos"
SILENCE_SECONDS = 10


def load_messages():
    """The message types of the contract, by name."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = pathlib.Path(folder) / "lookup.pb"
        subprocess.run(
            ["protoc", f"-I{PROTOS}", "--include_imports", f"--descriptor_set_out={compiled}", "lookup/v1/watch_service.proto"],
            cwd=PROTOS, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return lambda name: make(pool.FindMessageTypeByName("lookup.v1." + name))


def replace(path, text):
    """The old content or the new one, never a part, wherever this is stopped."""
    new = path.with_name(path.name + ".new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def take_off(path, number):
    """Takes a number off the list; the dialer reads the list before each call."""
    before = path.read_text(encoding="utf-8").split()
    after = [line for line in before if line != number]
    if after != before:
        replace(path, "".join(line + "\n" for line in after))
        print("OFF", number, flush=True)


def follow(watch, request, path, token_path):
    """One stream; returns when it breaks."""
    call = watch(request)
    try:
        for message in call:
            if message.WhichOneof("event") == "change":
                take_off(path, message.change.number)
            elif message.heartbeat.HasField("freshness") and message.heartbeat.freshness.ToTimedelta().total_seconds() > SILENCE_SECONDS:
                print("STALE: the store does not answer; dial from no list until it does", file=sys.stderr, flush=True)
            # Only now: what came before is done with.
            replace(token_path, message.resume_token)
            request.resume_token = message.resume_token
    finally:
        call.cancel()


def main(address, organisation, path):
    message = load_messages()
    token_path = path.with_name(path.name + ".token")
    token = token_path.read_text(encoding="utf-8") if token_path.exists() else ""
    request = message("WatchRequest")(organisations=[organisation], resume_token=token)
    # Silence is noticed: a connection that answers no ping is broken.
    options = [("grpc.keepalive_time_ms", SILENCE_SECONDS * 1000), ("grpc.keepalive_timeout_ms", 5000)]
    with grpc.insecure_channel(address, options) as channel:
        watch = channel.unary_stream(
            "/lookup.v1.WatchService/Watch",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=message("WatchResponse").FromString)
        while True:
            try:
                follow(watch, request, path, token_path)
            except grpc.RpcError as error:
                print(error.code().name, error.details(), file=sys.stderr, flush=True)
                if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    token_path.unlink(missing_ok=True)
                    return 3
                if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
                    return 1
            time.sleep(0.5)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        sys.exit(main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])))
    except KeyboardInterrupt:
        sys.exit(130)
