#!/usr/bin/env python3
"""Removes numbers from an active list as soon as a fact about them changes, over the Watch stream.

usage: watch.py ADDRESS ORGANISATION LIST -> LIST has one E.164 number per line; exit 3 if changes were lost: scrub LIST.stale

Any change to a number removes it from the list: check the number before you put it back. The program stores the resume
token of the last processed message in LIST.token, so that it misses nothing after a restart or a broken connection.

While the service is silent or does not follow its store, the program renames LIST to LIST.held, so that the dialer, which
reads LIST before each call, has nothing to dial. It renames the file back when all changes until then have been
delivered. It writes LIST.token every second: if the file is more than a few seconds old, this program was killed, and the
dialer must not dial. At the first start, and after exit 3, provide a LIST that was scrubbed after this program started
to watch.

Has the same requirements as dial.py.
"""
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "protos"
SILENCE_SECONDS = 3  # three heartbeats
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def load_messages():
    """Returns the message types of the contract, by name."""
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
    """Replaces a file atomically: an interruption leaves the old content or the new one."""
    new = path.with_name(path.name + ".new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def held(path):
    """Returns the path of the list while the service is silent."""
    return path.with_name(path.name + ".held")


def hold(path, why):
    """Hides the list from the dialer, which then has no numbers to dial."""
    if path.exists():
        os.replace(path, held(path))
        print("HELD:", why, file=sys.stderr, flush=True)


def bring_back(path):
    """Returns the list to the dialer, unless a newer list is already there."""
    if held(path).exists() and not path.exists():
        os.replace(held(path), path)
        print("BACK", flush=True)


def take_off(path, number=None):
    """Removes a number, and every line that is not E.164, since no change would ever remove such a line."""
    for file in (path, held(path)):
        if file.exists():
            before = file.read_text(encoding="utf-8").splitlines()
            after = [line for line in before if line != number and E164.fullmatch(line)]
            if after != before:
                replace(file, "".join(line + "\n" for line in after))
                print("OFF", *(line for line in before if line not in after), flush=True)


def follow(watch, request, path, token_path):
    """Follows one stream; raises an exception when it breaks or is silent."""
    call = watch(request)
    events = queue.SimpleQueue()

    def read():
        try:
            for message in call:
                events.put(message)
            events.put(ConnectionError("the stream ended"))
        except grpc.RpcError as error:
            events.put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                message = events.get(timeout=SILENCE_SECONDS)
            except queue.Empty:
                raise ConnectionError("no heartbeat") from None
            if isinstance(message, Exception):
                raise message
            if message.WhichOneof("event") == "change":
                take_off(path, message.change.number)
            # Without a freshness, changes since the token are still being delivered.
            elif (message.heartbeat.HasField("freshness")
                  and message.heartbeat.freshness.ToTimedelta().total_seconds() <= SILENCE_SECONDS):
                take_off(path)
                bring_back(path)
            else:
                hold(path, "the service does not follow the store")
            # Only now: everything before this message has been processed.
            replace(token_path, message.resume_token)
            request.resume_token = message.resume_token
    finally:
        call.cancel()


def main(address, organisation, path):
    hold(path, "the service has not answered yet")
    message = load_messages()
    token_path = path.with_name(path.name + ".token")
    token = token_path.read_text(encoding="utf-8") if token_path.exists() else ""
    request = message("WatchRequest")(organisations=[organisation], resume_token=token)
    with grpc.insecure_channel(address) as channel:
        watch = channel.unary_stream(
            "/lookup.v1.WatchService/Watch",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=message("WatchResponse").FromString)
        while True:
            try:
                follow(watch, request, path, token_path)
            except ConnectionError as error:
                hold(path, error)
            except grpc.RpcError as error:
                hold(path, f"{error.code().name} {error.details()}")
                print(error.code().name, error.details(), file=sys.stderr, flush=True)
                if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    # Never bring this list back: it is not known which changes it misses.
                    if held(path).exists():
                        os.replace(held(path), path.with_name(path.name + ".stale"))
                    token_path.unlink(missing_ok=True)
                    return 3
                if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
                    return 1
            time.sleep(0.5)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # After any exit, no program removes numbers from the list.
        hold(pathlib.Path(sys.argv[3]), "the watch has ended")
