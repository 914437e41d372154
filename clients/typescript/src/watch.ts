import { ageMs, isBrokenConnection, LookupError, pauseMs, Status, toWatchError } from "./errors.js";
import { WatchService, type Change, type WatchResponse } from "./gen/lookup/v1/watch_service_pb.js";
import { Pause } from "./pause.js";
import type { Transport } from "./transport.js";

// Heartbeats that may be missing before a connection counts as broken, and the least time for that.
const MISSING = 3;
const SHORTEST_SILENCE_MS = 2000;

/** An event of a watch: a change, a heartbeat (neither change nor failure), or a broken connection that is being retried. */
export interface WatchEvent {
  /** A change of a number's facts: remove the number from active lists, or check it again. */
  readonly change?: Change;
  /** For a heartbeat: age of the service's knowledge in milliseconds. Absent while missed changes are still being delivered. */
  readonly freshnessMs?: number;
  /** Why the watch is interrupted. */
  readonly failure?: LookupError;
  /** Token to resume a watch after this event. Store it only after you have processed the events before it. */
  readonly resumeToken: string;
}

/** Runs one watch, over as many connections as necessary. The next connection resumes after the last yielded event. */
export async function* watch(
  transport: Transport, organisations: readonly string[], resumeToken: string, signal?: AbortSignal,
): AsyncGenerator<WatchEvent, never, undefined> {
  const { address, streamAnswerTimeoutMs } = transport.settings;
  const pause = new Pause();
  for (;;) {
    signal?.throwIfAborted();
    let failure: LookupError | undefined;
    let silenceMs = streamAnswerTimeoutMs;
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const stream = await transport.serverStream(WatchService.method.watch, { organisations: [...organisations], resumeToken });
      stop.signal.addEventListener("abort", () => stream.cancel(), { once: true });
      try {
        const messages = stream[Symbol.asyncIterator]() as AsyncIterator<WatchResponse>;
        for (;;) {
          // Silence counts only while the caller reads.
          let isSilent = false;
          const timer = setTimeout(() => { isSilent = true; stream.cancel(); }, silenceMs);
          let message: IteratorResult<WatchResponse>;
          try {
            message = await messages.next();
          } catch (error) {
            signal?.throwIfAborted();
            throw isSilent ? new LookupError(Status.UNAVAILABLE, `The service at ${address} sent nothing for ${silenceMs} ms.`) : error;
          } finally {
            clearTimeout(timer);
          }
          if (message.done === true) {
            throw new LookupError(Status.UNAVAILABLE, `The service at ${address} ended the watch.`);
          }
          const { event } = message.value;
          resumeToken = message.value.resumeToken;
          pause.reset();
          if (event.case === "heartbeat") {
            const intervalMs = pauseMs(event.value.interval);
            silenceMs = intervalMs === undefined ? silenceMs : Math.max(intervalMs * MISSING, SHORTEST_SILENCE_MS);
            const freshnessMs = ageMs(event.value.freshness);
            yield freshnessMs === undefined ? { resumeToken } : { freshnessMs, resumeToken };
          } else if (event.case === "change") {
            yield { change: event.value, resumeToken };
          }
        }
      } finally {
        stream.on("error", () => {});
        stream.cancel();
      }
    } catch (error) {
      signal?.throwIfAborted();
      failure = toWatchError(error, address);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }

    // Network failures are retried, rejections by the service are not.
    if (!failure.isTransient && !isBrokenConnection(failure) && ![Status.CANCELLED, Status.INTERNAL, Status.UNKNOWN].includes(failure.status)) {
      throw failure;
    }
    yield { failure, resumeToken };
    await delay(Math.max(pause.next(), failure.retryAfterMs ?? 0), signal);
  }
}

/** Waits; rejects with the reason of the signal if it is aborted. */
export function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
