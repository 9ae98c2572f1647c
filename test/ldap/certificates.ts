import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../interop/process.ts";

/** Files, all PEM. */
export interface Certificates {
  readonly ca: string;
  /** For `localhost` and 127.0.0.1. */
  readonly server: Pair;
  /** For another name. */
  readonly other: Pair;
  /** For `localhost`, until yesterday. */
  readonly expired: Pair;
  readonly client: Pair;
  /** Nobody's certificate is by this one. */
  readonly strangeCa: string;
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Makes a certification authority and what it has signed. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): Promise<unknown> => run("openssl", args, { cwd: directory });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  for (const name of ["ca", "strange"]) {
    await openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      path(`${name}.key`),
      "-out",
      path(`${name}.pem`),
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
    );
  }
  await writeFile(
    path("ca.conf"),
    [
      "[ca]\ndefault_ca=own",
      `[own]\ndatabase=${path("index")}\nnew_certs_dir=${directory}\nserial=${path("serial")}\npolicy=any\ndefault_md=sha256\nunique_subject=no\ncopy_extensions=copy`,
      "[any]\ncommonName=supplied",
    ].join("\n"),
  );
  await writeFile(path("index"), "");
  await writeFile(path("serial"), "01\n");
  const day = (offset: number): string =>
    `${new Date(Date.now() + offset * 86_400_000).toISOString().slice(2, 10).replaceAll("-", "")}000000Z`;
  const issue = async (name: string, altName: string, until: number): Promise<Pair> => {
    const pair = { cert: path(`${name}.pem`), key: path(`${name}.key`) };
    await openssl(
      "req",
      ...key,
      "-keyout",
      pair.key,
      "-out",
      path(`${name}.csr`),
      "-subj",
      `/CN=${name}`,
      "-addext",
      `subjectAltName=${altName}`,
    );
    const dates = ["-startdate", day(-10), "-enddate", day(until)];
    await openssl(
      "ca",
      "-batch",
      "-notext",
      "-config",
      path("ca.conf"),
      "-cert",
      path("ca.pem"),
      "-keyfile",
      path("ca.key"),
      ...dates,
      "-in",
      path(`${name}.csr`),
      "-out",
      pair.cert,
    );
    return pair;
  };
  return {
    ca: path("ca.pem"),
    strangeCa: path("strange.pem"),
    server: await issue("server", "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2", 5),
    other: await issue("other", "DNS:ldap.example.net", 5),
    expired: await issue("expired", "DNS:localhost,IP:127.0.0.1", -1),
    client: await issue("client", "DNS:client.example.org", 5),
  };
}
