// `segwall policy render DIR --inventory F --host H`: the nftables script that host would load from nothing. The compiler and
// the agent are asked for it, the very ones that would make it, so that it cannot differ.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { CommandFailure } from '#cli/output/failure.ts';
import { encodeRuleSetForRender } from '#control-plane/rule-set-export.ts';
import { closestName } from '#model/closest-name.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { loadPolicy, type PolicyOptions } from './load-policy.ts';

export interface RenderOptions extends PolicyOptions {
  readonly host: string;
  /** The host's agent.yaml. */
  readonly settings?: string;
  readonly controlPlane?: string;
}

/** Of a script loaded from nothing no revision went before. */
const firstRevision = 1;

export async function runRender(directory: string, options: RenderOptions): Promise<void> {
  const { policy, inventory, now } = await loadPolicy(directory, options);
  const fleet = compileFleet({ policy, inventory, now });
  const ruleSet = fleet.ruleSetOf(options.host, firstRevision);
  if (ruleSet === undefined) {
    const closest = closestName(options.host, fleet.hosts);
    const suggestion = closest === undefined ? '' : `; did you mean "${closest}"?`;
    throw new CommandFailure(
      2,
      'unknown-host',
      `the inventory has no managed workload on host "${options.host}"${suggestion}`,
    );
  }
  const [command, ...leading] = agentCommand();
  const rendered = await execa(command, [...leading, 'render', '--rule-set', '-', ...localOptions(options)], {
    input: encodeRuleSetForRender(ruleSet),
    reject: false,
    stripFinalNewline: false,
    stderr: 'inherit',
    maxBuffer: 1024 * 1024 * 1024,
  });
  if (rendered.exitCode === 2) throw new CommandFailure(2, 'render-refused', 'the agent refused what it was given');
  if (rendered.exitCode !== 0) {
    throw new CommandFailure(
      1,
      'render-failed',
      `${command} could not render the rule set: ${rendered.message ?? `exit code ${rendered.exitCode}`}`,
    );
  }
  process.stdout.write(rendered.stdout);
}

/** What only the host knows of itself. */
function localOptions({ settings, controlPlane }: RenderOptions): readonly string[] {
  return [
    ...(settings === undefined ? [] : ['--config', settings]),
    ...(controlPlane === undefined ? [] : ['--control-plane', controlPlane]),
  ];
}

/** From a checkout the agent beside this file, else the one that is installed. */
function agentCommand(): readonly [string, ...string[]] {
  const checkout = fileURLToPath(new URL('../../../agent/src/main.ts', import.meta.url));
  return existsSync(checkout) ? [process.execPath, checkout] : ['segwall-agent'];
}
