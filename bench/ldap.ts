// What a login by LDAP costs beside the directory's own answer: `npx tsx -C @sluice/source bench/ldap.ts`, with OpenLDAP installed.

import { readFileSync } from "node:fs";
import { authAttempt } from "@sluice/testing";
import { Client, escapeFilter } from "ldapts";
import { methodsOf } from "../test/ldap/methods.ts";
import { people, person, service, Slapd, slapdUnavailable } from "../test/ldap/slapd.ts";
import { median } from "./figure.ts";

const rounds = 300;
const warmUp = 50;
const user = { name: "alice", password: "correct horse" };

if (slapdUnavailable !== undefined) throw new Error(`It cannot be measured here: ${slapdUnavailable}`);
const slapd = await Slapd.start({ ldif: person(user.name, user.password) });
try {
  for (const url of [slapd.url, slapd.secureUrl]) await compare(url);
} finally {
  await slapd.stop();
}

async function compare(url: string): Promise<void> {
  const tls = { ca: slapd.certificates.ca };
  const own = await methodsOf({
    urls: [url],
    tls,
    bind: service,
    search: { base: people },
    cacheMs: 0,
    unknownCacheMs: 0,
  });
  const raw = await rawLogin(url);
  const verify = async (): Promise<void> => {
    const credentials = { password: user.password };
    const verdict = await own.methods.ldap.verify(authAttempt("password", { username: user.name, credentials }));
    if (verdict.is !== "proven") throw new Error(`It was ${JSON.stringify(verdict)}`);
  };
  const samples = { raw: [] as number[], own: [] as number[], more: [] as number[] };
  for (let round = 0; round < warmUp + rounds; round++) {
    // In turns, so that what slows the machine down slows both.
    const [first, second] = round % 2 === 0 ? [raw.login, verify] : [verify, raw.login];
    const times = [await timeOf(first), await timeOf(second)] as const;
    const [plain, ours] = round % 2 === 0 ? times : [times[1], times[0]];
    if (round < warmUp) continue;
    samples.raw.push(plain);
    samples.own.push(ours);
    samples.more.push(ours - plain);
  }
  const figures = [samples.raw, samples.own, samples.more].map((values) => median(values).toFixed(2));
  console.log(
    `${new URL(url).protocol.slice(0, -1)}: ldapts alone ${figures[0]} ms, verify() ${figures[1]} ms, ours ${figures[2]} ms (medians of ${rounds})`,
  );
  await raw.close();
  await own.close();
}

/** The same search, on a connection that stays, and the same bind, on one of its own. */
async function rawLogin(url: string): Promise<{ login(): Promise<void>; close(): Promise<void> }> {
  const options = url.startsWith("ldaps:") ? { url, tlsOptions: { ca: readFileSync(slapd.certificates.ca) } } : { url };
  const searching = new Client(options);
  await searching.bind(service.dn, service.password);
  return {
    async login() {
      const found = await searching.search(people, {
        filter: escapeFilter`(uid=${user.name})`,
        sizeLimit: 2,
        attributes: ["uid", "userAccountControl", "shadowExpire", "sshPublicKey"],
      });
      const client = new Client(options);
      await client.bind(found.searchEntries[0]?.dn ?? "", user.password);
      await client.unbind();
    },
    close: () => searching.unbind(),
  };
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
