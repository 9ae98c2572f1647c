import { driven, notLoadable, python } from "./driver.ts";
import { describeClient } from "./suite.ts";

describeClient(
  driven({
    name: "paramiko",
    unavailable: notLoadable(python, "paramiko"),
    program: [python, "paramiko_driver.py"],
    // It copies files one by one.
    leavesOut: ["putTree", "getTree"],
    overwrite: "replaces",
    keeps: { put: ["mode", "time"], get: ["mode", "time"] },
    // A listing with such a name ends in its UTF-8 decoder.
    rawNames: "transferred",
  }),
);
