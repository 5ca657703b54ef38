import { InvalidArgumentError } from 'commander';

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Epoch milliseconds of `2027-01-31`, an ISO time, or a time from now: `30m`, `12h`, `30d`, `4w`. */
export function parseExpiry(text: string): number {
  const match = /^(\d+)([mhdw])$/.exec(text);
  const expiresAt = match ? Date.now() + Number(match[1]) * (unitsMs[match[2] ?? ''] ?? 0) : Date.parse(text);
  if (Number.isFinite(expiresAt) && expiresAt > Date.now()) return expiresAt;
  throw new InvalidArgumentError('It must be a date in the future (2027-01-31) or a time from now (30d, 12h).');
}
