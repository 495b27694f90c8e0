// Whether the kernel holds exactly the table that a rule set stands for: what a from-nothing load of it lists in an empty
// namespace, line for line, whatever way the host came there.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDhcpUsers } from '#agent/host/dhcp-users.ts';
import { unseal } from '#agent/state/durable-file.ts';
import { decodeLastGood } from '#agent/state/last-good-codec.ts';
import { digestOf } from '#agent/table/loader.ts';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { nothingStanding, parseTableState } from '#agent-core/table/table-listing.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { LabHost } from '#test/support/lab.ts';

export interface KernelCheck {
  readonly epoch: number;
  /** Empty where all is as it should be. */
  readonly problems: readonly string[];
}

/** `scratch`: a host in which nothing else has an nftables table. `stateDirectory`: the agent's. */
export async function checkKernel(given: {
  readonly host: LabHost;
  readonly scratch: LabHost;
  readonly stateDirectory: string;
  readonly wanted: HostRuleSet;
}): Promise<KernelCheck> {
  const { host, scratch, stateDirectory, wanted } = given;
  const problems: string[] = [];
  const record = assertOk(decodeLastGood(assertOk(unseal(await readFile(join(stateDirectory, 'last-good/current'))))));
  if (record.ruleSet.revision !== wanted.revision)
    problems.push(`on disk is revision ${record.ruleSet.revision}, wanted ${wanted.revision}`);
  if (!record.essentials.some(({ name }) => name === 'control-plane'))
    problems.push('the control plane is not essential');
  const table = buildTable({
    ruleSet: wanted,
    essentials: record.essentials,
    numbering: record.numbering,
    // As the agent under test, which runs on this machine.
    dhcpUsers: readDhcpUsers(),
  });
  if (table === undefined) throw new Error('the rule set does not fit a table');
  const digest = digestOf(table);
  const actual = await listing(host);
  const state = parseTableState(actual);
  if (state?.revision !== wanted.revision) problems.push(`in the kernel is revision ${state?.revision}`);
  if (state?.digest !== digest) problems.push(`the digest in the kernel is ${state?.digest}, wanted ${digest}`);
  const epoch = state?.epoch ?? 0;
  if (epoch !== record.epoch) problems.push(`the epoch in the kernel is ${epoch}, on disk ${record.epoch}`);
  const script = bootstrapScript(table, { revision: wanted.revision, epoch, digest }, nothingStanding);
  const loaded = await scratch.exec(['nft', '-f', '-'], {
    input: `add table inet segwall\ndelete table inet segwall\n${script}`,
  });
  if (loaded.exitCode !== 0) throw new Error(loaded.stderr);
  const expected = blocks(await listing(scratch));
  const found = blocks(actual);
  for (const [name, text] of expected) {
    if (found.get(name) !== text) problems.push(`${name} is\n${found.get(name)}\nand should be\n${text}`);
  }
  for (const name of found.keys()) if (!expected.has(name)) problems.push(`${name} is left over`);
  return { epoch, problems };
}

async function listing(host: LabHost): Promise<string> {
  const { stdout, stderr, exitCode } = await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall']);
  if (exitCode !== 0) throw new Error(`no table in ${host.name}: ${stderr}`);
  return stdout;
}

/** By "chain NAME"; elements in an order of their own, what the kernel learnt itself left out. */
function blocks(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', body = ''] of text.matchAll(/^\t(\w+ \S+) \{\n([\s\S]*?)^\t\}/gm)) {
    if (name === 'chain preparation') continue;
    const learnt = /^set (?:den|seen|share)_/.test(name);
    const sorted = body.replaceAll(/elements = \{([^}]*)\}/g, (_, elements: string) =>
      learnt
        ? ''
        : `elements = { ${elements
            .split(',')
            .map((one) => one.trim())
            .sort()
            .join(', ')} }`,
    );
    found.set(name, sorted.trim());
  }
  return found;
}
