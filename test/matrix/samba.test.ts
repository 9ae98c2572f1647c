import { account, adGroup, domain, Samba, sambaUnavailable, searcher, users } from "../ldap/samba.ts";
import { describeMatrix } from "./matrix.ts";

/** Of its own, so that another suite's domain controller may run at the same time. */
const host = "127.0.0.2";

describeMatrix({
  name: "Active Directory (Samba)",
  unavailable: await sambaUnavailable(host),
  async start(members) {
    const entries = members.map(({ name, password, key, disabled }) =>
      account(name, password, `altSecurityIdentities: SSHKey:${key}`, ...(disabled ? ["userAccountControl: 514"] : [])),
    );
    const inner = members.filter((member) => member.inner).map(({ name }) => `CN=${name},${users}`);
    const groups = [adGroup("inner", ...inner), adGroup("outer", `CN=inner,${users}`)];
    const samba = await Samba.start([...entries, ...groups].join(""), host);
    return {
      options: {
        urls: [`ldaps://${host}`],
        tls: { ca: samba.certificates.ca },
        bind: searcher,
        search: { base: domain },
      },
      outer: `CN=outer,${users}`,
      stop: () => samba.stop(),
    };
  },
});
