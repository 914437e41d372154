const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;

/** Pauses between retries: 100 ms, doubled up to 5 s, each shortened by up to half. */
export class Pause {
  #nextMs = FIRST_PAUSE_MS;

  next(): number {
    const pause = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, LONGEST_PAUSE_MS);
    return pause;
  }

  reset(): void {
    this.#nextMs = FIRST_PAUSE_MS;
  }
}

/** Wakes one waiter, also if it waits only after the wakeup. */
export class Wakeup {
  #isSet = false;
  #wake: ((isSet: boolean) => void) | undefined;

  set(): void {
    if (this.#wake !== undefined) {
      this.#wake(true);
    } else {
      this.#isSet = true;
    }
  }

  /** Waits for `set`, up to a limit in milliseconds. Returns false after the limit. */
  async wait(limitMs?: number): Promise<boolean> {
    if (this.#isSet) {
      this.#isSet = false;
      return true;
    }
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        this.#wake = resolve;
        if (limitMs !== undefined) {
          timer = setTimeout(() => resolve(false), limitMs);
        }
      });
    } finally {
      this.#wake = undefined;
      clearTimeout(timer);
    }
  }
}
