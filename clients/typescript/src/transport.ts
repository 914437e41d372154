import { fromBinary, toBinary, type DescMessage, type DescMethod, type DescMethodBiDiStreaming, type DescMethodServerStreaming, type DescMethodUnary, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { isBrokenConnection, toLookupError } from "./errors.js";
import { createStrict } from "./message.js";
import type { Settings } from "./options.js";
import { now, type Moment } from "./result.js";

/** Sends the calls of a client over two connections: one for lists, which fill the flow-control window of theirs. */
export class Transport {
  readonly #calls: grpc.Client;
  readonly #lists: grpc.Client;

  constructor(readonly settings: Settings) {
    const url = new URL(settings.address);
    const isTls = url.protocol === "https:";
    const credentials = isTls
      ? grpc.credentials.createSsl(bytes(settings.ca), bytes(settings.clientCertificate?.key), bytes(settings.clientCertificate?.certificate))
      : grpc.credentials.createInsecure();
    const connect = () => new grpc.Client(`${url.hostname}:${url.port || (isTls ? "443" : "80")}`, credentials, {
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 5_000,
      "grpc.service_config_disable_resolution": 1,
      // Otherwise clients of the same address share a connection.
      "grpc.use_local_subchannel_pool": 1,
    });
    this.#calls = connect();
    this.#lists = connect();
  }

  /**
   * Sends one request within the time limit, and a second time if the connection broke and the request may be repeated.
   * Throws a LookupError, or the reason of the signal.
   */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>, request: MessageInitShape<I>, options: { repeatable: boolean; signal: AbortSignal | undefined },
  ): Promise<{ response: MessageShape<O>; sent: Moment }> {
    const deadline = Date.now() + this.settings.timeoutMs;
    const message = createStrict(method.input, request);
    for (let isRepeatable = options.repeatable; ; isRepeatable = false) {
      options.signal?.throwIfAborted();
      const sent = now(this.settings.clock);
      try {
        const metadata = await within(this.#metadata(), deadline - Date.now());
        return { response: await this.#send(method, message, metadata, deadline, options.signal), sent };
      } catch (error) {
        options.signal?.throwIfAborted();
        const failure = toLookupError(error, this.settings.address);
        if (!isRepeatable || !isBrokenConnection(failure) || Date.now() >= deadline) {
          throw failure;
        }
      }
    }
  }

  async serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>, request: MessageInitShape<I>,
  ): Promise<grpc.ClientReadableStream<MessageShape<O>>> {
    const { path, serialize, deserialize } = codec(method);
    return this.#calls.makeServerStreamRequest(path, serialize, deserialize, createStrict(method.input, request), await this.#metadata());
  }

  async duplexStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
  ): Promise<grpc.ClientDuplexStream<MessageShape<I>, MessageShape<O>>> {
    const { path, serialize, deserialize } = codec(method);
    return this.#lists.makeBidiStreamRequest(path, serialize, deserialize, await this.#metadata());
  }

  close(): void {
    this.#calls.close();
    this.#lists.close();
  }

  #send<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>, message: MessageShape<I>, metadata: grpc.Metadata, deadline: number, signal: AbortSignal | undefined,
  ): Promise<MessageShape<O>> {
    const { path, serialize, deserialize } = codec(method);
    return new Promise((resolve, reject) => {
      const call = this.#calls.makeUnaryRequest(path, serialize, deserialize, message, metadata, { deadline }, (error, response) => {
        signal?.removeEventListener("abort", cancel);
        if (error !== null || response === undefined) {
          reject(error ?? new Error("The service sent no message."));
        } else {
          resolve(response);
        }
      });
      const cancel = () => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  async #metadata(): Promise<grpc.Metadata> {
    const { apiKey } = this.settings;
    const metadata = new grpc.Metadata();
    if (apiKey !== undefined) {
      metadata.set("authorization", `Bearer ${typeof apiKey === "string" ? apiKey : await apiKey()}`);
    }
    return metadata;
  }
}

/** A promise that is rejected with DEADLINE_EXCEEDED if it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(), { code: grpc.status.DEADLINE_EXCEEDED, details: "" })), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function codec<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    serialize: (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
    deserialize: (binary: Buffer) => fromBinary(method.output, binary),
  };
}

const bytes = (text: string | undefined) => text === undefined ? null : Buffer.from(text);
