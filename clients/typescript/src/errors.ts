import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack, type Duration } from "@bufbuild/protobuf/wkt";
import { status as Status, type Metadata } from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";

export { Status };

/** An invalid field of a request, and why it is invalid. */
export interface FieldError {
  readonly field: string;
  readonly description: string;
}

const LONGEST_PAUSE_MS = 3_600_000;

/** The service rejected a request, or could not be reached. Do not call the number after this error. */
export class LookupError extends Error {
  override name = "LookupError";

  constructor(
    /** Status of the call. */
    readonly status: Status,
    message: string,
    /** The invalid fields of the request; empty unless the status is INVALID_ARGUMENT. */
    readonly fields: readonly FieldError[] = [],
    /** Pause that the service requests before a retry, in milliseconds, 0 to 1 hour; undefined: none. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether a retry may succeed. */
  get isTransient(): boolean {
    return this.status === Status.UNAVAILABLE || this.status === Status.DEADLINE_EXCEEDED || this.status === Status.RESOURCE_EXHAUSTED;
  }
}

/**
 * A watch cannot resume from its token: later changes are no longer stored, or the token is of another store. Scrub the active
 * lists again, then watch without a token.
 */
export class ChangesLostError extends LookupError {
  override name = "ChangesLostError";

  constructor(
    failure: LookupError,
    /** RESUME_TOKEN_TOO_OLD, RESUME_TOKEN_AHEAD, RESUME_TOKEN_OF_ANOTHER_STORE or CHANGES_LOST; empty if the service gives no reason. */
    readonly reason: string,
  ) {
    super(failure.status, failure.message, failure.fields, failure.retryAfterMs, { cause: failure.cause });
  }
}

/** Converts the error of a call. */
export function toLookupError(error: unknown, address: string): LookupError {
  if (error instanceof LookupError) {
    return error;
  }
  const { code, details, metadata } = error as { code?: unknown; details?: unknown; metadata?: Metadata };
  if (typeof code !== "number" || !(code in Status) || code === Status.OK) {
    return new LookupError(Status.INTERNAL, error instanceof Error ? error.message : String(error), [], undefined, { cause: error });
  }
  const text = code === Status.DEADLINE_EXCEEDED ? `The service at ${address} did not answer in time.`
    : typeof details === "string" && details.length > 0 ? details
    : `The service at ${address} returned ${Status[code]}.`;
  const fields = detailOf(metadata, BadRequestSchema)?.fieldViolations.map(({ field, description }) => ({ field, description })) ?? [];
  const failure = new LookupError(code, text, fields, pauseMs(detailOf(metadata, RetryInfoSchema)?.retryDelay), { cause: error });
  return failure;
}

/** Converts the error of a watch. */
export function toWatchError(error: unknown, address: string): LookupError {
  const failure = toLookupError(error, address);
  return failure.status === Status.FAILED_PRECONDITION
    ? new ChangesLostError(failure, detailOf((error as { metadata?: Metadata }).metadata, ErrorInfoSchema)?.reason ?? "")
    : failure;
}

/** Whether the connection failed before the service answered. */
export const isBrokenConnection = (failure: LookupError): boolean =>
  failure.status === Status.UNAVAILABLE && failure.retryAfterMs === undefined
  // grpc-js reports some connections that the other side reset as INTERNAL.
  || failure.status === Status.INTERNAL && failure.message.startsWith("Received RST_STREAM");

/** Reads a pause of 0 to 1 hour; undefined if it is absent or invalid. */
export function pauseMs(duration: Duration | undefined): number | undefined {
  const pause = ageMs(duration);
  return pause === undefined ? undefined : Math.min(pause, LONGEST_PAUSE_MS);
}

/** Reads an age of 0 or more; undefined if it is absent or invalid. */
export function ageMs(duration: Duration | undefined): number | undefined {
  if (duration === undefined) {
    return undefined;
  }
  const seconds = Number(duration.seconds);
  const isValid = Math.abs(seconds) <= 315_576_000_000 && Math.abs(duration.nanos) <= 999_999_999 && seconds * duration.nanos >= 0;
  return isValid ? Math.max(0, seconds * 1000 + duration.nanos / 1e6) : undefined;
}

function detailOf<T extends DescMessage>(metadata: Metadata | undefined, schema: T): MessageShape<T> | undefined {
  try {
    const binary = metadata?.get("grpc-status-details-bin")[0];
    const details = binary instanceof Uint8Array ? fromBinary(StatusSchema, binary).details : [];
    for (const any of details) {
      const detail = anyUnpack(any, schema);
      if (detail !== undefined) {
        return detail;
      }
    }
  } catch {
    // Details that cannot be read are as good as none: the status alone permits no call.
  }
  return undefined;
}
