import { memoryFiles } from "@sluice/fs-memory";
import { createServer, generateHostKey, memoryStore, Store, type Server } from "@sluice/core";
import { capturedLog, pluginSuite, runSuite, type CapturedLog } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { bench, testKey } from "../test/support.ts";
import { TotpEnrolment } from "./enrolment.ts";
import type { TotpOptions } from "./options.ts";
import { totp } from "./totp.ts";

async function serve(options: TotpOptions, store?: Store): Promise<{ server: Server; log: CapturedLog }> {
  const log = capturedLog();
  const services =
    store === undefined ? {} : { services: (all: Server["services"]) => all.provide(Store, () => store) };
  const server = createServer({ hostKeys: [{ key: generateHostKey().privateKey }], log, ...services });
  onTestFinished(() => server.close({ graceMs: 0 }));
  server.mount("/", memoryFiles());
  server.register(totp(options));
  await server.ready();
  return { server, log };
}

describe("the plugin totp", () => {
  it("brings the factor totp and the service that enrols, and warns of a store in memory", async () => {
    const { server, log } = await serve({ key: testKey });
    expect(await server.explain()).toContain("totp");
    const enrolment = server.services.get(TotpEnrolment);
    expect(enrolment.isDurable).toBe(false);
    expect((await enrolment.enroll("alice")).uri).toMatch(/^otpauth:\/\/totp\/Sluice:alice\?secret=[A-Z2-7]{32}&/);
    expect(log.text()).toContain("Enrolments, and which codes were used, are kept in memory");
  });

  it("tells at the start of secrets that no key given opens", async () => {
    const store = memoryStore();
    await bench({}, store).enroll();
    const { log } = await serve({ key: Buffer.alloc(32, 3).toString("base64") }, store);
    expect(log.records.find(({ level }) => level === "error")?.message).toContain("cannot log in");
    expect((await serve({ key: testKey }, store)).log.text()).not.toContain("cannot log in");
  });

  it.each([
    [{}, 'key: is needed to encrypt secrets; make a file with "openssl rand -base64 32"'],
    [{ key: "too short" }, "key: the text holds no 32 bytes"],
    [{ key: [] }, "key: Too small: expected array to have >=1 items"],
    [{ key: testKey, mode: "sometimes" }, "mode: "],
    [{ claim: "otp", mode: "both" }, 'mode: "both" looks up the secret before the password is proven'],
    [{ key: testKey, required: { group: ["a"] } }, 'required: expected "all", "enrolled" or { groups }'],
    [{ key: testKey, issuer: "a:b" }, "issuer: must not hold a colon"],
    [{ key: testKey, digits: 5 }, "digits: "],
    [{ key: testKey, parallel: 1 }, "parallel"],
  ])("refuses %j", async (options, message) => {
    await expect(serve(options as TotpOptions)).rejects.toThrow(message);
  });
});

runSuite(
  "the plugin totp",
  pluginSuite({
    plugin: totp,
    create: async () => ({ options: { key: testKey }, secrets: [testKey] }),
  }),
  { describe, it },
);
