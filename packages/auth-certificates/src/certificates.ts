import { definePlugin, type PluginFactory } from "@sluice/core";
import { readAuthorities } from "./authorities.ts";
import { certificateMethod } from "./method.ts";
import { schema, type CertificatesOptions } from "./options.ts";
import { principalsBy } from "./principals.ts";
import { openRevocations } from "./revocations.ts";

/**
 * OpenSSH user certificates: the factor `certificate`.
 *
 * @throws SetupError `ERR_SLUICE_CERTIFICATES` at the start, where an authority or the revocation list cannot be read.
 *
 * @example
 * server.register(certificates({ authorities: ["./users_ca.pub"], revoked: "./revoked.krl" }));
 */
export const certificates: PluginFactory<CertificatesOptions> = definePlugin({
  name: "auth-certificates",
  options: schema,
  async setup(host, options) {
    const authorities = await readAuthorities(options.authorities, host.log);
    host.onClose(() => authorities.close());
    const revocations = options.revoked === undefined ? undefined : await openRevocations(options.revoked, host.log);
    host.onClose(() => revocations?.close());
    host.authenticate(
      certificateMethod({
        authorities: () => authorities.current(),
        revocations: async () => revocations?.current(),
        principalsOf: principalsBy(options.principals),
        touch: options.requireTouch,
        verification: options.requireVerification,
      }),
    );
  },
});
