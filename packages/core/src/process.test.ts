import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../test/served-process.ts", import.meta.url));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

interface Served {
  readonly child: ChildProcess;
  readonly records: { readonly level: number; readonly msg: string; readonly err?: { readonly message: string } }[];
  readonly errors: () => string;
  /** Resolves when this has been logged. */
  logged(message: string): Promise<void>;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

function serve(fault = ""): Served {
  const args = ["--conditions=@sluice/source", "--import", "tsx", program, fault];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const records: Served["records"] = [];
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => records.push(JSON.parse(line) as Served["records"][number]));
  const closed = once(lines, "close");
  const ended = once(child, "exit").then(async ([code]) => (await closed, code as number | null));
  const logged = async (message: string): Promise<void> => {
    while (!records.some(({ msg }) => msg === message)) await Promise.race([once(lines, "line"), failIf(ended)]);
  };
  return { child, records, errors: () => errors, logged, ended };
}

async function failIf(ended: Promise<unknown>): Promise<never> {
  await ended;
  throw new Error("The process has ended");
}

describe("a process that serves", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("closes and ends well at %s, whatever else is running", async (signal) => {
    const served = serve();
    await served.logged("Listening");
    served.child.kill(signal);
    expect(await served.ended).toBe(0);
    expect(served.records.map(({ msg }) => msg)).toContain("Closing");
    expect(served.errors()).toBe("");
  });

  it.each(["throw", "reject"])(
    "logs an error that nobody caught, closes, and ends with a failure (%s)",
    async (fault) => {
      const served = serve(fault);
      expect(await served.ended).toBe(1);
      expect(served.records.find(({ level }) => level === 60)).toMatchObject({ err: { message: "boom" } });
      expect(served.records.map(({ msg }) => msg)).toContain("Closing");
    },
  );

  it("ends with a failure after such an error even where the program makes nothing of the exit code", async () => {
    expect(await serve("careless").ended).toBe(1);
  });

  it("ends at once at the second signal", async () => {
    const served = serve("stuck");
    await served.logged("Listening");
    served.child.kill("SIGTERM");
    await served.logged("Closing");
    served.child.kill("SIGINT");
    expect(await served.ended).toBe(130);
  });

  it("is told why it does not start", async () => {
    const served = serve("start");
    expect(await served.ended).toBe(1);
    expect(served.errors()).toContain("It does not start");
  });
});
