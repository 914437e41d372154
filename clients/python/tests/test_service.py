"""The clients and their fakes against `lookup serve --fake`."""
import asyncio
import re
import threading
import time
import unittest

import grpc

from lookup import (
    AsyncLookupClient, ChangesLostError, CheckState, Clock, Fact, LookupClient, Objection, Question, RecordOutcomeRequest, ServiceError, Verdict, WhatIf,
)
from lookup.testing import AsyncFakeLookup, FakeLookup, MagicNumbers
from lookup.v1.lookup_service_pb2 import ExplainRequest
from service import TABLE, Proxy, Service, until

QUESTION = Question(organisation="acme", purpose="PURPOSE_COMMERCIAL")
# Answers do not expire while a slow machine works.
CLOCK = Clock(lambda: 0.0, lambda: 0.0)
ROWS = re.findall(r"^\| (\+447700900\d{3}) \| (\S+) \| (.+) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)

service = None


def setUpModule():
    global service
    service = Service()


def tearDownModule():
    service.kill()


def summary(result):
    return result.number, result.state, result.verdict, result.reason, result.may_call, result.retry_after


def is_late(result):
    """Whether an ALLOW expired before it was written, as on a busy machine, so that it permits nothing: ask again."""
    return result.verdict is Verdict.ALLOW and not result.decision.HasField("reusable_for")


def permits(verdict, effect):
    return verdict == "ALLOW" and "permits nothing" not in effect


def objection(number, organisation):
    return Fact(number=number, source="test", objection=Objection(organisation=organisation))


class Agrees:
    """What each client must make of the magic numbers."""

    def agree(self, number, verdict, effect, result, faked):
        self.assertEqual(summary(result), summary(faked))
        self.assertEqual(result.may_call, permits(verdict, effect), str(result))
        self.assertEqual(result.verdict.name, "UNKNOWN" if verdict in ("99", "-") else verdict)
        self.assertEqual(result.state is CheckState.ANSWERED, verdict != "-")
        if verdict != "-" and re.search("[a-z]", effect) is None:
            self.assertEqual(result.reason, effect)


class SyncTests(Agrees, unittest.TestCase):
    def client(self, address=None, **options):
        client = LookupClient(address or service.address, **{"timeout": 60, "clock": CLOCK, **options})
        self.addCleanup(client.close)
        return client

    def test_every_magic_number_client_fake_and_table_agree(self):
        fake, patient, hasty = FakeLookup(CLOCK), self.client(), self.client(timeout=0.5)
        self.assertEqual(MagicNumbers.all(), [number for number, _, _ in ROWS])
        self.assertGreater(len(ROWS), 50)
        for number, verdict, effect in ROWS:
            with self.subTest(number=number):
                client = hasty if number == MagicNumbers.TIMES_OUT else patient
                while is_late(result := client.check(number, QUESTION)) and permits(verdict, effect):
                    pass
                self.agree(number, verdict, effect, result, fake.check(number, QUESTION))

    def test_list_of_magic_numbers_each_gets_its_verdict_in_order(self):
        numbers = [number for number, verdict, _ in ROWS if verdict != "-"] + ["call me", "0612345678"]
        results = list(self.client(stream_chunk_size=7).check_list(numbers, QUESTION))
        faked = FakeLookup(CLOCK).check_list(numbers, QUESTION)
        self.assertEqual([(r.number, r.verdict, r.reason, r.state) for r in results], [(r.number, r.verdict, r.reason, r.state) for r in faked])

    def test_invalid_request_is_refused_and_names_the_field(self):
        result = self.client().check("call me", QUESTION)
        self.assertEqual((result.state, [f.field for f in result.fields], result.retry_after), (CheckState.REFUSED, ["number"], None))

    def test_result_is_neither_true_nor_false(self):
        with self.assertRaises(TypeError):
            bool(self.client().check(MagicNumbers.ALLOW, QUESTION))

    def test_national_form_is_decided_as_the_number_that_the_result_names(self):
        client = self.client()
        while is_late(result := client.check("07700 900001", QUESTION, default_region="GB")):
            pass
        self.assertEqual((result.number, result.may_call), (MagicNumbers.ALLOW, True))

    def test_what_if_permits_nothing(self):
        what_if = WhatIf(strict=True)
        self.assertFalse(self.client().check(MagicNumbers.ALLOW, QUESTION, what_if=what_if).may_call)
        for result in self.client().check_list([MagicNumbers.ALLOW], QUESTION, what_if=what_if):
            self.assertEqual((result.verdict, result.may_call), (Verdict.ALLOW, False))

    def test_reservation_outcome_and_objection(self):
        question = Question(organisation="objected", purpose="PURPOSE_COMMERCIAL")
        client = self.client()
        while is_late(first := client.check(MagicNumbers.ALLOW, question, reserve=60)):
            pass
        self.assertTrue(first.may_call)
        client.record_outcome(RecordOutcomeRequest(
            number=first.number, organisation="objected", outcome="CALL_OUTCOME_ANSWERED", called=first.reservation.called, source="test"))
        client.record_facts([objection(first.number, "objected")])
        second = client.check(MagicNumbers.ALLOW, question)
        self.assertEqual((second.may_call, second.reason), (False, "OBJECTION"))
        explained = client.call("LookupService.Explain", ExplainRequest(number=first.number, question=question))
        self.assertEqual(explained.decision.verdict, Verdict.DENY.value)
        with self.assertRaises(ValueError):
            client.call("LookupService.Dial", ExplainRequest())

    def test_no_service_everything_fails_and_nothing_is_permitted(self):
        gone = self.client("http://127.0.0.1:1", stream_retry_limit=0.3, timeout=5)
        self.assertEqual(gone.check(MagicNumbers.ALLOW, QUESTION).state, CheckState.UNAVAILABLE)
        results = list(gone.check_list([MagicNumbers.ALLOW] * 10_000, QUESTION))
        self.assertEqual({(r.state, r.may_call) for r in results}, {(CheckState.UNAVAILABLE, False)})
        self.assertEqual(len(results), 10_000)

    def test_list_pulls_numbers_only_as_results_are_read(self):
        pulled = 0

        def endless():
            nonlocal pulled
            while True:
                pulled += 1
                yield MagicNumbers.DENY_BY_OBJECTION

        results = self.client(stream_chunk_size=10, stream_window=2).check_list(endless(), QUESTION)
        for read in range(300):
            self.assertIs(next(results).verdict, Verdict.DENY)
            self.assertLessEqual(pulled, read + 40)
        results.close()

    def test_exception_of_the_list_reaches_the_caller(self):
        def broken():
            yield MagicNumbers.ALLOW
            raise RuntimeError("disk")

        with self.assertRaisesRegex(RuntimeError, "disk"):
            list(self.client().check_list(broken(), QUESTION))

    def test_watch_resumes_after_a_broken_connection_and_misses_nothing(self):
        proxy = Proxy(service.port)
        self.addCleanup(proxy.close)
        record, seen, failures = self.client(), [], 0
        for event in self.client(proxy.address).watch(["watched"]):
            if event.change is not None:
                seen.append(event.change.number)
                if len(seen) == 2:
                    break
                proxy.cut()
            elif event.failure is not None:
                failures += 1
                # A busy machine can break a watch without a cut.
                if proxy.is_cut:
                    record.record_facts([objection("+447700900112", "watched")])
                    proxy.join()
            elif not seen:
                record.record_facts([objection("+447700900111", "watched")])
        self.assertEqual(seen, ["+447700900111", "+447700900112"])
        self.assertGreater(failures, 0)

    def test_watch_that_cannot_resume_says_that_changes_are_lost(self):
        for client in (self.client(), FakeLookup()):
            with self.assertRaises(ChangesLostError) as lost:
                next(client.watch([], FakeLookup.OLD_TOKEN))
            self.assertEqual(lost.exception.reason, "RESUME_TOKEN_TOO_OLD")
        with self.assertRaises(ServiceError) as rejected:
            next(self.client().watch(["NOT valid"]))
        self.assertIs(rejected.exception.status, grpc.StatusCode.INVALID_ARGUMENT)

    def test_killed_under_load_only_answers_permit_and_a_list_goes_on(self):
        killed, load, listed = Service(), Load(), []
        client = self.client(killed.address, timeout=2)

        def call(number):
            while not load.stop:
                asked = load.phase
                load.judge(asked, number, client.check(number, QUESTION))
                time.sleep(0.02)

        def read():
            lists = self.client(killed.address, stream_chunk_size=512)
            for result in lists.check_list(load.numbers(20_000), QUESTION):
                load.judge_listed(len(listed), result)
                listed.append(result.state)
                # Chunks are unanswered when the service is killed.
                while len(listed) == 5_000 and load.phase == "before":
                    time.sleep(0.005)

        threads = [threading.Thread(target=call, args=(number,)) for number in (MagicNumbers.ALLOW, MagicNumbers.DENY_BY_OBJECTION) * 4]
        threads.append(threading.Thread(target=read))
        for thread in threads:
            thread.start()
        try:
            until(lambda: load.count["before"] > 100 and len(listed) == 5_000)
            killed.kill()
            load.phase = "away"
            until(lambda: load.count["away"] > 100)
            load.phase = "restarting"
            again = Service(killed.port)
            load.phase = "back"
            until(lambda: load.permitted["back"] > 20 and len(listed) == 20_000)
        finally:
            load.stop = True
            load.phase = "stopped"
            for thread in threads:
                thread.join()
        self.assertEqual((load.faults, set(listed)), ([], {CheckState.ANSWERED}))

        # Not started again: what is left fails, and none of it permits a call.
        listed = []
        for result in self.client(again.address, stream_chunk_size=512, stream_retry_limit=0.2).check_list(load.numbers(20_000), QUESTION):
            load.judge_listed(len(listed), result)
            listed.append(result.state)
            if len(listed) == 5_000:
                again.kill()
        answered = listed.index(CheckState.UNAVAILABLE)
        self.assertEqual((load.faults, listed[answered:]), ([], [CheckState.UNAVAILABLE] * (20_000 - answered)))


class Load:
    """Judges the results of concurrent checks while the service is killed and started again."""

    def __init__(self):
        self.phase, self.stop, self.faults = "before", False, []
        self.count = dict.fromkeys(("before", "away", "restarting", "back"), 0)
        self.permitted = dict(self.count)

    KINDS = (
        (MagicNumbers.ALLOW, Verdict.ALLOW), (MagicNumbers.DENY_BY_OBJECTION, Verdict.DENY), ("+447700900777", Verdict.NOT_COVERED),
        (MagicNumbers.NOT_COVERED, Verdict.NOT_COVERED), (MagicNumbers.DENY_WITHOUT_CONSENT, Verdict.DENY))

    def numbers(self, length):
        return (self.KINDS[i % 5][0] for i in range(length))

    def judge_listed(self, position, result):
        number, verdict = self.KINDS[position % 5]
        is_right = result.verdict is verdict if result.state is CheckState.ANSWERED else result.verdict is Verdict.UNKNOWN and not result.may_call
        if result.number != number or not is_right:
            self.faults.append(f"{position}: {result}")

    def judge(self, asked, number, result):
        may_call = result.may_call
        # Permitted only by an answer, and never what the service denies.
        if may_call and not (result.state is CheckState.ANSWERED and result.decision.regime == "FAKE" and number == MagicNumbers.ALLOW):
            self.faults.append(f"{asked}: {result}")
        if asked != self.phase:
            return
        self.count[asked] += 1
        self.permitted[asked] += may_call
        if asked == "away" and (may_call or result.state is CheckState.ANSWERED):
            self.faults.append(f"{asked}: {result}")


class AsyncTests(Agrees, unittest.IsolatedAsyncioTestCase):
    def client(self, address=None, **options):
        client = AsyncLookupClient(address or service.address, **{"timeout": 60, "clock": CLOCK, **options})
        self.addAsyncCleanup(client.close)
        return client

    async def test_every_magic_number_client_fake_and_table_agree(self):
        fake, patient, hasty = AsyncFakeLookup(FakeLookup(CLOCK)), self.client(), self.client(timeout=0.5)

        async def agree(number, verdict, effect):
            client = hasty if number == MagicNumbers.TIMES_OUT else patient
            while is_late(result := await client.check(number, QUESTION)) and permits(verdict, effect):
                pass
            self.agree(number, verdict, effect, result, await fake.check(number, QUESTION))

        await asyncio.gather(*(agree(*row) for row in ROWS))

    async def test_list_of_magic_numbers_each_gets_its_verdict_in_order(self):
        numbers = [number for number, verdict, _ in ROWS if verdict != "-"] + ["call me", "0612345678"]
        results = [r async for r in self.client(stream_chunk_size=7).check_list(numbers, QUESTION)]
        faked = [r async for r in AsyncFakeLookup(FakeLookup(CLOCK)).check_list(numbers, QUESTION)]
        self.assertEqual([(r.number, r.verdict, r.reason, r.state) for r in results], [(r.number, r.verdict, r.reason, r.state) for r in faked])

    async def test_slow_list_gets_its_results_without_waiting_for_a_full_chunk(self):
        taken = asyncio.Event()

        async def slow():
            for _ in range(3):
                yield MagicNumbers.NOT_COVERED
                await taken.wait()
                taken.clear()

        count = 0
        async for result in self.client().check_list(slow(), QUESTION):
            self.assertIs(result.verdict, Verdict.NOT_COVERED)
            count += 1
            taken.set()
        self.assertEqual(count, 3)

    async def test_list_pulls_numbers_only_as_results_are_read_and_releases_its_source(self):
        pulled, is_released = 0, False

        async def endless():
            nonlocal pulled, is_released
            try:
                while True:
                    pulled += 1
                    yield MagicNumbers.DENY_BY_OBJECTION
            finally:
                is_released = True

        results = self.client(stream_chunk_size=10, stream_window=2).check_list(endless(), QUESTION)
        for read in range(300):
            self.assertIs((await results.__anext__()).verdict, Verdict.DENY)
            await asyncio.sleep(0)
            self.assertLessEqual(pulled, read + 50)
        await results.aclose()
        self.assertTrue(is_released)

    async def test_cancelling_and_the_exception_of_the_list_reach_the_caller(self):
        async def broken():
            yield MagicNumbers.ALLOW
            raise RuntimeError("disk")

        with self.assertRaisesRegex(RuntimeError, "disk"):
            async for _ in self.client().check_list(broken(), QUESTION):
                pass
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.client().check(MagicNumbers.SLOW, QUESTION), 0.05)

    async def test_no_service_everything_fails_and_nothing_is_permitted(self):
        gone = self.client("http://127.0.0.1:1", stream_retry_limit=0.3, timeout=5)
        self.assertEqual((await gone.check(MagicNumbers.ALLOW, QUESTION)).state, CheckState.UNAVAILABLE)
        results = [r async for r in gone.check_list([MagicNumbers.ALLOW] * 10_000, QUESTION)]
        self.assertEqual(({(r.state, r.may_call) for r in results}, len(results)), ({(CheckState.UNAVAILABLE, False)}, 10_000))

    async def test_watch_resumes_and_says_when_changes_are_lost(self):
        proxy = Proxy(service.port)
        self.addCleanup(proxy.close)
        record, seen, failures = self.client(), [], 0
        async for event in self.client(proxy.address).watch(["awaited"]):
            if event.change is not None:
                seen.append(event.change.number)
                if len(seen) == 2:
                    break
                proxy.cut()
            elif event.failure is not None:
                failures += 1
                # A busy machine can break a watch without a cut.
                if proxy.is_cut:
                    await record.record_facts([objection("+447700900112", "awaited")])
                    proxy.join()
            elif not seen:
                await record.record_facts([objection("+447700900111", "awaited")])
        self.assertEqual(seen, ["+447700900111", "+447700900112"])
        self.assertGreater(failures, 0)
        for client in (self.client(), AsyncFakeLookup()):
            with self.assertRaises(ChangesLostError):
                await client.watch([], FakeLookup.OLD_TOKEN).__anext__()

    async def test_killed_under_load_only_answers_permit_and_a_list_goes_on(self):
        killed, load, listed, resume = Service(), Load(), [], asyncio.Event()
        client = self.client(killed.address, timeout=2)

        async def call(number):
            while not load.stop:
                asked = load.phase
                load.judge(asked, number, await client.check(number, QUESTION))
                await asyncio.sleep(0.005)

        async def read():
            async for result in self.client(killed.address, stream_chunk_size=512).check_list(load.numbers(20_000), QUESTION):
                load.judge_listed(len(listed), result)
                listed.append(result.state)
                if len(listed) == 5_000:
                    await resume.wait()

        async def reach(condition):
            await asyncio.get_running_loop().run_in_executor(None, until, condition)

        callers = [asyncio.ensure_future(call(number)) for number in (MagicNumbers.ALLOW, MagicNumbers.DENY_BY_OBJECTION) * 8]
        reading = asyncio.ensure_future(read())
        await reach(lambda: load.count["before"] > 100 and len(listed) == 5_000)
        killed.kill()
        load.phase = "away"
        resume.set()
        await reach(lambda: load.count["away"] > 100)
        load.phase = "restarting"
        again = await asyncio.get_running_loop().run_in_executor(None, Service, killed.port)
        self.addCleanup(again.kill)
        load.phase = "back"
        await reach(lambda: load.permitted["back"] > 20)
        load.stop = True
        await asyncio.gather(*callers)
        await asyncio.wait_for(reading, 60)
        self.assertEqual((load.faults, set(listed), len(listed)), ([], {CheckState.ANSWERED}, 20_000))


if __name__ == "__main__":
    unittest.main()
