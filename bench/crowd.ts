import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What one of a crowd does once it is connected. */
export type Manner = "silent" | "dripping" | "identified";

/** Clients that log in never, and come again when they are sent away. */
export class Crowd {
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #over = false;
  /** Connections made, refused ones too. */
  made = 0;
  /** The longest that one was kept, in milliseconds. */
  longestMs = 0;

  constructor(port: number) {
    this.#port = port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** One connection; resolves when the server has ended it. */
  connect(manner: Manner, from: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ port: this.#port, host: "127.0.0.1", localAddress: from });
      this.made += 1;
      this.#sockets.add(socket);
      let began = performance.now();
      let drip: NodeJS.Timeout | undefined;
      socket.on("connect", () => {
        began = performance.now();
        if (manner === "identified") socket.write("SSH-2.0-crowd\r\n");
        if (manner === "dripping") socket.write("SSH-2.0-");
        if (manner === "dripping") drip = setInterval(() => socket.write("x"), 1000);
      });
      socket.on("error", () => undefined);
      socket.resume();
      socket.on("close", () => {
        clearInterval(drip);
        this.#sockets.delete(socket);
        if (!this.#over) this.longestMs = Math.max(this.longestMs, performance.now() - began);
        resolve();
      });
    });
  }

  /** Connects again and again, some seconds after each end. */
  async stay(manner: Manner, from: string): Promise<void> {
    while (!this.#over) {
      await this.connect(manner, from);
      if (!this.#over) await sleep(5000 + Math.random() * 5000);
    }
  }

  leave(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}
