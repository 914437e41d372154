import { ReasonCode, Verdict, type Decision } from "./gen/lookup/v1/decision_pb.js";
import type { CheckResponse, Reservation } from "./gen/lookup/v1/lookup_service_pb.js";
import { ageMs, LookupError, pauseMs, Status, type FieldError } from "./errors.js";

/** Milliseconds of two clocks: one that only runs forward, and the wall clock. Replace it only in tests. */
export interface Clock {
  monotonic(): number;
  wall(): number;
}

export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };

/** A moment on both clocks of this machine. */
export interface Moment {
  readonly clock: Clock;
  readonly monotonic: number;
  readonly wall: number;
}

export const now = (clock: Clock): Moment => ({ clock, monotonic: clock.monotonic(), wall: clock.wall() });

/**
 * Whether a check was answered, and if not, why: "unavailable" (not reached), "timed-out", "overloaded", "refused" (the request is
 * wrong or not permitted), "broken" (an invalid answer or an internal error).
 */
export type CheckState = "answered" | "unavailable" | "timed-out" | "overloaded" | "refused" | "broken";

const USUAL_PAUSE_MS = 1000;

/** The result of a check. Only {@link mayCall} permits a call; it is false after any failure, and in a copy of the result. */
export class CheckResult {
  readonly #decided: Verdict;
  readonly #sent: Moment | undefined;
  readonly #reusableMs: number;

  private constructor(
    /** The decided number in E.164; the input if there is no answer. */
    readonly number: string,
    /** Whether there is an answer, and if not, why. */
    readonly state: CheckState,
    verdict: Verdict,
    /** The most binding reason; UNSPECIFIED if there is no answer. */
    readonly reason: ReasonCode,
    /** The decision; undefined if there is none. In a list, only the part that a chunk shares. */
    readonly decision: Decision | undefined,
    sent: Moment | undefined,
    /** The error of the failed call; undefined if the service answered. */
    readonly error: LookupError | undefined,
    /** Id of the receipt of this answer, to store with the call; undefined if the service wrote none. */
    readonly receiptId: string | undefined,
    /** The reserved call; undefined if none was reserved. */
    readonly reservation: Reservation | undefined,
  ) {
    this.#decided = verdict;
    this.#sent = sent;
    // Without reusable_for an answer permits nothing. A hypothetical answer has none; not to trust that costs nothing.
    this.#reusableMs = decision === undefined || decision.hypothetical ? 0 : ageMs(decision.reusableFor) ?? 0;
  }

  /**
   * Whether the number may be called now: the verdict is ALLOW, it is not hypothetical, and it has not expired. It becomes false
   * when the answer expires, so read it just before dialling.
   */
  get mayCall(): boolean {
    const sent = this.#sent;
    // Neither clock may show the end: the monotonic clock stops while the machine sleeps, and the wall clock can be set back.
    return this.state === "answered" && this.#decided === Verdict.ALLOW && sent !== undefined
      && sent.clock.monotonic() - sent.monotonic < this.#reusableMs && sent.clock.wall() - sent.wall < this.#reusableMs;
  }

  /** The verdict; UNKNOWN if there is no answer, or if this version does not know the verdict. ALLOW alone permits no call. */
  get verdict(): Verdict {
    const verdict = this.#decided;
    return verdict === Verdict.ALLOW || verdict === Verdict.DENY || verdict === Verdict.NOT_COVERED ? verdict : Verdict.UNKNOWN;
  }

  /** Milliseconds to wait before a retry, 0 to 1 hour; undefined if a retry does not help. */
  get retryAfterMs(): number | undefined {
    if (this.state === "answered") {
      return this.verdict === Verdict.UNKNOWN
        ? pauseMs(this.decision?.retryAfter) ?? (this.reason === ReasonCode.STORE_UNAVAILABLE ? USUAL_PAUSE_MS : undefined)
        : undefined;
    }
    return this.error?.isTransient === true ? this.error.retryAfterMs ?? USUAL_PAUSE_MS : undefined;
  }

  /** The invalid fields of the request; empty unless {@link state} is "refused". */
  get fields(): readonly FieldError[] {
    return this.error?.fields ?? [];
  }

  /** The reason in words. */
  get message(): string {
    return this.error?.message ?? this.decision?.reasons[0]?.text ?? reasonName(this.reason);
  }

  /** Number, verdict and reason on one line; for an ALLOW that permits no call also the cause. */
  toString(): string {
    const verdict = Verdict[this.verdict];
    if (this.state !== "answered") {
      return `${this.number} ${verdict} ${this.state}: ${this.message}`;
    }
    const why = this.verdict !== Verdict.ALLOW || this.mayCall ? ""
      : ` (permits no call: ${this.decision?.hypothetical === true ? "what-if answer" : "expired"})`;
    return `${this.number} ${verdict} ${reasonName(this.reason)}${why}`;
  }

  /** Creates the result of a single check. @internal */
  static answered(number: string, response: CheckResponse, sent: Moment, address: string): CheckResult {
    const decision = response.decision;
    if (decision === undefined || isE164(number) && response.number !== number) {
      return CheckResult.failed(number, new LookupError(Status.INTERNAL, `The service at ${address} did not answer for ${number}.`));
    }
    return new CheckResult(response.number, "answered", decision.verdict, decision.reasons[0]?.code ?? ReasonCode.UNSPECIFIED, decision, sent,
      undefined, response.receipt?.id, response.reservation);
  }

  /** Creates the result of a number in a list. @internal */
  static inList(number: string, verdict: Verdict, reason: ReasonCode, common: Decision | undefined, sent: Moment): CheckResult {
    return new CheckResult(number, "answered", verdict, reason, common, sent, undefined, undefined, undefined);
  }

  /** Creates the result of a failed call. @internal */
  static failed(number: string, error: LookupError): CheckResult {
    return new CheckResult(number, stateOf(error.status), Verdict.UNKNOWN, ReasonCode.UNSPECIFIED, undefined, undefined, error, undefined, undefined);
  }
}

/** Whether a text is a plus and 7 to 15 digits, the first not 0. The service checks whether the number is valid in its country. */
export const isE164 = (text: string): boolean => /^\+[1-9][0-9]{6,14}$/.test(text);

const reasonName = (reason: ReasonCode): string => ReasonCode[reason] ?? String(reason);

function stateOf(status: Status): CheckState {
  switch (status) {
    case Status.UNAVAILABLE: return "unavailable";
    case Status.DEADLINE_EXCEEDED: return "timed-out";
    case Status.RESOURCE_EXHAUSTED: return "overloaded";
    case Status.INVALID_ARGUMENT: case Status.NOT_FOUND: case Status.PERMISSION_DENIED: case Status.UNAUTHENTICATED:
    case Status.FAILED_PRECONDITION: case Status.OUT_OF_RANGE: case Status.ALREADY_EXISTS: case Status.UNIMPLEMENTED:
      return "refused";
    default: return "broken";
  }
}
