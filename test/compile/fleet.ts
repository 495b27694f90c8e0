// Fleets for table tests, from the YAML that an operator would write.

import { expect } from 'vitest';
import { type Address, parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { Grant, HostRuleSet, WorkloadRules } from '#model/rule-set.ts';
import { serviceTermText } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Direction } from '#model/verdict.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';

export const noon = millis(Date.UTC(2026, 9, 28, 12, 0, 0));

export interface Fleet {
  readonly policy: Policy;
  readonly inventory: Inventory;
}

/** Two web, two api, a database and a developer's machine; web-1 has both families. */
export const shop = `
${host('web-1', { app: 'shop', role: 'web' }, '10.0.0.1, "fd00::1"')}
${host('web-2', { app: 'shop', role: 'web' }, '10.0.0.2')}
${host('api-1', { app: 'shop', role: 'api' }, '10.0.0.3')}
${host('api-2', { app: 'shop', role: 'api' }, '10.0.0.4')}
${host('db-1', { app: 'shop', role: 'db' }, '10.0.0.5')}
${host('dev-1', { role: 'dev' }, '10.0.0.6')}
`;

export function host(name: string, labels: Readonly<Record<string, string>>, addresses: string): string {
  return `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: ${name}, labels: ${JSON.stringify(labels)} }
spec: { host: ${name}, kind: host, addresses: [${addresses}] }`;
}

/** `documents` are policy documents without apiVersion, parted by "---". */
export function fleetOf(documents: string, inventory: string = shop): Fleet {
  const text = documents
    .split(/^---$/m)
    .filter((document) => document.trim() !== '')
    .map((document) => `apiVersion: segwall/v1\n${document.trim()}\n`)
    .join('---\n');
  return readFleet(text, inventory);
}

export function readFleet(text: string, inventory: string = shop): Fleet {
  const checked = checkPolicy({
    files: [{ path: 'policy.yaml', text }],
    inventoryFiles: [{ path: 'inventory.yaml', text: inventory }],
    now: noon,
    mode: 'offline',
  });
  expect(checked.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (checked.policy === undefined || checked.inventory === undefined) throw new Error('check gave no policy');
  return { policy: checked.policy, inventory: checked.inventory };
}

export function ruleSetOf(fleet: Fleet, name: string, now: Millis = noon): HostRuleSet {
  const ruleSet = compileFleet({ ...fleet, now }).ruleSetOf(name, 1);
  if (ruleSet === undefined) throw new Error(`${name} has no rule set`);
  return ruleSet;
}

export function rulesOf(fleet: Fleet, workload: string, now: Millis = noon): WorkloadRules {
  const onHost = fleet.inventory.workloads.get(workload)?.host ?? workload;
  const rules = ruleSetOf(fleet, onHost, now).workloads.find((candidate) => candidate.workload === workload);
  if (rules === undefined) throw new Error(`${workload} has no rules`);
  return rules;
}

/** "shop/web-to-api <- members/app == \"shop\"/role == \"web\": tcp/8080", one line a grant: what a reader of a table wants to see. */
export function grantLines(fleet: Fleet, workload: string, direction: Direction): readonly string[] {
  return rulesOf(fleet, workload)[direction].grants.map(grantLine);
}

export function grantLine({ segment, combination, rule, peers, local, services }: Grant): string {
  const at = `${segment}${combination === undefined ? '' : `[${combination}]`}/${rule}`;
  const far = peers.kind === 'any' ? 'any' : peers.ids.join(' | ');
  const near = local.kind === 'any' ? '' : ` (local ${local.ranges.length} ranges)`;
  return `${at} ${far}${near}: ${services.map(serviceTermText).join(' ')}`;
}

export function address(text: string): Address {
  return assertOk(parseAddress(text));
}
