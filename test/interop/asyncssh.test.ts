import { driven, notLoadable, python } from "./driver.ts";
import { describeClient } from "./suite.ts";

// Nothing is left out.
describeClient(
  driven({
    name: "AsyncSSH",
    unavailable: notLoadable(python, "asyncssh"),
    program: [python, "asyncssh_driver.py"],
    overwrite: "replaces",
    keeps: { put: ["mode", "time"], get: ["mode", "time"] },
    rawNames: "listed",
  }),
);
