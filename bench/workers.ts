import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Done, Job } from "./job.ts";

const answerMs = 30_000;

/** Processes of clients. */
export class Workers {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** Resolves when all of them have begun. */
  static async start(jobs: readonly Job[]): Promise<Workers> {
    const file = fileURLToPath(new URL("worker.ts", import.meta.url));
    const workers = new Workers(
      jobs.map((job) => fork(file, [JSON.stringify(job)], { execArgv: ["--import", "tsx"] })),
    );
    try {
      await workers.#messages();
      return workers;
    } catch (error) {
      workers.#kill();
      throw error;
    }
  }

  /** Ends them; resolves to what they have done together. @throws Error when one has failed meanwhile */
  async stop(): Promise<Done> {
    try {
      const answers = this.#messages();
      for (const child of this.#children) if (child.connected) child.send("stop");
      const done = (await answers) as Done[];
      return {
        made: done.reduce((sum, { made }) => sum + made, 0),
        longestMs: Math.max(...done.map(({ longestMs }) => longestMs)),
      };
    } finally {
      this.#kill();
    }
  }

  #messages(): Promise<unknown[]> {
    return Promise.all(this.#children.map((child) => nextMessage(child)));
  }

  #kill(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const signal = AbortSignal.timeout(answerMs);
  const ended = (): never => {
    throw new Error("A process of clients has ended by itself");
  };
  if (child.exitCode !== null || child.signalCode !== null) ended();
  const [message] = (await Promise.race([
    once(child, "message", { signal }),
    once(child, "exit", { signal }).then(ended),
  ])) as [unknown];
  return message;
}
