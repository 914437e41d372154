// Starts `lookup serve --fake` as a process of its own.
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { createInterface } from "node:readline";

const command = process.env.LOOKUP_COMMAND ?? new URL("../../../lookup", import.meta.url).pathname;

export class Service {
  static async start(port = 0) {
    const service = new Service();
    service.process = spawn(command, ["serve", "--fake", "--json", "--log", "none", "--listen", `127.0.0.1:${port}`, "--json-port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    service.exited = new Promise((resolve) => service.process.once("exit", resolve));
    for await (const line of createInterface(service.process.stdout)) {
      service.address = JSON.parse(line).grpc.replace(/\/$/, "");
      return service;
    }
    throw new Error("The service did not start.");
  }

  get port() { return Number(new URL(this.address).port); }

  /** kill -9; resolves when the process is gone. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.exited;
  }
}

/** A connection to the service that can be cut and refused. */
export class Proxy {
  static async start(port) {
    const proxy = new Proxy();
    proxy.sockets = new Set();
    proxy.isCut = false;
    proxy.server = createServer((from) => {
      if (proxy.isCut) { from.destroy(); return; }
      const to = connect(port, "127.0.0.1");
      for (const [one, other] of [[from, to], [to, from]]) {
        proxy.sockets.add(one);
        one.on("error", () => {}).on("close", () => { other.destroy(); proxy.sockets.delete(one); }).pipe(other);
      }
    });
    await new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    proxy.address = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  cut() { this.isCut = true; for (const socket of this.sockets) socket.destroy(); }
  join() { this.isCut = false; }
  close() { this.cut(); this.server.close(); }
}

/** Waits for a condition, up to a minute. */
export async function until(condition) {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Not within a minute: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
