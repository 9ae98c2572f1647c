import { Argument, Command, Option } from "commander";
import { Failure } from "../failure.ts";
import { writeNewKey } from "../keyfile.ts";

const types = ["ed25519", "ecdsa", "rsa"] as const;
type KeyType = (typeof types)[number];

const examples = `
Examples:
  sluice hostkey                        make ./host_ed25519
  sluice hostkey /etc/sluice/host_rsa --type rsa
  sluice hostkey ./host_ed25519 --show  print its fingerprint and its public key
`;

export function hostkeyCommand(): Command {
  return new Command("hostkey")
    .summary("make a host key, or show one")
    .description("Make a host key, or show one. Nothing is ever overwritten.")
    .addArgument(new Argument("[path]", "the key's file (default: ./host_TYPE)"))
    .addOption(new Option("-t, --type <type>", "the kind of key").choices(types).default("ed25519"))
    .option("-s, --show", "show the key that is there instead of making one")
    .addHelpText("after", examples)
    .action(hostkey);
}

async function hostkey(
  named: string | undefined,
  options: { readonly type: KeyType; readonly show?: boolean },
): Promise<void> {
  const { generateHostKey, readHostKey } = await import("@sluice/core");
  const path = named ?? `./host_${options.type}`;
  if (options.show === true) {
    const { type, fingerprint, publicKey } = readHostKey({ path });
    print([`Fingerprint  ${fingerprint} (${type})`, `Public key   ${publicKey}`]);
    return;
  }
  const key = generateHostKey(options.type);
  if (!writeNewKey(path, key.privateKey)) {
    throw new Failure(`${path}: already exists, and is left as it is; show it with: sluice hostkey ${path} --show`);
  }
  print([`Made ${path}`, `Fingerprint  ${key.fingerprint} (${key.type})`, `Public key   ${key.publicKey}`]);
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}
