import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { toLookupError } from "./errors.js";
import type { FactSchema } from "./gen/lookup/v1/fact_pb.js";
import { FactService, type RecordFactsResponse, type RecordOutcomeRequestSchema, type RecordOutcomeResponse } from "./gen/lookup/v1/fact_service_pb.js";
import { LookupService } from "./gen/lookup/v1/lookup_service_pb.js";
import type { ConsistencySchema, QuestionSchema, WhatIfSchema } from "./gen/lookup/v1/question_pb.js";
import { checkList } from "./list.js";
import { settingsFrom, type LookupClientOptions } from "./options.js";
import { CheckResult } from "./result.js";
import { Transport } from "./transport.js";
import { watch, type WatchEvent } from "./watch.js";

/** Organisation, purpose and kind of a call. */
export type Question = MessageInitShape<typeof QuestionSchema>;
/** A record about a number. */
export type Fact = MessageInitShape<typeof FactSchema>;
/** A call that was placed, and its outcome. */
export type Outcome = MessageInitShape<typeof RecordOutcomeRequestSchema>;

/** Options of a list. */
export interface ListOptions {
  /** ISO 3166 region, for example "NL", for numbers that are not in E.164. */
  readonly defaultRegion?: string;
  /** Required freshness of the answer; default: the service's bound. */
  readonly consistency?: MessageInitShape<typeof ConsistencySchema>;
  /** A different call time or different rules. The answer is hypothetical and never permits a call. */
  readonly whatIf?: MessageInitShape<typeof WhatIfSchema>;
  /** Cancels the call, which then rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
}

/** Options of a check. */
export interface CheckOptions extends ListOptions {
  /** Whether to return all reasons instead of the most binding one. */
  readonly allReasons?: boolean;
  /**
   * If the call is permitted, also counts it as an attempt, reserved for this many seconds: 1 to 3,600. Confirm the call with
   * recordOutcome and the reservation of the result. Such a check is never sent twice.
   */
  readonly reserveSeconds?: number;
}

/** Options of a watch. */
export interface WatchOptions {
  /** Token of an event of an earlier watch, to resume after it; default: start now. */
  readonly resumeToken?: string;
  readonly signal?: AbortSignal;
}

/** The calls that a dialer makes. LookupClient calls the service; FakeLookup answers by script, for tests. */
export interface Lookup {
  /**
   * Decides whether a number may be called. Check just before dialling, and call only if `mayCall`. Always resolves to a result: a
   * failure of the service is a result that permits no call.
   */
  check(number: string, question: Question, options?: CheckOptions): Promise<CheckResult>;

  /**
   * Decides a list of any length; yields one result for each number, in order. Numbers are pulled as the results are consumed, and a
   * broken connection is re-established. If the service stays unreachable or rejects the list, every remaining number gets a result
   * with this failure. Results expire while you process the list: check each number again before dialling.
   */
  checkList(numbers: Iterable<string> | AsyncIterable<string>, question: Question, options?: ListOptions): AsyncGenerator<CheckResult, void, undefined>;

  /** Records up to 1,000 facts, for example an objection. Safe to repeat. Rejects with a LookupError; the facts may be recorded then. */
  recordFacts(facts: readonly Fact[]): Promise<RecordFactsResponse>;

  /** Records the outcome of a call. Repeating it with the same `called` counts once. Rejects with a LookupError. */
  recordOutcome(outcome: Outcome): Promise<RecordOutcomeResponse>;

  /**
   * Streams changes of facts: each change at least once, in order per number. A broken connection is retried without limit and
   * resumes where it broke; an event reports it. Rejects with a ChangesLostError if it cannot resume: scrub the active lists again,
   * then watch without a token.
   */
  watch(organisations?: readonly string[], options?: WatchOptions): AsyncGenerator<WatchEvent, never, undefined>;
}

/** A client of the service. Use one for the lifetime of the process. */
export class LookupClient implements Lookup {
  readonly #transport: Transport;

  /** Creates a client, which connects with its first call. Throws a TypeError that names every invalid option. */
  constructor(options: LookupClientOptions) {
    this.#transport = new Transport(settingsFrom(options));
  }

  async check(number: string, question: Question, options: CheckOptions = {}): Promise<CheckResult> {
    const { signal, reserveSeconds, ...asked } = options;
    const { address } = this.#transport.settings;
    try {
      const request = {
        ...asked, number, question,
        ...reserveSeconds === undefined ? {} : { reserve: { duration: { seconds: BigInt(reserveSeconds) } } },
      };
      // A reservation writes: a repeated check would count the call twice.
      const { response, sent } = await this.#transport.unary(LookupService.method.check, request, { repeatable: reserveSeconds === undefined, signal });
      return CheckResult.answered(number, response, sent, address);
    } catch (error) {
      signal?.throwIfAborted();
      return CheckResult.failed(number, toLookupError(error, address));
    }
  }

  checkList(numbers: Iterable<string> | AsyncIterable<string>, question: Question, options: ListOptions = {}): AsyncGenerator<CheckResult, void, undefined> {
    const { signal, ...open } = options;
    return checkList(this.#transport, numbers, { ...open, question }, signal);
  }

  async recordFacts(facts: readonly Fact[]): Promise<RecordFactsResponse> {
    return this.#record(FactService.method.recordFacts, { facts: [...facts] });
  }

  async recordOutcome(outcome: Outcome): Promise<RecordOutcomeResponse> {
    return this.#record(FactService.method.recordOutcome, outcome);
  }

  watch(organisations: readonly string[] = [], options: WatchOptions = {}): AsyncGenerator<WatchEvent, never, undefined> {
    return watch(this.#transport, organisations, options.resumeToken ?? "", options.signal);
  }

  /**
   * Sends any other unary call of the contract once, for example `LookupService.method.explain`. Rejects with a LookupError.
   */
  async call<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>, request: MessageInitShape<I>, signal?: AbortSignal): Promise<MessageShape<O>> {
    return (await this.#transport.unary(method, request, { repeatable: false, signal })).response;
  }

  /** Closes the connections. */
  close(): void {
    this.#transport.close();
  }

  // Facts and outcomes that are sent twice leave the same state.
  async #record<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>, request: MessageInitShape<I>): Promise<MessageShape<O>> {
    return (await this.#transport.unary(method, request, { repeatable: true, signal: undefined })).response;
  }
}
