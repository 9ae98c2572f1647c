import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { bytesOf } from "./client.ts";
import type { InteropClient, Login, Path } from "./client.ts";
import { join } from "./files.ts";
import { killLeftovers } from "./process.ts";
import { startServer } from "./server.ts";
import type { InteropServer } from "./server.ts";

/** A place of its own for one test: the same directory as the server and as its clients see it, and one on this side. */
export interface Place {
  readonly served: Buffer;
  readonly remote: Buffer;
  readonly local: Buffer;
}

/** A client, logged in to a server of its own, and what the scenarios need to hold one against the other. */
export class Bench<Link> {
  readonly client: InteropClient<Link>;
  readonly server: InteropServer;
  readonly #scratch: string;
  #link: Link | undefined;
  #made = 0;

  private constructor(client: InteropClient<Link>, server: InteropServer, scratch: string) {
    this.client = client;
    this.server = server;
    this.#scratch = scratch;
  }

  static async open<Link>(client: InteropClient<Link>): Promise<Bench<Link>> {
    const server = await startServer();
    const bench = new Bench(client, server, await mkdtemp(path.join(tmpdir(), "sluice-client-")));
    try {
      bench.#link = await bench.connect({ by: "key" });
      return bench;
    } catch (error) {
      await bench.close();
      throw error;
    }
  }

  /** Ends the client, then the server, and removes what both needed. */
  async close(): Promise<void> {
    try {
      if (this.#link !== undefined) await this.client.close(this.#link);
      await this.server.stop();
    } finally {
      await killLeftovers();
      await rm(this.#scratch, { recursive: true, force: true });
    }
  }

  /** The login by key that most scenarios share. */
  get link(): Link {
    return this.#link!;
  }

  async connect(login: Login): Promise<Link> {
    const scratch = await this.#directory("login");
    return this.client.connect({ server: this.server, login, scratch });
  }

  async place(): Promise<Place> {
    const local = await this.#directory("case");
    const name = path.basename(local);
    const served = path.join(this.server.root, name);
    await mkdir(served);
    await this.server.adopt(served);
    return { served: Buffer.from(served), remote: this.server.path(name), local: Buffer.from(local) };
  }

  /** Writes a file into the served directory, as if it had always been there. */
  async serve(at: Place, name: Path, bytes: Uint8Array | string): Promise<void> {
    await writeFile(join(at.served, name), bytes);
    await this.server.adopt(join(at.served, name));
  }

  /** The names in a directory as the client tells them: sorted, and every character one byte. */
  async listed(at: Place): Promise<string[]> {
    const found = (await this.client.list?.(this.link, at.remote)) ?? [];
    const texts = found.map((name) => bytesOf(name).toString("latin1"));
    return texts.filter((name) => name !== "." && name !== "..").sort();
  }

  async #directory(kind: string): Promise<string> {
    const directory = path.join(this.#scratch, `${kind}-${(this.#made += 1)}`);
    await mkdir(directory);
    return directory;
  }
}
