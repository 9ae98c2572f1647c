import { group, groupsBase, people, person, service, Slapd, slapdUnavailable } from "../ldap/slapd.ts";
import { describeMatrix } from "./matrix.ts";

describeMatrix({
  name: "OpenLDAP",
  unavailable: slapdUnavailable,
  async start(members) {
    const entries = members.map(({ name, password, key, disabled }) =>
      person(name, password, `sshPublicKey: ${key}`, ...(disabled ? ["pwdAccountLockedTime: 000001010000Z"] : [])),
    );
    const inner = members.filter((member) => member.inner).map(({ name }) => `uid=${name},${people}`);
    const groups = [group("inner", ...inner), group("outer", `cn=inner,${groupsBase}`)];
    const slapd = await Slapd.start({ ldif: [...entries, ...groups].join("") });
    return {
      options: {
        urls: [slapd.secureUrl],
        tls: { ca: slapd.certificates.ca },
        bind: service,
        search: { base: people },
      },
      outer: `cn=outer,${groupsBase}`,
      stop: () => slapd.stop(),
    };
  },
});
