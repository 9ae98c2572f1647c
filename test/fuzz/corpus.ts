import { readdirSync, readFileSync } from "node:fs";

/** What was found to be interesting: where it is sent, and what. */
export interface CorpusCase {
  readonly name: string;
  /** `sftp`: packets behind INIT on a channel; `login`, `service`, `keys`: messages at this stage; `ident`, `tcp`: bytes. */
  readonly at: "tcp" | "ident" | "keys" | "service" | "login" | "sftp";
  readonly payloads: readonly Buffer[];
}

const folder = new URL("corpus/", import.meta.url);

/** One case in each file: the first line says where, each other line is one payload in hexadecimal; `#` begins a remark. */
export function corpus(): CorpusCase[] {
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const lines = readFileSync(new URL(file, folder), "utf8")
        .split("\n")
        .map((line) => line.replace(/#.*/, "").trim())
        .filter((line) => line !== "");
      const [at, ...payloads] = lines;
      return {
        name: file.replace(/\.txt$/, ""),
        at: at as CorpusCase["at"],
        payloads: payloads.map((hex) => Buffer.from(hex.replaceAll(" ", ""), "hex")),
      };
    });
}
