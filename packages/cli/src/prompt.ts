import { createInterface } from "node:readline";
import { Failure } from "./failure.ts";

/** The most that SSH clients can send and core accepts. */
const maxPasswordBytes = 1024;
const maxStdinBytes = 1024 * 1024;

/**
 * Asks for a new password: twice without echo on a terminal, or once from standard input. Never from the arguments, which every
 * user of the machine can list.
 *
 * @throws Failure when it is empty, too long, or typed differently the second time
 */
export async function readNewPassword(fromStdin: boolean, label: string): Promise<string> {
  if (fromStdin) return checked((await readStdin()).replace(/\r?\n$/, ""));
  if (!process.stdin.isTTY) {
    throw new Failure("no terminal to ask for the password; give it on standard input with --password-stdin");
  }
  const password = checked(await ask(`${label}: `));
  if ((await ask(`${label}, again: `)) !== password) throw new Failure("the two passwords differ; nothing was changed");
  return password;
}

/** Refuses a password that nobody could log in with. */
export function checked(password: string): string {
  if (password === "") throw new Failure("an empty password is not allowed");
  if (Buffer.byteLength(password) > maxPasswordBytes) {
    throw new Failure(`a password of more than ${maxPasswordBytes} bytes is not allowed`);
  }
  if (/[\0\r\n]/.test(password)) throw new Failure("a password with line breaks or zero bytes is not allowed");
  return password;
}

/** Everything on standard input, up to 1 MiB. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxStdinBytes) throw new Failure("standard input is larger than 1 MiB");
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** One line typed without echo. The question goes to standard error, so that standard output holds results only. */
function ask(question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    process.stderr.write(question);
    const reader = createInterface({ input: process.stdin, terminal: true, historySize: 0 });
    let answer: string | undefined;
    reader.once("line", (line) => {
      answer = line;
      reader.close();
    });
    reader.once("SIGINT", () => reader.close());
    reader.once("close", () => {
      process.stderr.write("\n");
      if (answer === undefined) reject(new Failure("cancelled; nothing was changed"));
      else resolve(answer);
    });
  });
}
