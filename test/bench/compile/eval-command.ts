// `segwall policy eval` as an operator runs it, the bundle of the package: a directory of 10,000 workloads in YAML, and a million random queries in a file, to
// answers in another. The time is that of the whole process, its start and the reading of the directory included.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peer } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { bundleProgram } from '../../../packaging/bundle.ts';
import type { BenchResult } from '../bench-report.ts';
import type { BenchFleet } from './fleets.ts';

const rounds = 5;
const repository = join(import.meta.dirname, '../../..');

export interface EvalInput {
  readonly fleet: BenchFleet;
  readonly lines: readonly string[];
}

export async function evalCommandResults({ fleet, lines }: EvalInput): Promise<BenchResult[]> {
  const base = mkdtempSync(join(tmpdir(), `segwall-bench-${process.pid}-`));
  try {
    writeFileSync(join(base, 'policy.yaml'), policyText(fleet));
    writeFileSync(join(base, 'workloads.yaml'), workloadsText(fleet));
    const queries = join(base, 'queries.ndjson');
    writeFileSync(queries, `${lines.join('\n')}\n`);
    const none = join(base, 'none.ndjson');
    writeFileSync(none, '');
    const program = await bundleCommand(base);
    // By turns, so that whatever else the machine does falls on both.
    const [empties, fulls]: [Evaluation[], Evaluation[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      empties.push(await evaluate({ program, directory: base, queries: none }));
      fulls.push(await evaluate({ program, directory: base, queries }));
    }
    const [empty, full] = [median(empties), median(fulls)];
    if (full.answers !== lines.length) throw new Error(`${full.answers} answers to ${lines.length} queries`);
    return [
      {
        name: 'policy eval, the whole command without queries: 10,000 workloads read',
        value: empty.seconds,
        unit: 's',
      },
      {
        name: 'policy eval, the whole command: a million random queries, 10,000 workloads read first',
        value: lines.length / full.seconds,
        unit: '/s',
      },
      {
        name: 'policy eval, the command once the directory is read: a million random queries',
        value: lines.length / (full.seconds - empty.seconds),
        unit: '/s',
        limit: { kind: 'at-least', value: 200_000 },
      },
    ];
  } finally {
    rmSync(base, { recursive: true });
  }
}

interface Evaluation {
  readonly seconds: number;
  readonly answers: number;
}

/** By the time it took. */
function median(evaluations: readonly Evaluation[]): Evaluation {
  const sorted = [...evaluations].sort((a, b) => a.seconds - b.seconds);
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new Error('nothing was evaluated');
  return middle;
}

/** Beside it the packages that are not bundled, as packaging puts them; where `check` does not look for documents. */
async function bundleCommand(directory: string): Promise<string> {
  const outFolder = join(directory, '.bundle');
  mkdirSync(outFolder);
  symlinkSync(join(repository, 'node_modules'), join(outFolder, 'node_modules'));
  await bundleProgram({ root: repository, entry: 'control-plane/cli/main.ts', name: 'segwall', outFolder });
  return join(outFolder, 'segwall.js');
}

async function evaluate(given: {
  readonly program: string;
  readonly directory: string;
  readonly queries: string;
}): Promise<Evaluation> {
  const { program, directory, queries } = given;
  const startedAt = performance.now();
  const args = [program, 'policy', 'eval', directory, '--at', '2026-01-01T00:00:00Z', '--queries', queries];
  const path = join(directory, 'answers.ndjson');
  const file = openSync(path, 'w');
  const child = spawn(process.execPath, args, { stdio: ['ignore', file, 'inherit'] });
  const [code] = (await once(child, 'close')) as [number | null];
  const seconds = (performance.now() - startedAt) / 1000;
  closeSync(file);
  if (code !== 0) throw new Error(`policy eval ended with ${code}`);
  const written = readFileSync(path);
  let answers = 0;
  for (let at = written.indexOf(10); at >= 0; at = written.indexOf(10, at + 1)) answers += 1;
  return { seconds, answers };
}

function workloadsText({ inventory }: BenchFleet): string {
  const documents = [...inventory.workloads.values()].map(({ name, host, addresses, labels }) => {
    const written = [...labels].map(([key, value]) => `    ${key}: ${value}\n`).join('');
    return `apiVersion: segwall/v1\nkind: Workload\nmetadata:\n  name: ${name}\n  labels:\n${written}spec:\n  kind: host\n  host: ${host}\n  addresses:\n    - ${addresses.join('\n    - ')}\n`;
  });
  return documents.join('---\n');
}

function policyText({ policy }: BenchFleet): string {
  const documents = [...policy.segments.values()].map(({ name, selector, inbound, outbound, rules }) => {
    const written = rules.map(
      (rule) =>
        `    - name: ${rule.name}\n      from: [${rule.from.map(peerText).join()}]\n      to: [${rule.to.map(peerText).join()}]\n      services: [${rule.services.map((term) => (term.kind === 'ports' ? `tcp/${term.low}` : 'any')).join()}]\n`,
    );
    return `apiVersion: segwall/v1\nkind: Segment\nmetadata: { name: ${name} }\nspec:\n  selector: '${selectorText(selector)}'\n  inbound: ${inbound}\n  outbound: ${outbound}\n  rules:\n${written.join('')}`;
  });
  return documents.join('---\n');
}

function peerText(peer: Peer): string {
  if (peer.kind === 'workloads') return `{ workloads: '${selectorText(peer.selector)}' }`;
  if (peer.kind === 'segment' && peer.selector !== undefined)
    return `{ segment: ${peer.segment}, workloads: '${selectorText(peer.selector)}' }`;
  throw new Error(`no fleet of the benchmark has a peer of kind ${peer.kind}`);
}
