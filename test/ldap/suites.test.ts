import { ldap, type LdapOptions } from "@sluice/auth-ldap";
import { generateHostKey, type PublicKey } from "@sluice/core";
import { authMethodSuite, pluginSuite, runSuite } from "@sluice/testing";
import { describe, it } from "vitest";
import { methodsOf } from "./methods.ts";
import { bindResult, entry, searchDone, startStub, type Behaviour } from "./stub.ts";

const keys = ["alice", "bob"].map((name) => ({ name, text: generateHostKey().publicKey }));

function keyOf(text: string): PublicKey {
  const [type = "", base64 = ""] = text.split(" ");
  return { type, blob: Buffer.from(base64, "base64"), fingerprint: "" };
}

/** Two users, each with a password that is the name backwards. */
const two: Behaviour = (request) => {
  const { id, kind } = request;
  if (kind === "bind") {
    const name = /^uid=(\w+),/.exec(request.dn)?.[1];
    const right = request.password === "secret" || request.password === name?.split("").reverse().join("");
    return [bindResult(id, right ? 0 : 49)];
  }
  if (request.base === "") return [entry(id, "", {}), searchDone(id)];
  const name = request.filter.subarray(request.filter.indexOf("uid") + 5).toString();
  const found = keys.find((key) => key.name === name);
  if (found === undefined) return [searchDone(id)];
  return [entry(id, `uid=${name},dc=x`, { uid: [name], sshPublicKey: [found.text] }), searchDone(id)];
};

const options = (url: string): LdapOptions => ({
  urls: [url],
  bind: { dn: "cn=service,dc=x", password: "secret" },
  search: { base: "dc=x" },
});

runSuite(
  "the method ldap",
  authMethodSuite<"password">({
    create: async () => {
      const stub = await startStub(two);
      const own = await methodsOf(options(stub.url));
      return {
        method: own.methods.ldap,
        good: { username: "alice", credentials: { password: "ecila" } },
        other: { username: "bob", credentials: { password: "bob" } },
        wrong: [
          { username: "alice", credentials: { password: "bob" } },
          { username: "alice", credentials: { password: "" } },
          { username: "carol", credentials: { password: "lorac" } },
        ],
        close: async () => {
          await own.close();
          await stub.close();
        },
      };
    },
  }),
  { describe, it },
);

runSuite(
  "the method ldap-keys",
  authMethodSuite<"publickey">({
    create: async () => {
      const stub = await startStub(two);
      const own = await methodsOf(options(stub.url));
      return {
        method: own.methods.keys,
        good: { username: "alice", credentials: { key: keyOf(keys[0]!.text) } },
        other: { username: "bob", credentials: { key: keyOf(keys[1]!.text) } },
        wrong: [
          { username: "alice", credentials: { key: keyOf(keys[1]!.text) } },
          { username: "carol", credentials: { key: keyOf(keys[0]!.text) } },
        ],
        close: async () => {
          await own.close();
          await stub.close();
        },
      };
    },
  }),
  { describe, it },
);

runSuite(
  "the plugin auth-ldap",
  pluginSuite<LdapOptions>({
    plugin: ldap,
    create: async () => {
      const stub = await startStub(two);
      return { options: options(stub.url), secrets: ["secret"], close: () => stub.close() };
    },
  }),
  { describe, it },
);
