import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** What a program is started with. */
export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** After this the program and everything that it started is killed, and the run fails. */
  readonly deadlineMs?: number;
}

export interface RunOutput {
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Started here and not ended yet. Each leads a process group of its own, so that what it started ends with it. */
const running = new Set<ChildProcess>();

/** Starts a program in a process group, and so without a terminal to ask for passwords on. */
export function start(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): ChildProcess & { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } {
  const child = spawn(command, args, { ...options, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.once("error", () => running.delete(child));
  // A program that ends without reading what it was sent says why by its exit status.
  child.stdin.on("error", () => {});
  return child;
}

/** Kills a program and all that it started. */
export function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

process.once("exit", () => running.forEach(kill));

/** Ends this process for good; the test runner keeps its workers from calling `process.exit`. */
function abandon(): void {
  running.forEach(kill);
  process.kill(process.pid, "SIGKILL");
}

// The runner has died, or is being stopped: its workers would go on alone, or leave what they started behind.
for (const end of ["disconnect", "SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(end, abandon);

/** Kills whatever is left and waits until it is gone. */
export async function killLeftovers(): Promise<void> {
  const left = [...running];
  const gone = left.map((child) => once(child, "exit"));
  left.forEach(kill);
  await Promise.all(gone);
}

/**
 * Runs a program to its end.
 *
 * @throws Error with the status and everything that was printed, unless the status is 0.
 */
export async function run(
  command: string,
  args: readonly (string | Uint8Array)[],
  options: RunOptions = {},
): Promise<RunOutput> {
  const child = start(...spelled(command, args), options);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.end(options.input ?? "");

  const deadlineMs = options.deadlineMs ?? 60_000;
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    kill(child);
  }, deadlineMs);
  try {
    const [status, signal] = (await once(child, "close")) as [number | null, string | null];
    const output = { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
    if (status === 0) return output;
    const how = late ? `was killed after ${deadlineMs} ms` : `ended with ${status ?? signal}`;
    throw new Error(`${command} ${how}:\n${output.stderr}${output.stdout.toString()}`);
  } finally {
    clearTimeout(deadline);
  }
}

/** Node passes arguments as UTF-8 only; ones with other bytes are spelled out for a shell. */
function spelled(command: string, args: readonly (string | Uint8Array)[]): [string, string[]] {
  const bytes = args.map((arg) => Buffer.from(arg as Uint8Array));
  const texts = bytes.map((arg) => arg.toString());
  if (texts.every((text, i) => Buffer.from(text).equals(bytes[i]!))) return [command, texts];
  const words = bytes.map((arg) => `"$(printf '${[...arg].map((byte) => `\\${octal(byte)}`).join("")}')"`);
  return ["sh", ["-c", ["exec", command, ...words].join(" ")]];
}

function octal(byte: number): string {
  return byte.toString(8).padStart(3, "0");
}

/** Which of these programs are not installed, as a reason; undefined when all are. */
export function notInstalled(...commands: readonly string[]): string | undefined {
  const missing = commands.filter((command) => spawnSync("sh", ["-c", `command -v ${command}`]).status !== 0);
  return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
}
