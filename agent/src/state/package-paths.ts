// Where the package puts what is the agent's own.

import { join } from 'node:path';

export const packageStateDirectory = '/var/lib/segwall-agent';
const packageSettings = '/etc/segwall/agent.yaml';

/**
 * The host's settings, later ones first to be believed. An agent on a state directory of its own, beside or in place of
 * the package's, has them there; the package's has them in /etc, and what stands in its state directory is read before
 * that.
 */
export function settingsPathsOf(state: string): readonly string[] {
  const inState = join(state, 'agent.yaml');
  return state.replace(/\/+$/, '') === packageStateDirectory ? [inState, packageSettings] : [inState];
}

/** The one to write to. */
export function settingsPathOf(state: string): string {
  return settingsPathsOf(state).at(-1) ?? packageSettings;
}
