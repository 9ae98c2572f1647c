/** The only import of ssh2. Its JavaScript is CommonJS: names come from the default export. */
import { createRequire } from "node:module";
import ssh2 from "ssh2";

export type {
  Algorithms,
  AuthContext,
  Connection as Ssh2Connection,
  ClientInfo,
  KeyboardAuthContext,
  NegotiatedAlgorithms as Ssh2Algorithms,
  ParsedKey,
  PasswordAuthContext,
  PublicKeyAuthContext,
  ServerChannel,
  ServerConfig,
  Session as Ssh2Session,
} from "ssh2";
export const Client: typeof ssh2.Client = ssh2.Client;
export const Server: typeof ssh2.Server = ssh2.Server;
export const utils: typeof ssh2.utils = ssh2.utils;

const require = createRequire(import.meta.url);

/** Whether ssh2's native addon was built: without it, encryption is several times slower. */
export const hasNativeCrypto: boolean =
  (require("ssh2/lib/protocol/crypto.js") as { bindingAvailable?: boolean }).bindingAvailable === true;
