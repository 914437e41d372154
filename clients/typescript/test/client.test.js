// The client against a scripted server, and the fake: answers that no service sends, clocks, repeats.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import grpc from "@grpc/grpc-js";
import { LookupClient, LookupService, Purpose, ReasonCode, Status, Verdict } from "lookup-client";
import { allow, deny, fail, FakeLookup, MagicNumbers } from "lookup-client/testing";

const question = { organisation: "acme", purpose: Purpose.COMMERCIAL };
const ALLOW = { verdict: Verdict.ALLOW, reusableFor: { seconds: 60n }, reasons: [{ code: ReasonCode.CONSENT }] };

/** Serves the given handlers of LookupService; returns a client of it. */
async function serve(handlers, options = {}) {
  const server = new grpc.Server();
  const definition = {};
  for (const name of Object.keys(handlers)) {
    const method = LookupService.method[name];
    const isStream = method.methodKind === "bidi_streaming";
    definition[name] = {
      path: `/${LookupService.typeName}/${method.name}`, requestStream: isStream, responseStream: isStream,
      requestDeserialize: (binary) => fromBinary(method.input, binary), responseSerialize: (message) => Buffer.from(toBinary(method.output, create(method.output, message))),
      requestSerialize: () => {}, responseDeserialize: () => {},
    };
  }
  server.addService(definition, handlers);
  const port = await new Promise((resolve, reject) => server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => error ? reject(error) : resolve(bound)));
  const client = new LookupClient({ address: `http://127.0.0.1:${port}`, streamRetryLimitMs: 300, ...options });
  after(() => { client.close(); server.forceShutdown(); });
  return client;
}

/** Accepts a stream, as the service does. */
function take(call) {
  const metadata = new grpc.Metadata();
  metadata.set("lookup-taken", "true");
  call.sendMetadata(metadata);
  return call;
}

const answering = (decision, number) => serve({ check: (call, reply) => reply(null, { decision, number: number ?? call.request.number }) });

test("Only an ALLOW of now for the number that was asked permits a call", async () => {
  const cases = [
    ["permitted", ALLOW, undefined, true],
    ["hypothetical", { ...ALLOW, hypothetical: true }, undefined, false],
    ["without reusable_for", { ...ALLOW, reusableFor: undefined }, undefined, false],
    ["negative", { ...ALLOW, reusableFor: { seconds: -1n } }, undefined, false],
    ["invalid duration", { ...ALLOW, reusableFor: { seconds: 5n, nanos: -1 } }, undefined, false],
    ["no verdict", { ...ALLOW, verdict: Verdict.UNSPECIFIED }, undefined, false],
    ["verdict of a newer version", { ...ALLOW, verdict: 7 }, undefined, false],
    ["denied", { ...ALLOW, verdict: Verdict.DENY }, undefined, false],
    ["no decision", undefined, undefined, false],
    ["another number", ALLOW, "+31612345679", false],
  ];
  for (const [name, decision, number, permits] of cases) {
    const result = await (await answering(decision, number)).check("+31612345678", question);
    assert.equal(result.mayCall, permits, name);
    assert.equal({ ...result }.mayCall ?? false, false, "A copy permits nothing.");
    assert.equal(result.verdict === Verdict.ALLOW && result.state === "answered", permits || name.includes("hypo") || name.includes("reus") || name.includes("nega") || name.includes("duration"), name);
  }
});

test("An ALLOW ends with its time on either clock, counted from before the request", async () => {
  let monotonic = 1000, wall = 5_000_000;
  const lookup = await serve(
    { check: (call, reply) => { monotonic += 100; reply(null, { decision: { ...ALLOW, reusableFor: { nanos: 500_000_000 } }, number: call.request.number }); } },
    { clock: { monotonic: () => monotonic, wall: () => wall } });
  const result = await lookup.check("+31612345678", question);
  assert.equal(result.mayCall, true);
  monotonic += 399;
  assert.equal(result.mayCall, true);
  wall -= 1_000_000;
  assert.equal(result.mayCall, true);
  monotonic += 1;
  assert.equal(result.mayCall, false);
  assert.match(String(result), /permits no call: expired/);
  monotonic -= 400;
  wall += 1_000_500;
  assert.equal(result.mayCall, false);
});

test("A check is sent a second time only if the connection broke, and never with a reservation", async () => {
  const asked = [];
  const lookup = await serve({
    check: (call, reply) => {
      asked.push(call.request);
      const isFirst = asked.length % 2 === 1;
      reply(isFirst ? { code: call.request.allReasons ? Status.INTERNAL : Status.UNAVAILABLE } : null, { decision: ALLOW, number: call.request.number });
    },
  });
  assert.equal((await lookup.check("+31612345678", question)).mayCall, true);
  assert.equal(asked.length, 2);
  asked.length = 0;
  assert.equal((await lookup.check("+31612345678", question, { reserveSeconds: 60 })).state, "unavailable");
  assert.equal(asked.length, 1);
  asked.length = 0;
  assert.equal((await lookup.check("+31612345678", question, { allReasons: true })).state, "broken");
  assert.equal(asked.length, 1);
});

test("A service that never answers: the check ends at its time limit", async () => {
  const lookup = await serve({ check: () => {} }, { timeoutMs: 100 });
  const result = await lookup.check("+31612345678", question);
  assert.deepEqual([result.state, result.mayCall, result.retryAfterMs], ["timed-out", false, 1000]);
});

test("Answers of a list that do not fit its chunks are not used", async () => {
  const numbers = ["+31612345678", "+31612345679"];
  const fitting = { verdicts: [1, 1], reasons: [2, 2], common: ALLOW };
  const cases = [
    ["fits", {}, true], ["another chunk", { sequence: 7n }, false], ["too few verdicts", { verdicts: [1] }, false], ["too many reasons", { reasons: [2, 2, 2] }, false],
  ];
  for (const [name, change, permits] of cases) {
    const lookup = await serve({
      checkStream: (call) => take(call).on("data", ({ message }) => { if (message.case === "chunk") call.write({ sequence: message.value.sequence, ...fitting, ...change }); }).on("end", () => call.end()),
    });
    const results = [];
    for await (const result of lookup.checkList(numbers, question)) results.push(result);
    assert.deepEqual(results.map((r) => [r.number, r.mayCall, r.state]), numbers.map((number) => [number, permits, permits ? "answered" : "broken"]), name);
  }
  // An answer before the question.
  const eager = await serve({ checkStream: (call) => call.on("data", ({ message }) => { if (message.case === "open") call.write({ sequence: 1n, ...fitting }); }) });
  for await (const result of eager.checkList(numbers, question)) assert.deepEqual([result.mayCall, result.state], [false, "broken"]);
});

test("A list that gets no answer fails at its time limit", async () => {
  const silent = await serve({ checkStream: (call) => take(call).on("data", () => {}) }, { streamAnswerTimeoutMs: 50 });
  for await (const result of silent.checkList(["+31612345678"], question)) assert.deepEqual([result.state, result.mayCall], ["timed-out", false]);
});

test("A misspelt field of a question permits nothing", async () => {
  const client = await serve({ check: (call, callback) => callback(null, {}) });
  for (const wrong of [{ ...question, automatd: true }, { ...question, requestedAt: { secnds: 1n } }]) {
    const result = await client.check("+31612345678", wrong);
    assert.equal(result.mayCall, false);
    assert.match(result.error.message, /is not a field of lookup\.v1\.Question|is not a field of google/);
    for await (const listed of client.checkList(["+31612345678"], wrong)) assert.equal(listed.mayCall, false);
  }
});

test("Options that are missing or out of range are all named, and a key is not sent in plain text", () => {
  assert.throws(() => new LookupClient({ address: "lookup:7500", timeoutMs: 0, streamChunkSize: 1.5 }), (error) =>
    error instanceof TypeError && ["address", "timeoutMs", "streamChunkSize"].every((name) => error.message.includes(name)));
  assert.throws(() => new LookupClient({ address: "http://lookup.example:7500", apiKey: "k" }), /https/);
  assert.throws(() => new LookupClient({ address: "http://127.0.0.1.example:7500", apiKey: "k" }), /https/);
  assert.throws(() => new LookupClient({ address: "http://127.0.0.1:7500", ca: "pem" }), /ca and clientCertificate/);
  assert.throws(() => new LookupClient({ address: "http://127.0.0.1:7500", apiKey: "two words" }), (error) => !error.message.includes("two words"));
});

test("The key of each call is that of the moment", async () => {
  const shown = [];
  let turn = 0;
  const lookup = await serve({ check: (call, reply) => { shown.push(...call.metadata.get("authorization")); reply(null, { decision: ALLOW, number: call.request.number }); } },
    { apiKey: async () => { if (++turn > 2) throw new Error("no token"); return `t${turn}`; } });
  assert.equal((await lookup.check("+31612345678", question)).mayCall, true);
  assert.equal((await lookup.check("+31612345678", question)).mayCall, true);
  assert.deepEqual((await lookup.check("+31612345678", question)).state, "broken");
  assert.deepEqual(shown, ["Bearer t1", "Bearer t2"]);
});

test("The fake: the last line of the script answers first, and a recorded objection before it", async () => {
  const fake = new FakeLookup().on("+31 6 1234 5678", deny(ReasonCode.OUTSIDE_HOURS)).on((number) => number.startsWith("+32"), fail(Status.UNAVAILABLE, 5000)).on("+31612345678", allow());
  assert.equal((await fake.check("+31612345678", question)).mayCall, true);
  assert.equal((await fake.check("+32412345678", question)).retryAfterMs, 5000);
  assert.equal((await fake.check("+33612345678", question)).verdict, Verdict.NOT_COVERED);
  assert.equal((await fake.otherwise(allow()).check("+33612345678", question)).mayCall, true);
  await fake.recordFacts([{ number: "+31612345678", kind: { case: "objection", value: { organisation: "*" } } }]);
  assert.equal((await fake.check("+31612345678", question)).reason, ReasonCode.OBJECTION);
  assert.deepEqual([fake.asked.length, fake.recorded.length], [5, 1]);
});

test("The fake's watch tells what is recorded, from a token too", async () => {
  const fake = new FakeLookup();
  const watch = fake.watch(["acme"]);
  const start = (await watch.next()).value;
  await fake.recordFacts(["bolt", "acme"].map((organisation, i) => ({ number: `+3161234567${i}`, kind: { case: "objection", value: { organisation } } })));
  assert.equal((await watch.next()).value.change.number, "+31612345671");
  const again = fake.watch([], { resumeToken: start.resumeToken });
  assert.equal((await again.next()).value.freshnessMs, undefined);
  assert.equal((await again.next()).value.change.number, "+31612345670");
  await Promise.all([watch.return(), again.return()]);
});
