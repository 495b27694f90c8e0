// What the audit log is told of a hold that ends.

import type { HoldView } from '#control-plane/publish/store-holding.ts';

/** Of each kind, in one audit entry. */
const hostsTold = 32;

/** As an audit entry has it. */
export function holdDetails({
  kind,
  ahead,
  unknown,
  cutOffSince,
  cutOffSaid,
}: HoldView): Readonly<Record<string, unknown>> {
  const someOf = (names: readonly string[]) => ({ count: names.length, names: names.slice(0, hostsTold) });
  const namesOf = (names: HoldView['cutOffSince']) => someOf(names.map(({ name }) => name));
  const cutOff = { cutOffSince: namesOf(cutOffSince), cutOffSaid: namesOf(cutOffSaid) };
  return { kind, ahead: someOf(ahead), unknown: someOf(unknown), ...cutOff };
}
