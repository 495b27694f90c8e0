// Brings a state about the short way: compile, render each host's script from nothing, load it with nft inside the host, and
// read the revision back. What `segwall policy render` prints is what is loaded here.

import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import { parseTableState } from '#agent-core/table/table-listing.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { forgetConnections, nftIn } from '#test/support/inside.ts';
import type { Lab, LabHost } from '#test/support/lab.ts';
import { managedHosts, type Scenario } from './scenario.ts';
import type { Stage } from './table.ts';

export interface RenderedOptions {
  /** A mutant: what the renderer is given in place of the compiled rule set. */
  readonly tamper?: (ruleSet: HostRuleSet) => HostRuleSet;
}

export function renderedStage(options: RenderedOptions = {}) {
  return async (lab: Lab, scenario: Scenario): Promise<Stage> => ({
    enter: async ({ state, world, revision }) => {
      const managed = new Set(managedHosts(scenario, state));
      const ruleSetOf = world.compile(revision);
      await Promise.all(
        [...lab.hosts.values()].map((host) => {
          if (!managed.has(host.name)) return unload(host);
          const ruleSet = ruleSetOf(host.name);
          if (ruleSet === undefined) throw new Error(`the compiler has no rule set for ${host.name}`);
          return loadRuleSet(host, options.tamper === undefined ? ruleSet : options.tamper(ruleSet));
        }),
      );
    },
    close: async () => undefined,
  });
}

/** A table that failed to load lets everything pass, so a failure here must never reach the probes. */
export async function loadRuleSet(host: LabHost, ruleSet: HostRuleSet): Promise<void> {
  // One after the other with peer maps of either kind.
  const mostWalks = ruleSet.revision % 2 === 0 ? 0 : mostWalksDefault;
  const script = renderFromNothing(ruleSet, { essentials: [], mostWalks });
  const input = `add table inet segwall\ndelete table inet segwall\n${script}`;
  const result = await nftIn(host, ['-f', '-'], input);
  if (result.exitCode !== 0) throw new Error(`${host.name}: nft refused the rendered script: ${result.stderr}`);
  // A script from nothing begins at epoch 1 each time, so what the step before allowed would count as judged by this one: a UDP probe
  // that gets a source port used within the last two minutes would pass by the old verdict. (An agent goes on counting.)
  await forgetConnections(host);
  const loaded = await loadedRevision(host);
  if (loaded !== ruleSet.revision) {
    throw new Error(`${host.name}: revision ${ruleSet.revision} was loaded, and ${loaded ?? 'none'} read back`);
  }
}

async function unload(host: LabHost): Promise<void> {
  const input = 'add table inet segwall\ndelete table inet segwall\n';
  const result = await nftIn(host, ['-f', '-'], input);
  if (result.exitCode !== 0) throw new Error(`${host.name}: nft could not unload: ${result.stderr}`);
}

export async function loadedRevision(host: LabHost): Promise<number | undefined> {
  const listing = await nftIn(host, ['list', 'chain', 'inet', 'segwall', 'state']);
  return listing.exitCode === 0 ? parseTableState(listing.stdout)?.revision : undefined;
}
