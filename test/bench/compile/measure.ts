// One measure of the compile benchmark, named as argument, in a process of its own; prints its results as JSON.

import { parseQueryLine, verdictJson } from '#cli/policy/query-line.ts';
import { serviceText } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import { type FleetChange, FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import type { Query } from '#policy/policy/policy.ts';
import type { BenchResult } from '../bench-report.ts';
import { evalCommandResults } from './eval-command.ts';
import { allToAll, type BenchFleet, labelsIn, largeFleet, workloadOf } from './fleets.ts';

const now: Millis = millis(Date.UTC(2026, 0, 1));
const changes = 1000;

/** Numbers that look random and are the same at every run. */
function createRandom(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

function peakMiB(): number {
  return process.resourceUsage().maxRSS / 1024;
}

/** Compiles, and asks for every host's rule set. */
function compiled(fleet: BenchFleet): { readonly compiler: FleetCompiler; readonly seconds: number } {
  const startedAt = performance.now();
  const compiler = new FleetCompiler({ ...fleet, now });
  for (const host of compiler.hosts) compiler.ruleSetOf(host, 1);
  return { compiler, seconds: (performance.now() - startedAt) / 1000 };
}

/** 99th percentile of the milliseconds that one change takes, to deltas. */
function percentile99(compiler: FleetCompiler, change: (at: number) => FleetChange): { p99: number; hosts: number } {
  const took: number[] = [];
  let hosts = 0;
  for (let at = 0; at < changes; at += 1) {
    const one = change(at);
    const startedAt = performance.now();
    const told = compiler.apply([one], now);
    took.push(performance.now() - startedAt);
    hosts += told.size;
  }
  took.sort((a, b) => a - b);
  return { p99: took[Math.ceil(changes * 0.99) - 1] ?? Number.NaN, hosts: hosts / changes };
}

function largeFleetResults(): BenchResult[] {
  const sizes = { workloads: 100_000, segments: 25_000, rules: 75_000 };
  const { compiler, seconds } = compiled(largeFleet(sizes));
  const memory = peakMiB();
  const random = createRandom();
  const label = percentile99(compiler, () => {
    const number = random(sizes.workloads);
    return { kind: 'workload-set', workload: workloadOf(number, labelsIn(random(sizes.segments), random(4))) };
  });
  const added = percentile99(compiler, (at) => {
    const number = sizes.workloads + at;
    const workload = workloadOf(number, labelsIn(random(sizes.segments), number));
    return { kind: 'workload-set', workload };
  });
  const size = '100,000 workloads, 25,000 segments, 75,000 rules';
  return [
    { name: `${size}: from nothing`, value: seconds, unit: 's', limit: { kind: 'at-most', value: 6 } },
    { name: `${size}: peak memory`, value: memory, unit: 'MiB', limit: { kind: 'at-most', value: 1536 } },
    { name: 'one label change there, p99', value: label.p99, unit: 'ms', limit: { kind: 'at-most', value: 5 } },
    { name: 'hosts that a label change tells', value: label.hosts, unit: 'hosts' },
    { name: 'one added workload there, p99', value: added.p99, unit: 'ms', limit: { kind: 'at-most', value: 5 } },
    { name: 'hosts that an added workload tells', value: added.hosts, unit: 'hosts' },
  ];
}

function allToAllResults(): BenchResult[] {
  const { compiler, seconds } = compiled(allToAll(10_000));
  const memory = peakMiB();
  const startedAt = performance.now();
  compiler.apply([{ kind: 'workload-set', workload: workloadOf(70_000, { app: 'new' }) }], now);
  const size = '10,000 workloads, 10,000 rules that all select all';
  return [
    { name: `${size}: from nothing`, value: seconds, unit: 's', limit: { kind: 'at-most', value: 5 } },
    { name: `${size}: peak memory`, value: memory, unit: 'MiB' },
    { name: 'one added workload there, deltas for all', value: performance.now() - startedAt, unit: 'ms' },
  ];
}

const queriedFleet = () => largeFleet({ workloads: 10_000, segments: 2_500, rules: 7_500 });

/** Between random workloads, so that hardly any comes twice; half stay in their application, where rules are. */
function randomQueries({ inventory }: BenchFleet, count: number): readonly Query[] {
  const random = createRandom();
  const workloads = [...inventory.workloads.values()];
  return Array.from({ length: count }, (_, at): Query => {
    const source = random(10_000);
    const target = at % 2 === 0 ? source - (source % 4) + random(4) : random(10_000);
    const [src = '10.0.0.1', dst = '10.0.0.2'] = [source, target].map((number) => workloads[number]?.addresses[0]);
    return { src, dst, service: { protocol: 6, port: [8080, 5432, 9090, 22][random(4)] ?? 22 }, at: now } as Query;
  });
}

function queryLine({ src, dst, service }: Query): string {
  const [proto, port] = serviceText(service).split('/');
  return JSON.stringify({ src, dst, proto, port: Number(port) });
}

function verdictResults(): BenchResult[] {
  const fleet = queriedFleet();
  const oracle = createOracle(fleet);
  const count = 400_000;
  const queries = randomQueries(fleet, count);
  let denied = 0;
  const judgeAt = performance.now();
  for (const query of queries) if (oracle.judge(query).verdict === 'deny') denied += 1;
  const judged = count / ((performance.now() - judgeAt) / 1000);
  if (denied === 0 || denied === count) throw new Error(`${denied} of ${count} denied: the queries say nothing`);

  const lines = queries.map(queryLine);
  let length = 0;
  const linesAt = performance.now();
  for (const line of lines) {
    const query = parseQueryLine(line, { inventory: fleet.inventory, at: now });
    if (!query.ok) throw new Error(query.error.message);
    length += verdictJson(oracle.judge(query.value)).length;
  }
  const answered = count / ((performance.now() - linesAt) / 1000);
  if (length === 0) throw new Error('nothing was answered');
  return [
    {
      name: 'queries judged at 10,000 workloads',
      value: judged,
      unit: '/s',
      limit: { kind: 'at-least', value: 200_000 },
    },
    {
      name: 'query lines read, judged and written at 10,000 workloads',
      value: answered,
      unit: '/s',
      limit: { kind: 'at-least', value: 200_000 },
    },
  ];
}

const results = {
  'large-fleet': largeFleetResults,
  'all-to-all': allToAllResults,
  verdicts: verdictResults,
  'eval-command': () => {
    const fleet = queriedFleet();
    return evalCommandResults({ fleet, lines: randomQueries(fleet, 1_000_000).map(queryLine) });
  },
}[process.argv[2] ?? ''];
if (results === undefined) throw new Error(`no measure is named ${process.argv[2]}`);
process.stdout.write(JSON.stringify(await results()));
