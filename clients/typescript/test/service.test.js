// The client and its fake against `lookup serve --fake`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { CallOutcome, ChangesLostError, LookupClient, LookupService, Purpose, ReasonCode, Verdict } from "lookup-client";
import { FakeLookup, MagicNumbers } from "lookup-client/testing";
import { Proxy, Service, until } from "./service.js";

const question = { organisation: "acme", purpose: Purpose.COMMERCIAL };
// Answers do not expire while a slow machine works.
const clock = { monotonic: () => 0, wall: () => 0 };
const table = [...readFileSync(new URL("../../../docs/guide/testing-your-dialer.md", import.meta.url), "utf8")
  .matchAll(/^\| (\+447700900\d{3}) \| (\S+) \| (.+) \|$/gm)].map(([, number, verdict, effect]) => ({ number, verdict, effect }));

let service;
before(async () => { service = await Service.start(); });
after(() => service.kill());

function client(options = {}) {
  const made = new LookupClient({ address: service.address, timeoutMs: 60_000, clock, ...options });
  after(() => made.close());
  return made;
}

/** Asks until the ALLOW that is due is written in time: on a busy machine it may expire first, and then permits nothing. */
async function inTime(ask) {
  for (;;) {
    const result = await ask();
    if (result.verdict !== Verdict.ALLOW || result.decision.reusableFor !== undefined) return result;
  }
}

const summary = (result) => [result.number, result.state, Verdict[result.verdict], ReasonCode[result.reason], result.mayCall, result.retryAfterMs];

test("Every magic number: client, fake and table of the documentation agree, and only ALLOW of now permits", async () => {
  const [patient, hasty] = [client(), client({ timeoutMs: 500 })];
  const fake = new FakeLookup({ clock });
  assert.deepEqual(MagicNumbers.all(), table.map(({ number }) => number));
  assert.ok(table.length > 50);
  await Promise.all(table.map(async ({ number, verdict, effect }) => {
    const permits = verdict === "ALLOW" && !effect.includes("permits nothing");
    const check = () => (number === MagicNumbers.timesOut ? hasty : patient).check(number, question);
    const result = await (permits ? inTime(check) : check());
    assert.deepEqual(summary(result), summary(await fake.check(number, question)));
    assert.equal(result.mayCall, permits, `${result}`);
    assert.equal(Verdict[result.verdict], verdict === "99" || verdict === "-" ? "UNKNOWN" : verdict);
    if (verdict !== "-" && !/[a-z]/.test(effect)) assert.equal(ReasonCode[result.reason], effect);
    assert.equal(result.state === "answered", verdict !== "-");
  }));
});

test("A list of magic numbers: each number gets its verdict, in order", async () => {
  const numbers = table.filter(({ verdict }) => verdict !== "-").map(({ number }) => number).concat("call me", "0612345678");
  const results = [];
  for await (const result of client({ streamChunkSize: 7 }).checkList(numbers, question)) results.push(result);
  const fake = [];
  for await (const result of new FakeLookup({ clock }).checkList(numbers, question)) fake.push(result);
  assert.deepEqual(results.map((r) => [r.number, r.verdict, r.reason, r.state]), fake.map((r) => [r.number, r.verdict, r.reason, r.state]));
  assert.ok(results.every((r) => !r.mayCall || r.verdict === Verdict.ALLOW));
});

test("An invalid request is refused and names the field", async () => {
  const result = await client().check("call me", question);
  assert.equal(result.state, "refused");
  assert.deepEqual(result.fields.map(({ field }) => field), ["number"]);
  assert.equal(result.retryAfterMs, undefined);
  const rejected = await client().check(MagicNumbers.allow, { organisation: "ACME!" });
  assert.deepEqual([rejected.state, rejected.mayCall], ["refused", false]);
});

test("A national form is decided as the number that the result names", async () => {
  const lookup = client();
  const result = await inTime(() => lookup.check("07700 900001", question, { defaultRegion: "GB" }));
  assert.deepEqual([result.number, result.mayCall], [MagicNumbers.allow, true]);
});

test("A what-if answer permits nothing, alone and in a list", async () => {
  const whatIf = { strict: true };
  assert.equal((await client().check(MagicNumbers.allow, question, { whatIf })).mayCall, false);
  for await (const result of client().checkList([MagicNumbers.allow], question, { whatIf })) {
    assert.deepEqual([result.verdict, result.mayCall], [Verdict.ALLOW, false]);
  }
});

test("A reservation comes with the answer, and an objection forbids the next call", async () => {
  const organisation = "objected";
  const lookup = client();
  const first = await inTime(() => lookup.check(MagicNumbers.allow, { ...question, organisation }, { reserveSeconds: 60 }));
  assert.ok(first.mayCall && first.reservation?.called !== undefined);
  await lookup.recordOutcome({ number: first.number, organisation, outcome: CallOutcome.ANSWERED, called: first.reservation.called, source: "test" });
  await lookup.recordFacts([{ number: first.number, source: "test", kind: { case: "objection", value: { organisation } } }]);
  const second = await lookup.check(MagicNumbers.allow, { ...question, organisation });
  assert.deepEqual([second.mayCall, second.reason], [false, ReasonCode.OBJECTION]);
  const explained = await lookup.call(LookupService.method.explain, { number: first.number, question: { ...question, organisation } });
  assert.equal(explained.decision.verdict, Verdict.DENY);
});

test("No service: every check and every number of a list fails and permits nothing", async () => {
  const gone = client({ address: "http://127.0.0.1:1", streamRetryLimitMs: 300, timeoutMs: 5_000 });
  assert.equal((await gone.check(MagicNumbers.allow, question)).state, "unavailable");
  const numbers = Array.from({ length: 10_000 }, () => MagicNumbers.allow);
  let count = 0;
  for await (const result of gone.checkList(numbers, question)) {
    assert.deepEqual([result.state, result.mayCall], ["unavailable", false]);
    count++;
  }
  assert.equal(count, numbers.length);
});

test("A list pulls numbers only as its results are read, and releases its source", async () => {
  let pulled = 0, isReleased = false;
  async function* endless() {
    try {
      for (;;) { pulled++; yield MagicNumbers.denyByObjection; }
    } finally {
      isReleased = true;
    }
  }
  let read = 0;
  for await (const result of client({ streamChunkSize: 10, streamWindow: 2, streamLingerMs: 60_000 }).checkList(endless(), question)) {
    assert.equal(result.verdict, Verdict.DENY);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(pulled <= read + 40, `${pulled} numbers were pulled for ${read} results.`);
    if (++read === 300) break;
  }
  await until(() => isReleased);
});

test("A slow source gets its results without waiting for a full chunk", async () => {
  let next;
  async function* slow() {
    for (let i = 0; i < 3; i++) {
      yield MagicNumbers.notCovered;
      await new Promise((resolve) => { next = resolve; });
    }
  }
  let count = 0;
  for await (const result of client().checkList(slow(), question)) {
    assert.equal(result.verdict, Verdict.NOT_COVERED);
    count++;
    await until(() => next !== undefined);
    next();
    next = undefined;
  }
  assert.equal(count, 3);
});

test("The error of a source and an abort reach the caller", async () => {
  async function* broken() { yield MagicNumbers.allow; throw new RangeError("disk"); }
  await assert.rejects(async () => { for await (const _ of client().checkList(broken(), question)); }, RangeError);
  const abort = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of client({ streamChunkSize: 1 }).checkList([MagicNumbers.allow, MagicNumbers.slow], question, { signal: abort.signal })) abort.abort();
  }, { name: "AbortError" });
  await assert.rejects(client().check(MagicNumbers.slow, question, { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
});

test("A watch resumes after a broken connection and misses nothing", async () => {
  const proxy = await Proxy.start(service.port);
  after(() => proxy.close());
  const organisation = "watched";
  const record = (number) => client().recordFacts([{ number, source: "test", kind: { case: "objection", value: { organisation } } }]);
  const seen = [];
  let failures = 0;
  for await (const event of client({ address: proxy.address }).watch([organisation])) {
    if (event.change !== undefined) {
      seen.push(event.change.number);
      if (seen.length === 1) proxy.cut();
      if (seen.length === 2) break;
    } else if (event.failure !== undefined) {
      failures++;
      // A busy machine can break a watch without a cut.
      if (proxy.isCut) { await record("+447700900112"); proxy.join(); }
    } else if (seen.length === 0) {
      await record("+447700900111");
    }
  }
  assert.deepEqual(seen, ["+447700900111", "+447700900112"]);
  assert.ok(failures > 0);
});

test("A watch that cannot resume says that changes are lost", async () => {
  await assert.rejects(client().watch([], { resumeToken: FakeLookup.oldToken }).next(),
    (error) => error instanceof ChangesLostError && error.reason === "RESUME_TOKEN_TOO_OLD");
  await assert.rejects(new FakeLookup().watch([], { resumeToken: FakeLookup.oldToken }).next(), ChangesLostError);
  await assert.rejects(client().watch(["NOT valid"]).next(), { name: "LookupError", status: 3 });
});

test("Killed under load: only answers permit, and a list goes on", async () => {
  const killed = await Service.start();
  after(() => killed.kill());
  const kinds = [[MagicNumbers.allow, Verdict.ALLOW], [MagicNumbers.denyByObjection, Verdict.DENY], ["+447700900777", Verdict.NOT_COVERED], [MagicNumbers.notCovered, Verdict.NOT_COVERED], [MagicNumbers.denyWithoutConsent, Verdict.DENY]];
  const length = 20_000;
  function* list() { for (let i = 0; i < length; i++) yield kinds[i % 5][0]; }

  let phase = "before";
  const count = { before: 0, away: 0, restarting: 0, back: 0 }, permitted = { ...count };
  const lookup = client({ address: killed.address, timeoutMs: 2_000 });
  const callers = Array.from({ length: 16 }, async (_, i) => {
    const number = i % 2 === 0 ? MagicNumbers.allow : MagicNumbers.denyByObjection;
    while (phase !== "stopped") {
      const asked = phase;
      const result = await lookup.check(number, question);
      // Permitted only by an answer, and never what the service denies.
      assert.ok(!result.mayCall || (result.state === "answered" && result.decision.regime === "FAKE" && number === MagicNumbers.allow), `${result}`);
      if (asked === phase) {
        assert.ok(asked !== "away" || (!result.mayCall && result.state !== "answered"), `${result}`);
        count[asked]++;
        permitted[asked] += result.mayCall;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  let listed = 0;
  const reading = (async () => {
    for await (const result of client({ address: killed.address, streamChunkSize: 512 }).checkList(list(), question)) {
      assert.deepEqual([result.number, result.verdict, result.state], [...kinds[listed % 5], "answered"]);
      // Chunks are unanswered when the service is killed.
      if (++listed === 5_000) await until(() => phase !== "before");
    }
  })();
  await until(() => count.before > 100 && listed === 5_000);
  await killed.kill();
  phase = "away";
  await until(() => count.away > 100);
  phase = "restarting";
  const again = await Service.start(killed.port);
  after(() => again.kill());
  phase = "back";
  await until(() => permitted.back > 20);
  phase = "stopped";
  await Promise.all([...callers, reading]);
  assert.equal(listed, length);

  // Not started again: what is left fails, and none of it permits a call.
  const states = [];
  for await (const result of client({ address: again.address, streamChunkSize: 512, streamRetryLimitMs: 200 }).checkList(list(), question)) {
    const [number, verdict] = kinds[states.length % 5];
    assert.deepEqual([result.number, result.verdict], [number, result.state === "answered" ? verdict : Verdict.UNKNOWN]);
    assert.ok(result.state === "answered" || !result.mayCall);
    if (states.push(result.state) === 5_000) await again.kill();
  }
  const answered = states.indexOf("unavailable");
  assert.ok(answered >= 5_000);
  assert.deepEqual([states.length, ...new Set(states.slice(answered))], [length, "unavailable"]);
});
