// Who takes part in the demo: the machines, what runs on them, who talks to whom, and what the policy that follows from it
// must allow. The expected matrices are written down here by role, apart from the policy engine.

import type { Cell, Expected } from '#test/support/probe.ts';

export interface Machine {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
  /** Absent: no agent, and nobody knows the machine. */
  readonly labels?: Readonly<Record<string, string>>;
}

export const controlMachine: Machine = { name: 'control', ipv4: '10.20.0.2', ipv6: 'fd20::2' };

const shop = { app: 'shop', env: 'prod' } as const;

export const firstMachines: readonly Machine[] = [
  { name: 'web-1', ipv4: '10.20.1.1', ipv6: 'fd20:1::1', labels: { ...shop, role: 'web' } },
  { name: 'web-2', ipv4: '10.20.1.2', ipv6: 'fd20:1::2', labels: { ...shop, role: 'web' } },
  { name: 'api-1', ipv4: '10.20.2.1', ipv6: 'fd20:2::1', labels: { ...shop, role: 'api' } },
  { name: 'api-2', ipv4: '10.20.2.2', ipv6: 'fd20:2::2', labels: { ...shop, role: 'api' } },
  { name: 'db-1', ipv4: '10.20.3.1', ipv6: 'fd20:3::1', labels: { ...shop, role: 'db' } },
  { name: 'dev-1', ipv4: '10.20.9.1', ipv6: 'fd20:9::1', labels: { role: 'dev', env: 'dev' } },
  { name: 'outsider', ipv4: '203.0.113.66', ipv6: '2001:db8:66::66' },
];

/** Joins later, without a role until an operator gives it one. */
export const lateMachine: Machine = { name: 'web-3', ipv4: '10.20.1.3', ipv6: 'fd20:1::3', labels: shop };
export const lateRole = 'web';

/** Every machine answers on all of them, so that a closed cell is closed by policy and by nothing else. */
export const ports = [22, 80, 5432, 8080] as const;

export interface Conversation {
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/** What the shop does all day. */
export const shopTraffic: readonly Conversation[] = [
  ...['web-1', 'web-2'].flatMap((from) => ['api-1', 'api-2'].map((to) => ({ from, to, port: 8080 }))),
  ...['api-1', 'api-2'].map((from) => ({ from, to: 'db-1', port: 5432 })),
];

/** What nobody approved of. */
export const strayTraffic: readonly Conversation[] = [
  { from: 'dev-1', to: 'db-1', port: 5432 },
  { from: 'dev-1', to: 'api-1', port: 22 },
  { from: 'outsider', to: 'web-1', port: 80 },
  { from: 'outsider', to: 'db-1', port: 5432 },
];

/** Open all through the demo: the first two are what the shop lives on, the others must be cut when enforcement begins. */
export const heldByShop = [
  { id: 'web-1-api-1', from: 'web-1', to: 'api-1', port: 8080, family: 'ipv4' },
  { id: 'api-2-db-1', from: 'api-2', to: 'db-1', port: 5432, family: 'ipv6' },
] as const;
export const heldByStrangers = [
  { id: 'dev-1-db-1', from: 'dev-1', to: 'db-1', port: 5432, family: 'ipv4' },
  { id: 'dev-1-api-1', from: 'dev-1', to: 'api-1', port: 22, family: 'ipv6' },
  { id: 'outsider-web-1', from: 'outsider', to: 'web-1', port: 80, family: 'ipv4' },
  { id: 'outsider-db-1', from: 'outsider', to: 'db-1', port: 5432, family: 'ipv6' },
] as const;

export const everythingOpen = (): Expected => 'allowed';

/** The shop enforced both ways: each role talks to the next one's port; going out is rejected, coming in is dropped. */
export function ringFenced(cell: Cell): Expected {
  const from = roleOf(cell.from);
  const to = roleOf(cell.to);
  const isGranted =
    (from === 'web' && to === 'api' && cell.port === 8080) || (from === 'api' && to === 'db' && cell.port === 5432);
  if (isGranted || (!isOfShop(from) && !isOfShop(to))) return 'allowed';
  return isOfShop(from) ? 'rejected' : 'dropped';
}

function isOfShop(role: string): boolean {
  return role === 'web' || role === 'api' || role === 'db';
}

function roleOf(machine: string): string {
  return machine.replace(/-\d+$/, '');
}
