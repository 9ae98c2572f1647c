import type { Containment, Directory } from "./containment.ts";
import type { Driver } from "./driver.ts";
import type { Owners } from "./owners.ts";
import type { AttributePolicy } from "./policy.ts";
import type { Uploads } from "./upload.ts";

/** How symbolic links are treated. */
export type LinkPolicy = "within-root" | "deny";

/** What the operations of one session work on. */
export interface Tree {
  readonly root: Directory;
  readonly containment: Containment;
  readonly driver: Driver;
  readonly symlinks: LinkPolicy;
  readonly atomic: boolean;
  readonly durable: boolean;
  readonly keepPartial: boolean;
  readonly umask: number;
  readonly fileMask: number;
  readonly directoryMask: number;
  readonly setstat: AttributePolicy;
  readonly hardLinks: "allow" | "deny";
  readonly uploads: Uploads;
  readonly owners: Owners;
}
