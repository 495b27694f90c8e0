// When a control plane that has no room says to come back: gRPC's trailer, and never sooner than it says.

import type { Metadata } from '@grpc/grpc-js';

const pushbackKey = 'grpc-retry-pushback-ms';
/** Longer than a control plane asks for, and short enough for one that counts wrong. */
const mostMs = 60_000;

/** Of how a call ended; undefined where nothing was said. */
export function pushbackOf(metadata: Metadata | undefined): number | undefined {
  const [said] = metadata?.get(pushbackKey) ?? [];
  const text = said?.toString() ?? '';
  return /^\d{1,9}$/.test(text) ? Math.min(mostMs, Number(text)) : undefined;
}
