// The fleet, policy and flows of the benchmark, and what its two processes say to each other, one line each.

import { parseAddress } from '#model/address.ts';
import type { FlowRecord } from '#model/flow.ts';
import { assertOk } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';

export type ServerOrder = 'watch' | 'report' | 'judge-here' | 'stop';

export type ServerLine =
  | { readonly kind: 'ready'; readonly apiUrl: string; readonly token: string }
  | { readonly kind: 'watching' }
  | {
      readonly kind: 'waits';
      readonly p99Ms: number;
      readonly mostMs: number;
      readonly ownP99Ms: number;
      readonly ownMostMs: number;
    };

const apps = 100;
const roles = ['web', 'api', 'db', 'cache'] as const;

export interface BenchHost {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function benchHosts(count: number): readonly BenchHost[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `host-${at}`,
    address: `10.${(at >>> 16) & 255}.${(at >>> 8) & 255}.${at & 255}`,
    labels: { app: `app-${at % apps}`, role: roles[Math.floor(at / apps) % roles.length] ?? 'web' },
  }));
}

export function rolesPolicy(mode: 'observe' | 'enforce'): string {
  const segment = (at: number) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: app-${at} }
spec:
  selector: app == "app-${at}"
  inbound: ${mode}
  rules:
    - { name: web-to-api, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8080] }
    - { name: api-to-db, from: [{ workloads: role == "api" }], to: [{ workloads: role == "db" }], services: [tcp/5432] }`;
  return Array.from({ length: apps }, (_, at) => segment(at)).join('\n---\n');
}

/** Over a sixteenth of all pairs of hosts. */
export const broadTest = `---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: broad }
spec: { tests: [{ from: { labels: { role: web } }, to: { labels: { role: db } }, service: any, expect: deny }] }
`;

/** Each host's flows, both ends, with others of its application and a few of the next one. */
export function* benchFlows(
  hosts: readonly BenchHost[],
  count: number,
  at: Millis,
): Generator<[BenchHost, FlowRecord[]]> {
  const each = Math.ceil(count / hosts.length);
  for (const [number, host] of hosts.entries()) {
    const records = Array.from({ length: each }, (_, one): FlowRecord => {
      const isOutbound = one % 2 === 0;
      const distance = (1 + Math.floor(one / 4)) * (one % 8 < 6 ? apps : apps + 1);
      const peer = hosts[(number + (isOutbound ? distance : hosts.length * 8 - distance)) % hosts.length] ?? host;
      return {
        direction: isOutbound ? 'outbound' : 'inbound',
        local: assertOk(parseAddress(host.address)),
        peer: assertOk(parseAddress(peer.address)),
        protocol: 6,
        port: 8000 + (Math.floor(one / 4) % 8),
        end: { verdict: 'would-deny', reason: 'default', workload: host.name },
        revision: 1,
        connections: 3,
        packetsOriginal: 10,
        packetsReply: 10,
        bytesOriginal: 1000,
        bytesReply: 1000,
        firstSeenAt: millis(at - 60_000),
        lastSeenAt: at,
        answered: true,
      };
    });
    yield [host, records];
  }
}
