// What it costs to read policy and inventory: our quick reader, the library `yaml` to the same depth (trees with positions), and JSON.parse,
// which gives values without positions. In turn, in one process; docs/decisions/yaml.md rests on it.

import { Composer, Parser } from 'yaml';
import { maxInventoryFileLength, readYamlDocuments } from '#policy/source/yaml-documents.ts';
import { type BenchReport, type BenchResult, quartersOf } from './bench-report.ts';

const rounds = 9;

interface Text {
  readonly name: string;
  readonly yaml: string;
  readonly documents: number;
  /** Of our reader, in milliseconds. */
  readonly limitMs: number;
}

function inventoryOf(workloads: number): string {
  const documents = Array.from(
    { length: workloads },
    (_, n) => `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: web-${n}, labels: { app: shop-${n % 200}, role: web, env: prod, zone: z${n % 7} } }
spec: { addresses: [10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}] }
`,
  );
  return documents.join('');
}

function policyOf(segments: number): string {
  const documents = Array.from(
    { length: segments },
    (_, n) => `---
apiVersion: segwall/v1
kind: Segment
metadata:
  name: shop-${n}
  owner: team-${n % 40}
spec:
  selector: app == "shop-${n}" && env == "prod"
  inbound: enforce
  outbound: observe
  rules:
    - name: from-front
      reason: the front asks the web servers
      from: [{ workloads: 'role == "front"' }]
      to: [{ workloads: 'role == "web"' }]
      services: [tcp/443, tcp/80]
    - name: metrics
      reason: metrics are scraped
      from: [{ workloads: 'role == "prometheus"' }]
      services: [tcp/9100]
    - name: database
      reason: orders are kept there
      from: [{ workloads: 'role == "web"' }]
      to: [{ workloads: 'role == "db"' }]
      services: [tcp/5432]
`,
  );
  return documents.join('');
}

const readers = {
  ours: (yaml: string) =>
    readYamlDocuments({ path: 'bench.yaml', text: yaml }, maxInventoryFileLength).documents.length,
  library: (yaml: string) => {
    let count = 0;
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', version: '1.2' });
    for (const document of composer.compose(new Parser().parse(yaml), true, yaml.length))
      if (document.errors.length === 0) count += 1;
    return count;
  },
  json: (lines: string) => {
    let count = 0;
    for (const line of lines.split('\n')) {
      JSON.parse(line);
      count += 1;
    }
    return count;
  },
} as const;
type Reader = keyof typeof readers;

function jsonLinesOf(yaml: string): string {
  const composer = new Composer({ logLevel: 'silent' });
  return [...composer.compose(new Parser().parse(yaml))].map((document) => JSON.stringify(document.toJS())).join('\n');
}

function measure({ name, yaml, documents, limitMs }: Text): readonly BenchResult[] {
  const texts: Readonly<Record<Reader, string>> = { ours: yaml, library: yaml, json: jsonLinesOf(yaml) };
  const times: Readonly<Record<Reader, number[]>> = { ours: [], library: [], json: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const reader of Object.keys(readers) as Reader[]) {
      const began = performance.now();
      const count = readers[reader](texts[reader]);
      times[reader].push(performance.now() - began);
      if (count !== documents) throw new Error(`${reader} read ${count} documents of ${documents}`);
    }
  }
  const [ours, library, json] = [quartersOf(times.ours), quartersOf(times.library), quartersOf(times.json)];
  const size = `${name}, ${(yaml.length / 1e6).toFixed(1)} MB`;
  return [
    {
      name: `${size}: our reader`,
      value: ours.middle,
      spread: { low: ours.low, high: ours.high },
      unit: 'ms',
      limit: { kind: 'at-most', value: limitMs },
      reference: { name: 'the library', value: library.middle, ratio: ours.middle / library.middle },
    },
    {
      name: `${size}: the library \`yaml\``,
      value: library.middle,
      spread: { low: library.low, high: library.high },
      unit: 'ms',
    },
    {
      name: `${size}: JSON.parse, no positions`,
      value: json.middle,
      spread: { low: json.low, high: json.high },
      unit: 'ms',
    },
  ];
}

export async function run(): Promise<BenchReport> {
  const texts: readonly Text[] = [
    { name: '10,000 workloads', yaml: inventoryOf(10_000), documents: 10_000, limitMs: 400 },
    { name: '2,000 segments, 6,000 rules', yaml: policyOf(2000), documents: 2000, limitMs: 400 },
  ];
  return {
    method: `Medians of ${rounds} readings, the three readers in turn. Ours and the library give trees with the position of every value.`,
    results: texts.flatMap(measure),
  };
}
