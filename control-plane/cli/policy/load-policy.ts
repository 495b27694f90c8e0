// What every offline command begins with: the directory and the inventory read and checked. A policy with errors is printed to
// standard error as `policy check` would, and ends the command with exit code 1.

import { type ReadDirectory, readInventoryFiles, readPolicyDirectory } from '#cli/input/read-directory.ts';
import { counted } from '#cli/output/counted.ts';
import { CommandFailure } from '#cli/output/failure.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { WorkloadView } from '#control-plane/answers/schemas.ts';
import { type Millis, millis } from '#model/time.ts';
import { type CheckedPolicy, checkPolicy } from '#policy/check/check-policy.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';
import { parseInstant } from '#policy/read/time.ts';
import { type Problem, problemText } from '#policy/source/problem.ts';

export interface PolicyOptions {
  readonly inventory?: readonly string[];
  readonly at?: string;
  /** In place of an inventory: the live fleet of this control plane. */
  readonly server?: string;
  readonly tokenFile?: string;
}

export interface LoadedPolicy {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
}

export interface CheckedDirectory extends CheckedPolicy {
  readonly files: number;
}

/** Problems of policy files name them relative to the directory, those of inventory files as the operator did. */
export async function checkDirectory(
  directory: string,
  options: PolicyOptions,
  warnings: 'wanted' | 'unwanted' = 'wanted',
): Promise<CheckedDirectory> {
  const inventory = await inventoryOf(options);
  const policy = await readPolicyDirectory(directory, inventory?.realPaths);
  const checked = checkPolicy({
    files: policy.files,
    inventoryFiles: inventory?.files,
    now: instantOf(options.at),
    mode: 'offline',
    warnings,
    readingProblems: [...policy.problems, ...(inventory?.problems ?? [])],
  });
  return { ...checked, files: policy.files.length + (inventory?.files.length ?? 0) };
}

async function inventoryOf(options: PolicyOptions): Promise<ReadDirectory | undefined> {
  const { inventory, server } = options;
  if (inventory !== undefined && server !== undefined)
    throw new CommandFailure(2, 'bad-option', '--inventory and --server exclude each other; give one');
  if (inventory !== undefined) return readInventoryFiles(inventory);
  if (server === undefined) return undefined;
  const [{ openApiClient }, { inventoryText }] = await Promise.all([
    import('#cli/server/api-client.ts'),
    import('#cli/server/inventory-text.ts'),
  ]);
  const client = await openApiClient(options);
  const workloads = (await Array.fromAsync(client.pages<WorkloadView>('/workloads'))).flatMap(({ entries }) => entries);
  const text = inventoryText(workloads, client.controlPlane);
  return { files: [{ path: `the fleet of ${client.controlPlane}`, text }], problems: [], realPaths: new Set() };
}

export async function loadPolicy(directory: string, options: PolicyOptions): Promise<LoadedPolicy> {
  const { problems, policy, inventory } = await checkDirectory(directory, options, 'unwanted');
  if (policy === undefined || inventory === undefined) {
    const errors = problems.filter((problem) => problem.severity === 'error');
    for (const problem of errors) process.stderr.write(`${problemText(problem)}\n`);
    throw new CommandFailure(
      1,
      'policy-invalid',
      `${directory} has ${counted(errors.length, 'error')}; nothing was evaluated`,
      { problems },
    );
  }
  if (options.inventory === undefined && options.server === undefined && inventory.workloads.size === 0) {
    throw new CommandFailure(
      2,
      'no-inventory',
      `${directory} holds no Workload, so there is nothing to judge by; give the inventory with --inventory FILE, or --server URL for a live fleet`,
    );
  }
  return { policy, inventory, now: instantOf(options.at) };
}

/** `--at` as an RFC 3339 instant or milliseconds since 1970; now without it. */
export function instantOf(text: string | undefined): Millis {
  if (text === undefined) return systemClock.wall();
  const instant = /^\d{1,16}$/.test(text) ? millis(Number(text)) : parseInstant(text);
  if (instant !== undefined) return instant;
  throw new CommandFailure(
    2,
    'bad-option',
    `--at is "${text}"; allowed is an instant as 2027-03-01T00:00:00Z, or milliseconds since 1970`,
  );
}

export function countOf(problems: readonly Problem[], severity: Problem['severity']): number {
  return problems.filter((problem) => problem.severity === severity).length;
}
