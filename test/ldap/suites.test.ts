import { ldap, type LdapOptions } from "@sluice/auth-ldap";
import { generateHostKey, type PublicKey } from "@sluice/core";
import { authMethodSuite, pluginSuite, runSuite } from "@sluice/testing";
import { describe, it } from "vitest";
import { methodsOf } from "./methods.ts";
import { bindResult, entry, message, result, searchDone, startStub, type Behaviour, type StubRequest } from "./stub.ts";

const keys = ["alice", "bob", "eve"].map((name) => ({ name, text: generateHostKey().publicKey }));

function keyOf(text: string): PublicKey {
  const [type = "", base64 = ""] = text.split(" ");
  return { type, blob: Buffer.from(base64, "base64"), fingerprint: "" };
}

/** Two users, each with a password that is the name backwards, and one whose password has to be changed. */
function users(): Behaviour {
  let changed = false;
  return (request) => {
    const { id, kind } = request;
    if (kind === "bind" && request.dn === "uid=eve,dc=x") {
      if (request.password === (changed ? "a new one" : "eve")) return [bindResult(id, changed ? 0 : 49, "data 773,")];
      return [bindResult(id, 49)];
    }
    if (kind !== "77") return two(request);
    changed = true;
    return [message(id, result(0x78, 0))];
  };
}

const two = (request: StubRequest): readonly Buffer[] => {
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
      const stub = await startStub(users());
      const own = await methodsOf(options(stub.url));
      return {
        method: own.methods.ldap,
        good: { username: "alice", credentials: { password: "ecila" } },
        other: { username: "bob", credentials: { password: "bob" } },
        expired: { username: "eve", password: "eve", newPassword: "a new one" },
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
      const stub = await startStub(users());
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
      const stub = await startStub(users());
      return { options: options(stub.url), secrets: ["secret"], close: () => stub.close() };
    },
  }),
  { describe, it },
);
