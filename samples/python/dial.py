#!/usr/bin/env python3
"""A dialer in Python: screens a list with CheckStream, then checks each number again just before the call.
Only VERDICT_ALLOW within its reusable_for permits a call.

usage: dial.py ADDRESS ORGANISATION NUMBER... -> one line per number; exit 1 if a number could not be decided

Needs grpcio, protobuf and protoc with its well-known types (Debian: protobuf-compiler libprotobuf-dev). The program
generates the messages from the .proto files at the start and keeps no generated code.
"""
import pathlib
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SECONDS = 5
PROTOS = pathlib.Path(__file__).resolve().parents[2] / "protos"


def load_messages():
    """Returns the message types of the contract, by name, and the enum Verdict."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = pathlib.Path(folder) / "lookup.pb"
        subprocess.run(
            ["protoc", f"-I{PROTOS}", "--include_imports", f"--descriptor_set_out={compiled}", "lookup/v1/lookup_service.proto"],
            cwd=PROTOS, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return lambda name: make(pool.FindMessageTypeByName("lookup.v1." + name)), pool.FindEnumTypeByName("lookup.v1.Verdict")


def main(address, organisation, numbers):
    message, verdict = load_messages()
    allow = verdict.values_by_name["VERDICT_ALLOW"].number
    question = message("Question")(organisation=organisation, purpose=1)
    chunk = message("CheckStreamChunk")(sequence=1, texts=numbers)
    undecided = 0
    with grpc.insecure_channel(address) as channel:
        stream = channel.stream_stream(
            "/lookup.v1.LookupService/CheckStream",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=message("CheckStreamResponse").FromString)
        check = channel.unary_unary(
            "/lookup.v1.LookupService/Check",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=message("CheckResponse").FromString)
        request = message("CheckStreamRequest")
        verdicts = [None] * len(numbers)
        try:
            opening = request(open=message("CheckStreamOpen")(question=question))
            for answer in stream(iter([opening, request(chunk=chunk)]), timeout=SECONDS):
                # Ignore an answer that does not match the chunk.
                if answer.sequence == 1 and len(answer.verdicts) == len(numbers):
                    verdicts = list(answer.verdicts)
        except grpc.RpcError as error:
            print(error.details(), file=sys.stderr)

        for number, decided in zip(numbers, verdicts):
            may_call = False
            if decided == allow:
                sent = time.monotonic()
                try:
                    response = check(message("CheckRequest")(number=number, question=question), timeout=SECONDS)
                    decided = response.decision.verdict
                    # 0 if the answer permits no call: a hypothetical answer, or one that has expired.
                    reusable = response.decision.reusable_for.ToTimedelta().total_seconds()
                    may_call = decided == allow and time.monotonic() - sent < reusable
                except grpc.RpcError:
                    decided = None
            undecided += decided is None
            name = "NOT_ANSWERED" if decided is None else verdict.values_by_number[decided].name if decided in verdict.values_by_number else str(decided)
            if may_call:
                # Dial the number that was decided, not the text in the request.
                print("DIAL", response.number, name)
            else:
                print("SKIP", number, "WHAT_IF_OR_EXPIRED" if decided == allow else name)
    return 1 if undecided else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
