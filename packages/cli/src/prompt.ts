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
  const [password = "", again] = await ask([`${label}: `, `${label}, again: `]);
  if (again !== password) throw new Failure("the two passwords differ; nothing was changed");
  return checked(password);
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

/** A line for each question, typed without echo. Questions go to standard error, so that standard output holds results only. */
function ask(questions: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const answers: string[] = [];
    // Without an output, nothing of what is typed is shown. One reader for all questions, since it reads ahead.
    const reader = createInterface({ input: process.stdin, terminal: true, historySize: 0 });
    process.stderr.write(questions[0] ?? "");
    reader.on("line", (line) => {
      if (answers.length === questions.length) return;
      answers.push(line);
      process.stderr.write(`\n${questions[answers.length] ?? ""}`);
      if (answers.length === questions.length) reader.close();
    });
    reader.once("SIGINT", () => reader.close());
    reader.once("close", () => {
      if (answers.length === questions.length) {
        resolve(answers);
        return;
      }
      process.stderr.write("\n");
      reject(new Failure("cancelled; nothing was changed"));
    });
  });
}
