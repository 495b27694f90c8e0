// Fleets for the benchmark, the same at every run: a tenant of many small segments, and one in which every rule is about everyone.

import { parseAddress } from '#model/address.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import type { Inventory, Peer, Policy, Rule, Segment, Workload } from '#policy/policy/policy.ts';

const position = { file: 'bench.yaml', line: 1, column: 1 };
const roles = ['web', 'api', 'db', 'cache'] as const;

export interface BenchFleet {
  readonly policy: Policy;
  readonly inventory: Inventory;
}

export function workloadOf(number: number, labels: Readonly<Record<string, string>>): Workload {
  const name = `w-${number}`;
  const text = `10.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
  return {
    name,
    kind: 'host',
    host: name,
    addresses: [assertOk(parseAddress(text))],
    labels: new Map(Object.entries(labels)),
  };
}

/** Four workloads a segment, one of each role. */
export function labelsIn(segment: number, number: number): Readonly<Record<string, string>> {
  return { app: `app-${segment}`, env: segment % 5 === 0 ? 'dev' : 'prod', role: roles[number % 4] ?? 'web' };
}

export function largeFleet(sizes: { workloads: number; segments: number; rules: number }): BenchFleet {
  const workloads = Array.from({ length: sizes.workloads }, (_, at) =>
    workloadOf(at, labelsIn(Math.floor((at * sizes.segments) / sizes.workloads), at)),
  );
  const perSegment = Math.round(sizes.rules / sizes.segments);
  const segments = Array.from({ length: sizes.segments }, (_, at) => {
    const rules = [
      rule('web-to-api', [selected('role == "web"')], [selected('role == "api"')], 8080),
      rule('api-to-db', [selected('role == "api"')], [selected('role == "db"')], 5432),
      // Every third segment is called by another's web.
      rule(
        'called',
        [at % 3 === 0 ? inSegment((at + 1) % sizes.segments, 'role == "web"') : selected('role == "cache"')],
        [selected('role == "api"')],
        9090,
      ),
    ];
    return segment(`app-${at}`, `app == "app-${at}" && has(env)`, rules.slice(0, perSegment));
  });
  return fleetOf(segments, workloads);
}

export function allToAll(count: number): BenchFleet {
  const workloads = Array.from({ length: count }, (_, at) => workloadOf(at, labelsIn(Math.floor(at / 4), at)));
  const rules = Array.from({ length: count }, (_, at) =>
    rule(`r-${at}`, [selected('all()')], [selected('all()')], 1 + at),
  );
  return fleetOf([segment('everyone', 'all()', rules)], workloads);
}

function fleetOf(segments: readonly Segment[], workloads: readonly Workload[]): BenchFleet {
  return {
    policy: {
      segments: new Map(segments.map((one) => [one.name, one])),
      guardrails: new Map(),
      services: new Map(),
      ipLists: new Map(),
      tests: new Map(),
      workloads: new Map(),
    },
    inventory: { workloads: new Map(workloads.map((one) => [one.name, one])), resolutions: new Map() },
  };
}

function segment(name: string, selectorText: string, rules: readonly Rule[]): Segment {
  return {
    name,
    selector: assertOk(parseSelector(selectorText)),
    selectorText,
    inbound: 'enforce',
    outbound: 'enforce',
    selective: [],
    onDeny: { inbound: 'drop', outbound: 'reject' },
    each: [],
    rules,
    position,
  };
}

function rule(name: string, from: readonly Peer[], to: readonly Peer[], port: number): Rule {
  return { name, from, to, services: [{ kind: 'ports', protocol: 'tcp', low: port, high: port }], position };
}

function selected(text: string): Peer {
  return { kind: 'workloads', selector: assertOk(parseSelector(text)), text };
}

function inSegment(number: number, text: string): Peer {
  return { kind: 'segment', segment: `app-${number}`, selector: assertOk(parseSelector(text)), text };
}
