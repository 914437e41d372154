import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { isBrokenConnection, LookupError, Status, toLookupError } from "./errors.js";
import {
  CheckStreamRequestSchema, LookupService, type CheckStreamOpenSchema, type CheckStreamRequest, type CheckStreamResponse,
} from "./gen/lookup/v1/lookup_service_pb.js";
import { createStrict } from "./message.js";
import { Pause, Wakeup } from "./pause.js";
import { CheckResult, isE164, now, type Clock, type Moment } from "./result.js";
import type { Transport } from "./transport.js";

// An old or slow service does not send the header in time; then chunks are sent without it.
const ACCEPTED_HEADER = "lookup-taken";
const ACCEPTED_LIMIT_MS = 1000;

// How long to wait for the end of a stream of which every chunk is answered.
const END_LIMIT_MS = 1000;

// Longer than any notation of a number; a longer text is sent as an empty one, which the service answers as invalid.
const LONGEST_TEXT = 64;

interface Chunk {
  readonly sequence: bigint;
  readonly numbers: readonly string[];
  /** The moment before the chunk was first sent, so that a resent chunk expires no later. */
  readonly given: Moment;
  readonly message: CheckStreamRequest;
}

type Stream = ClientDuplexStream<CheckStreamRequest, CheckStreamResponse>;

/**
 * Checks a list of numbers over as many connections as necessary, and yields one result for each number, in order.
 *
 * A chunk is pulled from the source only while fewer than `streamWindow` are unanswered, and kept until its answer has arrived.
 * While the caller does not read, nothing is pulled. A new connection first sends the unanswered chunks again.
 */
export async function* checkList(
  transport: Transport, source: Iterable<string> | AsyncIterable<string>, open: MessageInitShape<typeof CheckStreamOpenSchema>, signal?: AbortSignal,
): AsyncGenerator<CheckResult, void, undefined> {
  const { settings } = transport;
  const chunks = new Chunks(source, settings.streamChunkSize, settings.streamLingerMs, settings.clock);
  const unanswered: Chunk[] = [];
  const wakeup = new Wakeup();
  let pull: Promise<void> | undefined;
  let fault: { readonly error: unknown } | undefined;
  let failingSince: number | undefined;
  const pause = new Pause();
  const onAbort = () => wakeup.set();
  signal?.addEventListener("abort", onAbort, { once: true });

  const fill = () => {
    if (pull === undefined && unanswered.length < settings.streamWindow && !chunks.hasEnded) {
      pull = chunks.next().then(
        (chunk) => { if (chunk !== undefined) { unanswered.push(chunk); } },
        (error: unknown) => { fault = { error }; },
      ).finally(() => { pull = undefined; wakeup.set(); });
    }
  };
  const throwIfStopped = () => {
    signal?.throwIfAborted();
    if (fault !== undefined) {
      throw fault.error;
    }
  };

  try {
    // Connect only if there is a chunk to send: an unreachable service does not matter for an empty list.
    for (;;) {
      fill();
      while (unanswered.length === 0 && pull !== undefined) {
        await wakeup.wait();
        throwIfStopped();
      }
      if (unanswered.length === 0) {
        return;
      }

      let sent = 0;
      let failure: LookupError | undefined;
      const connection = new Connection(transport, wakeup);
      try {
        connection.open(open);
        while (failure === undefined) {
          throwIfStopped();
          fill();
          // An answer that is here before its chunk was sent is none to the chunk.
          if (connection.isAccepted && (sent > 0 || !connection.hasAnswer)) {
            for (; sent < unanswered.length; sent++) {
              connection.send(unanswered[sent]!.message);
            }
          }
          const answer = connection.take();
          if (answer !== undefined) {
            const misfit = misfitOf(answer, sent > 0 ? unanswered[0] : undefined);
            if (misfit !== undefined) {
              failure = new LookupError(Status.INTERNAL, `The service at ${settings.address} ${misfit}. The answers cannot be assigned to numbers and are not used.`);
              break;
            }
            const chunk = unanswered.shift()!;
            sent--;
            failingSince = undefined;
            pause.reset();
            yield* resultsOf(chunk, answer);
          } else if (unanswered.length === 0 && chunks.hasEnded && pull === undefined) {
            await connection.complete();
            return;
          } else if (connection.ended !== undefined) {
            failure = connection.ended;
          } else if (!await wakeup.wait(sent > 0 || !connection.isAccepted ? settings.streamAnswerTimeoutMs : undefined)) {
            failure = new LookupError(Status.DEADLINE_EXCEEDED, `The service at ${settings.address} did not answer within ${settings.streamAnswerTimeoutMs} ms.`);
          }
        }
      } finally {
        connection.cancel();
      }

      if (unanswered.length === 0 && isWorthAnother(failure)) {
        continue;
      }
      const at = performance.now();
      failingSince ??= at;
      const waitMs = Math.max(pause.next(), failure.retryAfterMs ?? 0);
      if (!isWorthAnother(failure) || at - failingSince + waitMs > settings.streamRetryLimitMs) {
        while (unanswered.length > 0 || pull !== undefined) {
          for (const number of unanswered.shift()?.numbers ?? []) {
            yield CheckResult.failed(number, failure);
          }
          if (unanswered.length === 0 && pull !== undefined) {
            await wakeup.wait();
          }
          throwIfStopped();
        }
        for await (const number of chunks.rest()) {
          signal?.throwIfAborted();
          yield CheckResult.failed(number, failure);
        }
        return;
      }
      const end = at + waitMs;
      for (let left = waitMs; left > 0; left = end - performance.now()) {
        throwIfStopped();
        await wakeup.wait(left);
      }
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await chunks.close();
  }
}

function* resultsOf(chunk: Chunk, answer: CheckStreamResponse): Generator<CheckResult, void, undefined> {
  for (let i = 0; i < chunk.numbers.length; i++) {
    const decided = answer.numbers[i];
    const number = decided !== undefined && decided !== 0n ? `+${decided}` : chunk.numbers[i]!;
    yield CheckResult.inList(number, answer.verdicts[i]!, answer.reasons[i]!, answer.common, chunk.given);
  }
}

/** Why an answer cannot be assigned to the oldest unanswered chunk; undefined if it can. */
function misfitOf(answer: CheckStreamResponse, chunk: Chunk | undefined): string | undefined {
  if (chunk === undefined) {
    return `answered chunk ${answer.sequence} before it was sent`;
  }
  if (answer.sequence !== chunk.sequence) {
    return `answered chunk ${answer.sequence} instead of chunk ${chunk.sequence}`;
  }
  const items = chunk.numbers.length;
  const isText = chunk.message.message.case === "chunk" && chunk.message.message.value.texts.length > 0;
  return answer.verdicts.length === items && answer.reasons.length === items && (!isText || answer.numbers.length === items) ? undefined
    : `answered the ${items} numbers of chunk ${chunk.sequence} with ${answer.verdicts.length} verdicts, ${answer.reasons.length} reasons and ${answer.numbers.length} numbers`;
}

/** Whether to retry: repeating a read is harmless, so every network failure is retried. */
const isWorthAnother = (failure: LookupError) => failure.isTransient || failure.status === Status.CANCELLED || isBrokenConnection(failure);

/** One call of CheckStream. The service answers only what was sent, so at most a window of answers waits here. */
class Connection {
  readonly #answers: CheckStreamResponse[] = [];
  #stream: Stream | undefined;
  #isCancelled = false;
  #acceptedTimer: NodeJS.Timeout | undefined;

  /** Whether the service has accepted the stream, so that no chunk is in flight when it rejects one. */
  isAccepted = false;
  /** Why the connection ended; undefined while it is open. */
  ended: LookupError | undefined;

  constructor(private readonly transport: Transport, private readonly wakeup: Wakeup) {}

  open(open: MessageInitShape<typeof CheckStreamOpenSchema>): void {
    const { address } = this.transport.settings;
    this.transport.duplexStream(LookupService.method.checkStream).then((stream) => {
      this.#stream = stream;
      stream.on("metadata", (metadata: Metadata) => { if (metadata.get(ACCEPTED_HEADER).length > 0) { this.#accept(); } });
      stream.on("data", (answer: CheckStreamResponse) => { this.#answers.push(answer); this.wakeup.set(); });
      stream.on("error", (error: unknown) => this.#end(toLookupError(error, address)));
      stream.on("end", () => this.#end(new LookupError(Status.UNAVAILABLE, `The service at ${address} ended the stream before it had answered every chunk.`)));
      if (this.#isCancelled) {
        stream.cancel();
        return;
      }
      stream.write(createStrict(CheckStreamRequestSchema, { message: { case: "open", value: open } }));
      this.#acceptedTimer = setTimeout(() => this.#accept(), ACCEPTED_LIMIT_MS);
    }).catch((error: unknown) => this.#end(toLookupError(error, address)));
  }

  send(message: CheckStreamRequest): void {
    this.#stream?.write(message);
  }

  get hasAnswer(): boolean {
    return this.#answers.length > 0;
  }

  take(): CheckStreamResponse | undefined {
    return this.#answers.shift();
  }

  /** Ends the stream after its last answer. */
  async complete(): Promise<void> {
    this.#stream?.end();
    while (this.ended === undefined && await this.wakeup.wait(END_LIMIT_MS)) {
      // The wakeup may be an earlier one.
    }
  }

  cancel(): void {
    this.#isCancelled = true;
    clearTimeout(this.#acceptedTimer);
    this.#stream?.cancel();
  }

  #accept(): void {
    clearTimeout(this.#acceptedTimer);
    this.isAccepted = true;
    this.wakeup.set();
  }

  #end(failure: LookupError): void {
    if (this.ended === undefined) {
      this.ended = failure;
      this.wakeup.set();
    }
  }
}

/** Packs numbers into chunks: as integers if all of a chunk are in E.164, otherwise as texts. */
class Chunks {
  readonly #source: AsyncIterator<string> | Iterator<string>;
  #collected: string[] = [];
  #pending: Promise<IteratorResult<string>> | undefined;
  #sequence = 0n;

  /** Whether the source has no more numbers. */
  hasEnded = false;

  constructor(source: Iterable<string> | AsyncIterable<string>, private readonly size: number, private readonly lingerMs: number, private readonly clock: Clock) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** Returns the next chunk: a full one, or a partial one if the source is slow or has ended. Undefined: there is none. */
  async next(): Promise<Chunk | undefined> {
    let timer: NodeJS.Timeout | undefined;
    let linger: Promise<undefined> | undefined;
    try {
      while (this.#collected.length < this.size && !this.hasEnded) {
        const next = this.#pending ?? this.#source.next();
        let item: IteratorResult<string> | undefined;
        if (next instanceof Promise) {
          this.#pending = next;
          if (this.#collected.length > 0) {
            linger ??= new Promise((resolve) => { timer = setTimeout(() => resolve(undefined), this.lingerMs); });
          }
          item = await (linger === undefined ? next : Promise.race([next, linger]));
          if (item === undefined) {
            break;
          }
          this.#pending = undefined;
        } else {
          item = next as IteratorResult<string>;
        }
        if (item.done === true) {
          this.hasEnded = true;
        } else {
          this.#collected.push(item.value);
        }
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#collected.length > 0 ? this.#pack() : undefined;
  }

  /** Yields the numbers that no chunk holds. */
  async *rest(): AsyncGenerator<string, void, undefined> {
    yield* this.#collected.splice(0);
    while (!this.hasEnded) {
      const item = await (this.#pending ?? this.#source.next());
      this.#pending = undefined;
      if (item.done === true) {
        this.hasEnded = true;
      } else {
        yield item.value;
      }
    }
  }

  /** Lets the source release what it holds. */
  async close(): Promise<void> {
    if (!this.hasEnded) {
      // A source that waits for its next number may never return: its end is not awaited.
      const closing = Promise.resolve(this.#source.return?.());
      this.#pending?.catch(() => {});
      if (this.#pending === undefined) {
        await closing;
      } else {
        closing.catch(() => {});
      }
    }
  }

  #pack(): Chunk {
    const numbers = this.#collected;
    this.#collected = [];
    const sequence = ++this.#sequence;
    const value = numbers.every(isE164)
      ? { sequence, numbers: numbers.map((number) => BigInt(number.slice(1))) }
      : { sequence, texts: numbers.map((text) => text.length <= LONGEST_TEXT ? text : "") };
    return { sequence, numbers, given: now(this.clock), message: create(CheckStreamRequestSchema, { message: { case: "chunk", value } }) };
  }
}
