import { create } from "@bufbuild/protobuf";
import { timestampFromMs, type Duration } from "@bufbuild/protobuf/wkt";
import type { CheckOptions, Fact, ListOptions, Lookup, Outcome, Question, WatchOptions } from "./client.js";
import { ChangesLostError, LookupError, Status } from "./errors.js";
import { DecisionSchema, ReasonCode, Verdict, type Decision } from "./gen/lookup/v1/decision_pb.js";
import {
  CallOutcome, FactResult_Outcome, RecordFactsResponseSchema, RecordOutcomeResponseSchema, type RecordFactsResponse, type RecordOutcomeResponse,
} from "./gen/lookup/v1/fact_service_pb.js";
import { FactSchema } from "./gen/lookup/v1/fact_pb.js";
import { CheckResponseSchema } from "./gen/lookup/v1/lookup_service_pb.js";
import { ChangeSchema, type Change } from "./gen/lookup/v1/watch_service_pb.js";
import { Wakeup } from "./pause.js";
import { CheckResult, isE164, now, systemClock, type Clock } from "./result.js";
import { delay, type WatchEvent } from "./watch.js";

const MARK = "FAKE";
const PREFIX = "+447700900";
const HEARTBEAT_MS = 1000;

/** A scripted answer: a verdict or a failure, with an optional delay. Times are in milliseconds. */
export interface FakeAnswer {
  /** The verdict; may be one that no version knows, to test how a dialer handles it. */
  readonly verdict: Verdict;
  readonly reason: ReasonCode;
  /** Status with which the call fails; absent: it is answered. */
  readonly failure?: Status;
  /** Retry pause that the failure or UNKNOWN advises. */
  readonly retryAfterMs?: number;
  /** Delay of the answer; default: none. */
  readonly delayMs?: number;
  /** Time for which an ALLOW may be reused; 0: it is expired when it arrives. Default: 500. */
  readonly reusableForMs?: number;
  /** Whether the answer is a what-if answer, which permits no call. */
  readonly hypothetical?: boolean;
}

export const allow = (reason = ReasonCode.NOTHING_FORBIDS): FakeAnswer => ({ verdict: Verdict.ALLOW, reason });
export const deny = (reason = ReasonCode.OBJECTION): FakeAnswer => ({ verdict: Verdict.DENY, reason });
export const notCovered = (reason = ReasonCode.NO_REGIME): FakeAnswer => ({ verdict: Verdict.NOT_COVERED, reason });
export const unknown = (reason = ReasonCode.STORE_UNAVAILABLE): FakeAnswer => ({ verdict: Verdict.UNKNOWN, reason, retryAfterMs: 1000 });
export const fail = (failure = Status.UNAVAILABLE, retryAfterMs?: number): FakeAnswer =>
  ({ verdict: Verdict.UNKNOWN, reason: ReasonCode.UNSPECIFIED, failure, ...retryAfterMs === undefined ? {} : { retryAfterMs } });

/** Numbers with fixed answers of FakeLookup and `lookup serve --fake`. The last three digits select the answer. */
export const MagicNumbers = {
  allow: `${PREFIX}001`,
  allowByConsent: `${PREFIX}002`,
  denyByObjection: `${PREFIX}021`,
  denyByRegister: `${PREFIX}023`,
  denyWithoutConsent: `${PREFIX}025`,
  denyOutsideHours: `${PREFIX}037`,
  notCovered: `${PREFIX}060`,
  unknown: `${PREFIX}080`,
  /** ALLOW, after 3 seconds. */
  slow: `${PREFIX}530`,
  hypothetical: `${PREFIX}700`,
  expired: `${PREFIX}701`,
  unheardOf: `${PREFIX}702`,
  refused: `${PREFIX}903`,
  timesOut: `${PREFIX}904`,
  overloaded: `${PREFIX}908`,
  broken: `${PREFIX}913`,
  unavailable: `${PREFIX}914`,

  /** Returns the answer for a number; undefined if it is not a magic number. */
  answer(number: string): FakeAnswer | undefined {
    const code = number.startsWith(PREFIX) && /^[0-9]{3}$/.test(number.slice(PREFIX.length)) ? Number(number.slice(PREFIX.length)) : 0;
    return code >= 500 && code <= 599 ? { ...allow(), delayMs: 100 * (code - 500) }
      : code === 700 ? { ...allow(), hypothetical: true }
      : code === 701 ? { ...allow(), reusableForMs: 0 }
      : code === 702 ? { ...allow(), verdict: 99 as Verdict }
      : code > 900 && code - 900 in Status ? fail(code - 900, code - 900 === Status.RESOURCE_EXHAUSTED ? 2000 : undefined)
      : code > 0 && code in ReasonCode ? answerFor(code)
      : undefined;
  },

  /** Lists every magic number, ascending; of the delays only the first. */
  all(): string[] {
    return Array.from({ length: 1000 }, (_, code) => PREFIX + String(code).padStart(3, "0"))
      .filter((number, code) => (code <= 500 || code > 599) && MagicNumbers.answer(number) !== undefined);
  },
};

/**
 * Replaces LookupClient in tests: answers by script, without a service or network.
 *
 * The first match answers: an objection or refusal that was recorded with it (DENY); the script, last line first; the magic numbers;
 * `otherwise`, NOT_COVERED by default, so that no real number is allowed by mistake.
 */
export class FakeLookup implements Lookup {
  /** A resume token that is always too old: a watch from it rejects with a ChangesLostError. */
  static readonly oldToken = `${MARK}-old`;

  readonly #clock: Clock;
  readonly #script: { matches: (number: string, question: Question) => boolean; answer: FakeAnswer }[] = [];
  readonly #forbidden: { number: string; organisation: string; reason: ReasonCode }[] = [];
  readonly #changes: { change: Change; organisation: string }[] = [];
  readonly #watchers = new Set<Wakeup>();
  #otherwise = notCovered();

  /** The checks, in order. */
  readonly asked: { number: string; question: Question; options: CheckOptions }[] = [];
  /** The recorded facts, in order. */
  readonly recorded: Fact[] = [];
  /** The recorded outcomes, in order. */
  readonly outcomes: Outcome[] = [];

  constructor(options: { readonly clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  /** Sets the answer for a number, or for every number (without spaces) and question that a function accepts. */
  on(number: string | ((number: string, question: Question) => boolean), answer: FakeAnswer): this {
    this.#script.push({ matches: typeof number === "string" ? (asked) => asked === plain(number) : number, answer });
    return this;
  }

  /** Sets the answer for every other number. */
  otherwise(answer: FakeAnswer): this {
    this.#otherwise = answer;
    return this;
  }

  async check(number: string, question: Question, options: CheckOptions = {}): Promise<CheckResult> {
    options.signal?.throwIfAborted();
    this.asked.push({ number, question, options });
    const sent = now(this.#clock);
    const decided = plain(number);
    const answer = this.#answer(decided, question);
    if (answer?.delayMs !== undefined) {
      await delay(answer.delayMs, options.signal);
    }
    if (answer === undefined) {
      const field = { field: "number", description: "Fake: expected E.164." };
      return CheckResult.failed(number, new LookupError(Status.INVALID_ARGUMENT, "number: Fake: expected E.164, such as +447700900001.", [field]));
    }
    return answer.failure !== undefined
      ? CheckResult.failed(number, new LookupError(answer.failure, `Fake: the script answers ${Status[answer.failure]}.`, [], answer.retryAfterMs))
      : CheckResult.answered(number, create(CheckResponseSchema, { number: decided, decision: this.#decision(answer, options) }), sent, "fake");
  }

  async *checkList(numbers: Iterable<string> | AsyncIterable<string>, question: Question, options: ListOptions = {}): AsyncGenerator<CheckResult, void, undefined> {
    for await (const number of numbers) {
      const result = await this.check(number, question, options);
      // In a list, an invalid number is an item like others.
      yield result.fields[0]?.field === "number" ? CheckResult.inList(number, Verdict.UNKNOWN, ReasonCode.INVALID_NUMBER, undefined, now(this.#clock)) : result;
    }
  }

  async recordFacts(facts: readonly Fact[]): Promise<RecordFactsResponse> {
    for (const fact of facts) {
      this.recorded.push(fact);
      const { kind, withdrawn } = create(FactSchema, fact);
      const organisation = kind.value !== undefined && "organisation" in kind.value ? kind.value.organisation : "*";
      const number = plain(fact.number ?? "");
      if (!withdrawn && (kind.case === "objection" || kind.case === "refusal")) {
        this.#forbidden.push({ number, organisation, reason: kind.case === "objection" ? ReasonCode.OBJECTION : ReasonCode.REFUSAL });
      }
      this.#changes.push({ change: create(ChangeSchema, { number, fact: { fact: { ...fact, number: "" }, current: true } }), organisation });
    }
    this.#watchers.forEach((watcher) => watcher.set());
    return create(RecordFactsResponseSchema, { results: facts.map(() => ({ outcome: FactResult_Outcome.RECORDED })) });
  }

  async recordOutcome(outcome: Outcome): Promise<RecordOutcomeResponse> {
    this.outcomes.push(outcome);
    const { number = "", organisation = "" } = outcome;
    if (outcome.outcome === CallOutcome.OBJECTION || outcome.outcome === CallOutcome.REFUSED) {
      const reason = outcome.outcome === CallOutcome.OBJECTION ? ReasonCode.OBJECTION : ReasonCode.REFUSAL;
      this.#forbidden.push({ number: plain(number), organisation, reason });
    }
    return create(RecordOutcomeResponseSchema);
  }

  /** Streams the facts recorded with it, and a heartbeat every second. */
  async *watch(organisations: readonly string[] = [], options: WatchOptions = {}): AsyncGenerator<WatchEvent, never, undefined> {
    const { resumeToken = "", signal } = options;
    const token = (at: number) => `${MARK}-${at}`;
    let at = resumeToken === "" ? this.#changes.length : Number(/^FAKE-([0-9]+)$/.exec(resumeToken)?.[1] ?? NaN);
    if (!(at <= this.#changes.length)) {
      throw new ChangesLostError(
        new LookupError(Status.FAILED_PRECONDITION, "Fake: changes since the token are lost; scrub again, then watch without a token."),
        resumeToken === FakeLookup.oldToken ? "RESUME_TOKEN_TOO_OLD" : "RESUME_TOKEN_OF_ANOTHER_STORE");
    }
    const wakeup = new Wakeup();
    const wake = () => wakeup.set();
    signal?.addEventListener("abort", wake, { once: true });
    this.#watchers.add(wakeup);
    try {
      for (;;) {
        yield at === this.#changes.length ? { freshnessMs: 0, resumeToken: token(at) } : { resumeToken: token(at) };
        const beat = performance.now();
        while (performance.now() - beat < HEARTBEAT_MS) {
          signal?.throwIfAborted();
          const next = this.#changes[at];
          if (next === undefined) {
            await wakeup.wait(HEARTBEAT_MS - (performance.now() - beat));
            continue;
          }
          at++;
          if (organisations.length === 0 || next.organisation === "*" || organisations.includes(next.organisation)) {
            yield { change: next.change, resumeToken: token(at) };
          }
        }
      }
    } finally {
      this.#watchers.delete(wakeup);
      signal?.removeEventListener("abort", wake);
    }
  }

  #answer(number: string, question: Question): FakeAnswer | undefined {
    const forbidden = this.#forbidden.find((f) => f.number === number && (f.organisation === "*" || f.organisation === question.organisation));
    return forbidden !== undefined ? deny(forbidden.reason)
      : this.#script.findLast((line) => line.matches(number, question))?.answer ?? MagicNumbers.answer(number) ?? (isE164(number) ? this.#otherwise : undefined);
  }

  #decision(answer: FakeAnswer, options: CheckOptions): Decision {
    const hypothetical = answer.hypothetical === true || options.whatIf !== undefined;
    const reusableForMs = answer.reusableForMs ?? 500;
    return create(DecisionSchema, {
      verdict: answer.verdict,
      regime: MARK,
      regimeVersion: MARK,
      callTime: options.whatIf?.callTime ?? timestampFromMs(this.#clock.wall()),
      age: duration(0),
      hypothetical,
      reasons: [{ code: answer.reason, text: `${MARK}: a scripted answer for tests, ${ReasonCode[answer.reason]}.` }],
      ...answer.verdict === Verdict.ALLOW && !hypothetical && reusableForMs > 0 ? { reusableFor: duration(reusableForMs) } : {},
      ...answer.retryAfterMs === undefined ? {} : { retryAfter: duration(answer.retryAfterMs) },
    });
  }
}

// The numbers of the contract: ALLOW below 20, DENY below 60, NOT_COVERED below 80, then UNKNOWN.
const answerFor = (reason: ReasonCode): FakeAnswer =>
  reason < 20 ? allow(reason) : reason < 60 ? deny(reason) : reason < 80 ? notCovered(reason) : unknown(reason);

const duration = (ms: number): Pick<Duration, "seconds" | "nanos"> => ({ seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round(ms % 1000 * 1e6) });

const plain = (number: string): string => number.replaceAll(/[ .()-]/g, "");
