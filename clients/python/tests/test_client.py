"""The client against a scripted server, and the fake: answers that no service sends, clocks, repeats."""
import copy
import queue
import unittest
from concurrent import futures

import grpc
from google.protobuf.duration_pb2 import Duration

from lookup import AsyncLookupClient, CheckState, Clock, Fact, LookupClient, Objection, Options, Question, Verdict
from lookup.testing import FakeLookup, MagicNumbers, allow, deny, fail
from lookup.v1.decision_pb2 import Decision, Reason
from lookup.v1.lookup_service_pb2 import CheckRequest, CheckResponse, CheckStreamRequest, CheckStreamResponse

QUESTION = Question(organisation="acme", purpose="PURPOSE_COMMERCIAL")
NUMBER = "+31612345678"


def decision(verdict="VERDICT_ALLOW", reusable_for=Duration(seconds=60), **more):
    return Decision(verdict=verdict, reusable_for=reusable_for, reasons=[Reason(code="REASON_CODE_CONSENT")], **more)


class Scripted(unittest.TestCase):
    def serve(self, check=None, stream=None):
        """Serves handlers of LookupService; returns the address."""
        handlers = {}
        if check is not None:
            handlers["Check"] = grpc.unary_unary_rpc_method_handler(check, CheckRequest.FromString, CheckResponse.SerializeToString)
        if stream is not None:
            handlers["CheckStream"] = grpc.stream_stream_rpc_method_handler(stream, CheckStreamRequest.FromString, CheckStreamResponse.SerializeToString)
        server = grpc.server(futures.ThreadPoolExecutor(8))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lookup.v1.LookupService", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        return f"http://127.0.0.1:{port}"

    def client(self, address, **options):
        client = LookupClient(address, **{"stream_retry_limit": 0.3, **options})
        self.addCleanup(client.close)
        return client

    def test_only_an_allow_of_now_for_the_number_that_was_asked_permits(self):
        cases = {
            "permitted": (decision(), NUMBER, True),
            "hypothetical": (decision(hypothetical=True), NUMBER, False),
            "without reusable_for": (decision(reusable_for=None), NUMBER, False),
            "negative": (decision(reusable_for=Duration(seconds=-1)), NUMBER, False),
            "invalid duration": (decision(reusable_for=Duration(seconds=5, nanos=-1)), NUMBER, False),
            "no verdict": (decision(verdict=0), NUMBER, False),
            "verdict of a newer version": (decision(verdict=7), NUMBER, False),
            "denied": (decision(verdict="VERDICT_DENY"), NUMBER, False),
            "no decision": (None, NUMBER, False),
            "another number": (decision(), "+31612345679", False),
        }
        reply = {}
        client = self.client(self.serve(lambda request, _: CheckResponse(decision=reply["decision"], number=reply["number"])))
        for name, (reply["decision"], reply["number"], permits) in cases.items():
            with self.subTest(name):
                result = client.check(NUMBER, QUESTION)
                self.assertEqual(result.may_call, permits)
                with self.assertRaises(TypeError):
                    copy.copy(result)

    def test_allow_ends_on_either_clock_counted_from_before_the_request(self):
        class now:
            monotonic, wall = 1000.0, 5_000_000.0

        def check(request, _):
            now.monotonic += 0.25
            return CheckResponse(number=request.number, decision=decision(reusable_for=Duration(nanos=500_000_000)))

        client = self.client(self.serve(check), clock=Clock(lambda: now.monotonic, lambda: now.wall))
        result = client.check(NUMBER, QUESTION)
        for monotonic, wall, permits in ((0, 0, True), (0.125, 0, True), (0, -1000, True), (0.125, 0, False), (-0.25, 1000.5, False)):
            now.monotonic += monotonic
            now.wall += wall
            self.assertEqual(result.may_call, permits)
        self.assertIn("permits no call: expired", str(result))

    def test_check_is_sent_a_second_time_only_if_the_connection_broke_and_never_with_a_reservation(self):
        asked = []

        def check(request, context):
            asked.append(request)
            if len(asked) == 1:
                context.abort(grpc.StatusCode.INTERNAL if request.all_reasons else grpc.StatusCode.UNAVAILABLE, "")
            return CheckResponse(number=request.number, decision=decision())

        client = self.client(self.serve(check))
        for options, state, sent in (({}, CheckState.ANSWERED, 2), ({"reserve": 60}, CheckState.UNAVAILABLE, 1), ({"all_reasons": True}, CheckState.BROKEN, 1)):
            asked.clear()
            result = client.check(NUMBER, QUESTION, **options)
            self.assertEqual((result.state, result.may_call, len(asked)), (state, state is CheckState.ANSWERED, sent))

    def test_service_that_never_answers_ends_at_the_time_limit(self):
        hang = queue.Queue()
        self.addCleanup(lambda: hang.put(None))
        result = self.client(self.serve(lambda *_: hang.get()), timeout=0.2).check(NUMBER, QUESTION)
        self.assertEqual((result.state, result.may_call, result.retry_after), (CheckState.TIMED_OUT, False, 1.0))

    def test_answers_of_a_list_that_do_not_fit_its_chunks_are_not_used(self):
        change = {}

        def stream(requests, context):
            if not change.get("is_eager"):
                context.send_initial_metadata((("lookup-taken", "true"),))
            for request in requests:
                if request.WhichOneof("message") == "chunk" or change.get("is_eager"):
                    answer = {"sequence": request.chunk.sequence, "verdicts": [1, 1], "reasons": [2, 2], "common": decision()}
                    answer.update({k: v for k, v in change.items() if k != "is_eager"})
                    yield CheckStreamResponse(**answer)

        client = self.client(self.serve(stream=stream))
        cases = (
            ({}, True), ({"sequence": 7}, False), ({"verdicts": [1]}, False), ({"reasons": [2, 2, 2]}, False), ({"numbers": [1]}, False),
            ({"is_eager": True, "sequence": 1}, False))
        for new, permits in cases:
            with self.subTest(new):
                change.clear()
                change.update(new)
                results = list(client.check_list([NUMBER, "+31612345679"], QUESTION))
                self.assertEqual([(r.number, r.may_call) for r in results], [(NUMBER, permits), ("+31612345679", permits)])
                self.assertEqual({r.state for r in results}, {CheckState.ANSWERED if permits else CheckState.BROKEN})

    def test_list_that_gets_no_answer_fails_at_its_time_limit(self):
        def stream(requests, context):
            context.send_initial_metadata((("lookup-taken", "true"),))
            for _ in requests:
                pass
            return
            yield

        client = self.client(self.serve(stream=stream), stream_answer_timeout=0.1)
        self.assertEqual([(r.state, r.may_call) for r in client.check_list([NUMBER], QUESTION)], [(CheckState.TIMED_OUT, False)])

    def test_options_out_of_range_are_all_named_and_a_key_is_not_sent_in_plain_text(self):
        with self.assertRaises(ValueError) as faults:
            AsyncLookupClient("lookup:7500", timeout=0, stream_chunk_size=1.5)
        for name in ("address", "timeout", "stream_chunk_size"):
            self.assertIn(name, str(faults.exception))
        with self.assertRaisesRegex(ValueError, "https"):
            Options("http://lookup.example:7500", api_key="k")
        with self.assertRaises(ValueError) as fault:
            Options("http://127.0.0.1:7500", api_key="two words")
        for host in ("127.example.com", "127.0.0.1.example", "10.0.0.5"):
            with self.assertRaisesRegex(ValueError, "credentials require https"):
                Options(f"http://{host}:7500", api_key="k")
        with self.assertRaisesRegex(ValueError, "ca and client_certificate"):
            Options("http://127.0.0.1:7500", ca=b"pem")
        self.assertNotIn("two words", str(fault.exception))
        self.assertNotIn("secret", repr(Options("http://127.0.0.1:7500", api_key="secret")))

    def test_key_of_each_call_is_that_of_the_moment(self):
        shown, keys = [], iter(["t1", "t2"])

        def check(request, context):
            shown.append(dict(context.invocation_metadata())["authorization"])
            return CheckResponse(number=request.number, decision=decision())

        client = self.client(self.serve(check), api_key=lambda: next(keys))
        self.assertEqual([client.check(NUMBER, QUESTION).state for _ in range(3)], [CheckState.ANSWERED, CheckState.ANSWERED, CheckState.BROKEN])
        self.assertEqual(shown, ["Bearer t1", "Bearer t2"])


class FakeTests(unittest.TestCase):
    def test_last_line_of_the_script_answers_first_and_an_objection_before_it(self):
        fake = FakeLookup().on("+31 6 1234 5678", deny("OUTSIDE_HOURS")).on(lambda number, _: number.startswith("+32"), fail(retry_after=5)).on(NUMBER, allow())
        self.assertTrue(fake.check(NUMBER, QUESTION).may_call)
        self.assertEqual(fake.check("+32412345678", QUESTION).retry_after, 5)
        self.assertIs(fake.check("+33612345678", QUESTION).verdict, Verdict.NOT_COVERED)
        self.assertTrue(fake.otherwise(allow()).check("+33612345678", QUESTION).may_call)
        fake.record_facts([Fact(number=NUMBER, objection=Objection(organisation="*"))])
        self.assertEqual(fake.check(NUMBER, QUESTION).reason, "OBJECTION")
        self.assertEqual((len(fake.asked), len(fake.recorded)), (5, 1))

    def test_watch_tells_what_is_recorded_from_a_token_too(self):
        fake = FakeLookup()
        watch = fake.watch(["acme"])
        start = next(watch)
        fake.record_facts([Fact(number=f"+3161234567{i}", objection=Objection(organisation=name)) for i, name in enumerate(("bolt", "acme"))])
        self.assertEqual(next(watch).change.number, "+31612345671")
        again = fake.watch([], start.resume_token)
        self.assertIsNone(next(again).freshness)
        self.assertEqual(next(again).change.number, "+31612345670")

    def test_reservation_of_a_number_that_nobody_scripted_permits_nothing(self):
        self.assertFalse(FakeLookup().check("+31612345670", QUESTION, reserve=60).may_call)
        self.assertTrue(FakeLookup().check(MagicNumbers.ALLOW, QUESTION, reserve=60).may_call)


if __name__ == "__main__":
    unittest.main()
