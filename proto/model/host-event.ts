// What an agent tells its control plane that an auditor would ask about: things that happened on the host itself, without the
// control plane. Kept on the host until the control plane has written it down.

import type { Millis } from './time.ts';

/**
 * `table-tampered`: someone else changed our table, and it was put back. `opened`, `resumed`: `segwall-agent panic` and `resume`.
 * `essentials-changed`: the host's own list of what always passes is another than at the last start.
 */
export type HostEventKind = 'table-tampered' | 'opened' | 'resumed' | 'essentials-changed';

export const hostEventKinds: readonly HostEventKind[] = ['table-tampered', 'opened', 'resumed', 'essentials-changed'];

/** `id` is unique on its host, so that an event that is sent twice is written down once. `at` is the host's clock. */
export interface HostEvent {
  readonly id: string;
  readonly at: Millis;
  readonly kind: HostEventKind;
  /** For people; no secrets. */
  readonly details: ReadonlyMap<string, string>;
}

/** A host that an operator opened from its console. */
export interface Panic {
  readonly since: Millis;
  /** What the operator gave, or empty. */
  readonly reason: string;
}
