// What the sentences of the policy language are shown by: the kinds of cases, a small fleet, and short ways to write policies about it.

import type { DenyAction } from '#model/verdict.ts';
import { createWorld, segment, type World, workloads } from '../world.ts';

export type Sentence = readonly [section: string, says: string, ...cases: readonly Case[]];

export type Row = readonly [query: string, outbound: string, inbound: string];

export type Case =
  | { readonly kind: 'judged'; readonly world: () => World; readonly rows: readonly Row[]; readonly at?: string }
  | { readonly kind: 'refused'; readonly policy: string; readonly code: string; readonly inventory?: string }
  | { readonly kind: 'warned'; readonly policy: string; readonly code: string; readonly inventory?: string }
  | { readonly kind: 'accepted'; readonly policy: string; readonly inventory?: string }
  | {
      readonly kind: 'tested';
      readonly policy: string;
      readonly assertion: string;
      readonly judge?: string;
      readonly outcome: 'holds' | 'fails';
    }
  | { readonly kind: 'onDeny'; readonly policy: string; readonly inbound: DenyAction; readonly outbound: DenyAction }
  | { readonly kind: 'elsewhere'; readonly file: string; readonly test: string };

export const fleet = workloads(
  'web h1 10.0.0.1,fd00::1 app=shop,env=prod,role=web',
  'api h2 10.0.0.2,fd00::2 app=shop,env=prod,role=api',
  'dev h3 10.0.0.3 app=shop,env=dev,role=web',
  'lab h4 10.0.0.4 app=lab,env=prod,role=web',
  'bare h5 10.0.0.5 -',
  'nginx h1/nginx.service - app=edge,role=nginx',
  'box h2/container 172.17.0.2 app=box,role=box',
  'sql external 10.9.0.1 role=sql',
  'fact h6 10.0.0.6 app=f,fact/os=debian',
).replace('{ - }', '{}');

export const judged = (policy: string, ...rows: readonly Row[]): Case => ({
  kind: 'judged',
  world: () => createWorld(policy, fleet),
  rows,
});
export const judgedAt = (at: string, policy: string, ...rows: readonly Row[]): Case => ({
  kind: 'judged',
  world: () => createWorld(policy, fleet),
  rows,
  at,
});
export const judgedAmong = (inventory: string, policy: string, ...rows: readonly Row[]): Case => ({
  kind: 'judged',
  world: () => createWorld(policy, inventory),
  rows,
});
export const refused = (policy: string, code: string, inventory?: string): Case => ({
  kind: 'refused',
  policy,
  code,
  ...(inventory === undefined ? {} : { inventory }),
});
export const warned = (policy: string, code: string, inventory = fleet): Case => ({
  kind: 'warned',
  policy,
  code,
  inventory,
});
export const accepted = (policy: string, inventory?: string): Case => ({
  kind: 'accepted',
  policy,
  ...(inventory === undefined ? {} : { inventory }),
});
export const tested = (policy: string, assertion: string, outcome: 'holds' | 'fails', judge = 'as-written'): Case => ({
  kind: 'tested',
  policy,
  assertion,
  judge,
  outcome,
});
/** `test` is the test's title, or the one of its group, as it stands in the file. */
export const elsewhere = (file: string, test: string): Case => ({ kind: 'elsewhere', file, test });

/** A segment of everyone in the shop, enforced both ways. */
export const shop = (...rules: readonly string[]): string => of('app == "shop"', ...rules);
export const of = (selector: string, ...rules: readonly string[]): string =>
  segment(
    's',
    `selector: '${selector}'\ninbound: enforce\noutbound: enforce\n${rules.length === 0 ? '' : `rules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`}`,
  );
export const rule = (from: string, to: string, services: string, more = ''): string =>
  `name: r, from: [${from}], to: [${to}], services: [${services}]${more}`;
export const web = `{ workloads: role == "web" }`;
export const api = `{ workloads: role == "api" }`;
export const granted: readonly [string, string] = ['allow rule s/r', 'allow rule s/r'];
export const denied: readonly [string, string] = ['deny default s', 'deny default s'];
export const services = (...terms: readonly string[]): string =>
  shop(rule(web, api, terms.map((term) => `"${term}"`).join()));
export const raw = (text: string): string => `---\n${text}\n`;
export const workloadOf = (spec: string, labels = ''): string =>
  raw(`apiVersion: segwall/v1\nkind: Workload\nmetadata: { name: w, labels: { ${labels} } }\nspec: { ${spec} }`);
