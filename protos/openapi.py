#!/usr/bin/python3
"""Generates the OpenAPI document of the JSON API from the contract, with its comments.

usage: protos/openapi.py            writes src/Lookup.Server/Http/openapi.json, which the service serves at /openapi.json
       protos/openapi.py --check    exits with 1 if that file differs

Needs protoc and python3-protobuf. What the .proto files do not contain is in this file: the gate, the errors and the security scheme.
"""
import importlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

PROTOS = Path(__file__).resolve().parent
TARGET = PROTOS.parent / "src/Lookup.Server/Http/openapi.json"
PACKAGE = ".lookup.v1."
INT64 = {"type": "string", "pattern": "^-?[0-9]+$"}
FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    FIELD.TYPE_STRING: {"type": "string"},
    FIELD.TYPE_BOOL: {"type": "boolean"},
    FIELD.TYPE_INT32: {"type": "integer", "format": "int32"},
    FIELD.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 4294967295},
    FIELD.TYPE_INT64: INT64,
    FIELD.TYPE_UINT64: INT64,
    FIELD.TYPE_FIXED64: INT64,
    FIELD.TYPE_DOUBLE: {"type": "number"},
    FIELD.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
WELL_KNOWN = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"},
}
ERRORS = {"400": "Invalid", "401": "Unauthenticated", "403": "Denied", "429": "Exhausted", "500": "Internal", "503": "Unavailable"}


def load():
    """Returns the files of the contract, and the extension of the HTTP annotations."""
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("lookup/v1/*.proto"))
        google = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("google/api/*.proto"))
        output = f"{folder}/contract.bin"
        subprocess.run(["protoc", f"-I{PROTOS}", f"--python_out={folder}", *google], check=True)
        subprocess.run(["protoc", f"-I{PROTOS}", "--include_source_info", f"--descriptor_set_out={output}", *files], check=True)
        # google is a namespace package that has been imported already.
        import google.protobuf
        google_package = sys.modules["google"]
        google_package.__path__ = [*google_package.__path__, f"{folder}/google"]
        annotations = importlib.import_module("google.api.annotations_pb2")
        return descriptor_pb2.FileDescriptorSet.FromString(Path(output).read_bytes()).file, annotations.http


def camel(name):
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)


def comments(file):
    """Returns the comment above each element, by its path in the file."""
    return {tuple(place.path): re.sub(r"[ \t]*\n[ \t]*", "\n", place.leading_comments.strip()) for place in file.source_code_info.location}


def prose(text):
    """Joins the lines of each paragraph."""
    return "\n\n".join(" ".join(part.split("\n")) for part in text.split("\n\n")).strip()


def first_sentence(text):
    return re.split(r"(?<=[.?!]) ", prose(text).split("\n\n")[0])[0].rstrip(".")


def ref(name):
    return {"$ref": f"#/components/schemas/{name.removeprefix(PACKAGE)}"}


class Document:
    def __init__(self):
        self.files, self.http = load()
        self.messages, self.enums, self.text = {}, {}, {}
        for file in self.files:
            notes = comments(file)
            for i, message in enumerate(file.message_type):
                self.add_message(PACKAGE + message.name, message, (4, i), notes)
            for i, enum in enumerate(file.enum_type):
                self.add_enum(PACKAGE + enum.name, enum, (5, i), notes)

    def add_message(self, name, message, path, notes):
        self.messages[name] = (message, path, notes)
        for i, nested in enumerate(message.nested_type):
            self.add_message(f"{name}.{nested.name}", nested, (*path, 3, i), notes)
        for i, enum in enumerate(message.enum_type):
            self.add_enum(f"{name}.{enum.name}", enum, (*path, 4, i), notes)

    def add_enum(self, name, enum, path, notes):
        self.enums[name] = (enum, path, notes)

    def enum_schema(self, name):
        enum, path, notes = self.enums[name]
        lines = [prose(notes.get(path, ""))]
        for i, value in enumerate(enum.value):
            note = prose(notes.get((*path, 2, i), ""))
            lines.append(f"- `{value.name}`" + (f": {note}" if note else ""))
        return {"type": "string", "description": "\n".join(line for line in lines if line), "enum": [value.name for value in enum.value]}

    def field_type(self, field):
        if field.type_name in WELL_KNOWN:
            return dict(WELL_KNOWN[field.type_name])
        if field.type in (FIELD.TYPE_MESSAGE, FIELD.TYPE_ENUM):
            return ref(field.type_name)
        return dict(SCALARS[field.type])

    def message_schema(self, name, is_closed):
        message, path, notes = self.messages[name]
        properties = {}
        for i, field in enumerate(message.field):
            entry = self.messages.get(field.type_name)
            if entry and entry[0].options.map_entry:
                schema = {"type": "object", "additionalProperties": self.field_type(entry[0].field[1])}
            elif field.label == FIELD.LABEL_REPEATED:
                schema = {"type": "array", "items": self.field_type(field)}
            else:
                schema = self.field_type(field)
            note = prose(notes.get((*path, 2, i), ""))
            if field.HasField("oneof_index"):
                others = [camel(other.name) for other in message.field if other.HasField("oneof_index") and other.oneof_index == field.oneof_index and other.name != field.name]
                note = f"{note} Not together with {', '.join(others)}.".strip()
            if note:
                schema["description"] = note
            properties[camel(field.name)] = schema
        schema = {"type": "object"}
        note = prose(notes.get(path, ""))
        if note:
            schema["description"] = note
        schema["properties"] = properties
        if is_closed:
            schema["additionalProperties"] = False
        return schema

    def reached(self, names):
        """Returns the messages and enums that these messages contain, and themselves."""
        found, open_ones = set(), list(names)
        while open_ones:
            name = open_ones.pop()
            if name in found or name in WELL_KNOWN:
                continue
            found.add(name)
            for field in self.messages[name][0].field if name in self.messages else []:
                if field.type_name.startswith(PACKAGE):
                    open_ones.append(field.type_name)
        return found

    def operations(self):
        """Returns each method with its verb, path, summary and description."""
        for file in self.files:
            notes = comments(file)
            for i, service in enumerate(file.service):
                for j, method in enumerate(service.method):
                    rule = method.options.Extensions[self.http]
                    for extra, binding in enumerate([rule, *rule.additional_bindings]):
                        verb = binding.WhichOneof("pattern")
                        if verb:
                            yield service, prose(notes.get((6, i), "")), method, prose(notes.get((6, i, 2, j), "")), verb, getattr(binding, verb), extra

    def build(self):
        paths, tags, requests, responses = {}, {}, set(), set()
        for service, about, method, text, verb, path, extra in self.operations():
            tags[service.name] = about
            responses.add(method.output_type)
            schema = ref(method.output_type)
            content = "application/x-ndjson" if method.server_streaming else "application/json"
            operation = {
                "operationId": method.name + ("" if extra == 0 else "ByPost"),
                "tags": [service.name],
                "summary": first_sentence(text),
                "description": text,
                "responses": {
                    "200": {"description": "One message a line." if method.server_streaming else "The answer.", "content": {content: {"schema": schema}}},
                    **{status: {"$ref": f"#/components/responses/{name}"} for status, name in ERRORS.items()},
                },
            }
            parameters = re.findall(r"\{(\w+)\}", path)
            if parameters:
                message, place, notes = self.messages[method.input_type]
                operation["parameters"] = [
                    {"name": name, "in": "path", "required": True, "description": prose(notes.get((*place, 2, [f.name for f in message.field].index(name)), "")), "schema": {"type": "string"}}
                    for name in parameters
                ]
                operation["responses"]["404"] = {"$ref": "#/components/responses/NotFound"}
            if verb == "post":
                requests.add(method.input_type)
                operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(method.input_type)}}}
            paths.setdefault(path, {})[verb] = operation
        paths["/v1/gate"] = self.gate()
        tags.setdefault("LookupService", "")
        paths["/openapi.json"] = {
            "get": {
                "operationId": "GetOpenApi",
                "tags": ["Service"],
                "summary": "Returns this document",
                "responses": {"200": {"description": "The document.", "content": {"application/json": {"schema": {"type": "object"}}}}, "401": {"$ref": "#/components/responses/Unauthenticated"}},
            }
        }
        paths["/health"] = {
            "get": {
                "operationId": "GetHealth",
                "tags": ["Service"],
                "summary": "Tells whether the service answers checks",
                "security": [{}],
                "responses": {
                    "200": {"description": "It does.", "content": {"text/plain": {"schema": {"const": "SERVING\n"}}}},
                    "400": {"$ref": "#/components/responses/Invalid"},
                    "503": {"description": "It does not.", "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}, "content": {"text/plain": {"schema": {"const": "NOT_SERVING\n"}}}},
                },
            }
        }
        tags["Service"] = "The service itself."
        inside, outside = self.reached(requests), self.reached(responses)
        names = sorted(name for name in inside | outside if not (name in self.messages and self.messages[name][0].options.map_entry))
        schemas = {}
        for name in names:
            # The service rejects fields that it does not know; an answer may gain some.
            schemas[name.removeprefix(PACKAGE)] = self.enum_schema(name) if name in self.enums else self.message_schema(name, name not in outside)
        schemas["GateAnswer"] = GATE_ANSWER
        schemas["Status"] = STATUS
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Lookup",
                "version": "v1",
                "summary": "May this organisation call this number, for this purpose, now?",
                "description": "Only a VERDICT_ALLOW within its reusableFor permits a call. Without an answer, do not call.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/", "description": "The service that serves this document."}],
            "security": [{"bearer": []}, {}],
            "tags": [{"name": name, "description": text or name} for name, text in tags.items()],
            "paths": dict(sorted(paths.items())),
            "components": {
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a token, where the service requires credentials."}},
                "headers": {"RetryAfter": {"description": "Seconds to wait before a retry.", "schema": {"type": "integer", "minimum": 1}}},
                "responses": RESPONSES,
                "schemas": schemas,
            },
        }

    def gate(self):
        question, place, notes = self.messages[PACKAGE + "Question"]
        check, check_place, check_notes = self.messages[PACKAGE + "CheckRequest"]
        headers = []
        for message, path, texts, fields in ((check, check_place, check_notes, ("number", "default_region")), (question, place, notes, None)):
            for i, field in enumerate(message.field):
                if fields is None or field.name in fields:
                    headers.append({
                        "name": "-".join(part.capitalize() for part in ["lookup", *field.name.split("_")]),
                        "in": "header",
                        "required": field.name in ("number", "organisation"),
                        "description": prose(texts.get((*path, 2, i), "")) or field.name,
                        "schema": self.field_type(field),
                    })
        answers = {
            "200": {"description": "ALLOW: the call is permitted for reusableForSeconds.", "content": {"application/json": {"schema": ref("GateAnswer")}}},
            "403": {"description": "DENY or NOT_COVERED, or the credential lacks a role or grant.", "content": {"application/json": {"schema": {"anyOf": [ref("GateAnswer"), ref("Status")]}}}},
            "503": {
                "description": "UNKNOWN, an answer that has expired, or a failure.",
                "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
                "content": {"application/json": {"schema": {"anyOf": [ref("GateAnswer"), ref("Status")]}}},
            },
            **{status: {"$ref": f"#/components/responses/{name}"} for status, name in ERRORS.items() if status not in ("403", "500", "503")},
        }
        text = "200 permits the call now, and no other status does. whatIf, allReasons and receipt are rejected."
        return {
            "post": {
                "operationId": "Gate",
                "tags": ["LookupService"],
                "summary": "Decides one call by the HTTP status",
                "description": text,
                "requestBody": {"required": True, "content": {"application/json": {"schema": ref("CheckRequest")}}},
                "responses": answers,
            },
            "get": {
                "operationId": "GateByHeaders",
                "tags": ["LookupService"],
                "summary": "Decides one call by the HTTP status, for proxies that set headers",
                "description": text + " An unknown header that begins with Lookup- is rejected too. Percent escapes in Lookup-Number are decoded.",
                "parameters": headers,
                "responses": answers,
            },
        }


GATE_ANSWER = {
    "type": "object",
    "required": ["verdict", "reason", "number"],
    "properties": {
        "verdict": {"$ref": "#/components/schemas/Verdict"},
        "reason": {"$ref": "#/components/schemas/ReasonCode", "description": "The most binding reason."},
        "number": {"type": "string", "description": "The number in E.164, as it was decided. Dial this one."},
        "reusableForSeconds": {"type": "number", "exclusiveMinimum": 0, "description": "How long the call is permitted, measured from just before the request was sent. Only with 200."},
        "receiptId": {"type": "string", "description": "Receipt.id of the answer, if the service keeps receipts."},
        "called": {"type": "string", "format": "date-time", "description": "With reserve: the time of the call, for RecordOutcome."},
    },
}
STATUS = {
    "type": "object",
    "description": "A google.rpc.Status.",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "integer", "description": "A google.rpc.Code."},
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "description": "google.rpc.BadRequest (fieldViolations), ErrorInfo (reason, metadata), RetryInfo (retryDelay), RequestInfo (requestId).",
            "items": {"type": "object", "properties": {"@type": {"type": "string"}}, "additionalProperties": True},
        },
    },
}


def error(text, waits=False):
    response = {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}}
    return {**response, "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}} if waits else response


RESPONSES = {
    "Invalid": error("The request is not valid, or the state of the store does not permit it. details names each field."),
    "Unauthenticated": error("The request has no valid credential."),
    "Denied": error("The credential lacks a role or grant."),
    "NotFound": error("Nothing has this id."),
    "Exhausted": error("Too many requests or streams.", waits=True),
    "Internal": error("An internal error; the service's log has its id."),
    "Unavailable": error("The service or its store cannot answer now.", waits=True),
}

if __name__ == "__main__":
    text = json.dumps(Document().build(), indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text() != text:
            sys.exit(f"{TARGET.name} differs from the contract; run protos/openapi.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        TARGET.write_text(text)
