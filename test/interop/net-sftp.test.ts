import { driven, notLoadable, ruby } from "./driver.ts";
import { describeClient } from "./suite.ts";
import { peer } from "./server.ts";

describeClient(
  driven({
    name: "net-sftp",
    unavailable: notLoadable(ruby, "net/sftp"),
    program: [ruby, "net_sftp_driver.rb"],
    // Below v6 it sends the link first, as the draft says; OpenSSH's server reads the target first.
    leavesOut: peer === "sshd" ? ["symlink"] : [],
    // It has no `posix-rename@openssh.com`.
    overwrite: "refuses",
    keeps: { put: ["mode", "time"], get: ["mode", "time"] },
    rawNames: "listed",
  }),
);
