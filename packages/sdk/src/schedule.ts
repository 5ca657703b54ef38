import { Codehooks } from './codehooks.ts';
import { datastore } from './datastore.ts';
import type { Handler, Untyped } from './types.ts';

/** Work for later: once at a time, at once, or by a cron expression. */
export const schedule = {
  runAt: async (date: Date | string | number, payload: unknown, worker: string): Promise<Untyped> =>
    (await datastore.open()).runAt(date, payload, worker),
  run: async (payload: unknown, worker: string): Promise<Untyped> =>
    (await datastore.open()).runAt(new Date(), payload, worker),
  cron: (cronExpression: string, ...hooks: Handler[]): void =>
    Codehooks.getInstance().addJob(cronExpression, hooks, schedule.cron),
};
