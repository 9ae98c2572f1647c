export { quota, Quota, type QuotaUsage } from "./quota.ts";
export type { Bytes, DirectionLimits, QuotaOptions, StorageLimits, TreeLimits } from "./options.ts";
export type { Limit, Usage } from "./ledger.ts";
export type { Amount } from "./record.ts";
export type { CountedView, Recounted } from "./recount.ts";
