import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { afterEach, expect, test } from "vitest";
import { notify } from "./webhook.ts";

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test("the service hears of each complete upload, also when it was away at first, and of nothing else", async () => {
  let refusals = 2;
  const service = createServer(
    (request, response) => void answer(request).then((status) => response.writeHead(status).end()),
  );
  const notices: unknown[] = [];
  const answer = async (request: IncomingMessage): Promise<number> => {
    const notice: unknown = JSON.parse(await text(request));
    if (refusals-- > 0) return 503;
    notices.push(notice);
    service.emit("notice");
    return 204;
  };
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  const { port } = service.address() as AddressInfo;

  closing.push(() => {
    service.close();
    service.closeAllConnections();
  });

  const { connect, close, log } = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/old.txt": "old" } }),
    plugins: [notify({ url: `http://127.0.0.1:${port}/arrived`, backOffMs: 1 })],
  });
  closing.push(close);
  const client = await (await connect()).sftp();
  await client.readFile("/old.txt");
  const heard = once(service, "notice");
  await client.writeFile("/new.txt", "12345");
  await heard;
  expect(notices).toEqual([{ path: "/new.txt", bytes: 5, user: "tester", from: "127.0.0.1" }]);
  expect(log.text()).not.toContain("not delivered");
});

test("a notice that cannot be delivered is in the log, and the next one is tried", async () => {
  // A port that was free a moment ago, and that nobody listens on.
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");

  const { connect, close, log } = await startTestServer({
    fs: createMemoryFileSystem(),
    plugins: [notify({ url: `http://127.0.0.1:${port}/`, tries: 2, backOffMs: 1 })],
  });
  closing.push(close);
  const client = await (await connect()).sftp();
  for (const name of ["one", "two"]) {
    await client.writeFile(`/${name}.txt`, name);
    const record = await log.waitFor(({ fields }) => JSON.stringify(fields.notice ?? "").includes(`/${name}.txt`));
    expect(record.message).toBe("A notice was not delivered");
  }
});

test("what waits when the server stops is in the log", async () => {
  const mute = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(mute, "listening");
  closing.push(() => {
    mute.close();
    mute.closeAllConnections();
  });
  const { connect, close, log } = await startTestServer({
    fs: createMemoryFileSystem(),
    plugins: [notify({ url: `http://127.0.0.1:${(mute.address() as AddressInfo).port}/` })],
  });
  const asked = once(mute, "request");
  await (await (await connect()).sftp()).writeFile("/last.txt", "1");
  await asked;
  await close();
  expect(log.text()).toContain("the server stops");
});
