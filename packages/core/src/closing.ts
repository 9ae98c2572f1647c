import { withDeadline } from "./deadline.ts";
import type { Registrations } from "./host.ts";
import type { Logger } from "./log.ts";
import type { ServiceContainer } from "./services.ts";

/** How long one plugin may take to close. */
const limitMs = 10_000;

/** Calls each function in turn, whatever becomes of the others. @throws AggregateError of what failed */
export async function callAll(calls: Iterable<() => unknown>): Promise<void> {
  const failures: unknown[] = [];
  for (const call of calls) {
    try {
      await call();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 0) return;
  const reasons = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  throw new AggregateError(failures, `Something failed to close: ${reasons.join("; ")}`);
}

/** Closes what plugins have opened, last registered first, then shared file systems and services. One that fails keeps no other open. */
export async function closePlugins(
  registrations: Registrations,
  services: ServiceContainer,
  log: Logger,
): Promise<void> {
  for (const { plugin, run } of registrations.onClose.splice(0).reverse()) {
    try {
      const closed = (async () => run())();
      await withDeadline(closed, limitMs, `it took longer than ${limitMs / 1000} s`);
    } catch (error) {
      log.error({ plugin, err: error }, "A plugin failed to close");
    }
  }
  try {
    await callAll([() => registrations.mounts.close(), () => services.close()]);
  } catch (error) {
    log.error({ err: error }, "A file system or service failed to close");
  }
}
