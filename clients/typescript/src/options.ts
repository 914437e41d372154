import { systemClock, type Clock } from "./result.js";

/** Options of a client. Times are in milliseconds. */
export interface LookupClientOptions {
  /** Address of the gRPC port: http:// for plain text, https:// for TLS. */
  readonly address: string;
  /** API key, or a function that returns a token for each call and caches it. Only over TLS, or to this machine. */
  readonly apiKey?: string | (() => string | Promise<string>);
  /** CA certificates for the service, in PEM; default: those that the machine trusts. */
  readonly ca?: string;
  /** Client certificate and private key, in PEM. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  /** Time limit of a single call with its retry: 1 to 600,000; default: 5,000. */
  readonly timeoutMs?: number;
  /** Numbers in one message of a list: 1 to 8,192; default: 4,096. */
  readonly streamChunkSize?: number;
  /** Maximum unanswered messages of a list: 1 to 64; default: 4. */
  readonly streamWindow?: number;
  /** Time after the first number of a slow list until its partial message is sent: 0 to 600,000; default: 5. */
  readonly streamLingerMs?: number;
  /** Time for which a list retries after its connection broke: 0 to 86,400,000; default: 30,000. */
  readonly streamRetryLimitMs?: number;
  /** Time limit for an answer on a list, and for the first event of a watch: 1 to 600,000; default: 30,000. */
  readonly streamAnswerTimeoutMs?: number;
  /** The clock by which answers expire; replace it only in tests. */
  readonly clock?: Clock;
}

export type Settings = Required<Omit<LookupClientOptions, "apiKey" | "ca" | "clientCertificate">> & LookupClientOptions;

const RANGES = {
  timeoutMs: [1, 600_000, 5_000],
  streamChunkSize: [1, 8_192, 4_096],
  streamWindow: [1, 64, 4],
  streamLingerMs: [0, 600_000, 5],
  streamRetryLimitMs: [0, 86_400_000, 30_000],
  streamAnswerTimeoutMs: [1, 600_000, 30_000],
} as const;

/** Applies the defaults. Throws a TypeError that names every option that is missing or out of range. */
export function settingsFrom(options: LookupClientOptions): Settings {
  const faults: string[] = [];
  const url = URL.canParse(options.address) ? new URL(options.address) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    faults.push(`address '${options.address}' must start with http:// or https://.`);
  } else if (url.protocol === "http:" && options.apiKey !== undefined && !/^(localhost|127\.[0-9.]+|\[::1\])$/.test(url.hostname)) {
    faults.push(`address '${options.address}' is plain text to another machine; credentials require https://.`);
  }
  if (url?.protocol === "http:" && (options.ca !== undefined || options.clientCertificate !== undefined)) {
    faults.push(`address '${options.address}' is plain text; ca and clientCertificate require https://.`);
  }
  // The value is a secret: the message does not contain it.
  if (typeof options.apiKey === "string" && !/^[!-~]+$/.test(options.apiKey)) {
    faults.push("apiKey is empty or has invalid characters.");
  }
  const numbers: Record<string, number> = {};
  for (const [name, [min, max, usual]] of Object.entries(RANGES)) {
    const value = options[name as keyof typeof RANGES] ?? usual;
    if (!(value >= min && value <= max) || !name.endsWith("Ms") && !Number.isInteger(value)) {
      faults.push(`${name} is ${value}; it must be ${min} to ${max}.`);
    }
    numbers[name] = value;
  }
  if (faults.length > 0) {
    throw new TypeError(faults.join(" "));
  }
  return { ...options, ...numbers, clock: options.clock ?? systemClock } as Settings;
}
