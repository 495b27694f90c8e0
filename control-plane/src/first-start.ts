// What the operator needs to begin: the admin's token, left once in DIR/first-start.json for its owner alone, and what to type next.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface FirstStart {
  readonly apiUrl: string;
  readonly adminToken: string;
  readonly caFingerprint: string;
  /** HOST:PORT for `segwall-agent enroll --control-plane`. */
  readonly agents: string;
}

export function firstStartPath(dataDirectory: string): string {
  return join(dataDirectory, 'first-start.json');
}

export async function writeFirstStart(dataDirectory: string, firstStart: FirstStart): Promise<void> {
  const path = firstStartPath(dataDirectory);
  await writeFile(`${path}.new`, `${JSON.stringify(firstStart, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Later starts: brings the addresses up to date where the operator has kept the file. */
export async function refreshFirstStart(
  dataDirectory: string,
  addresses: Pick<FirstStart, 'apiUrl' | 'agents'>,
): Promise<void> {
  let kept: FirstStart;
  try {
    kept = JSON.parse(await readFile(firstStartPath(dataDirectory), 'utf8')) as FirstStart;
  } catch {
    return; // Taken away or edited by the operator: theirs to keep.
  }
  if (kept.apiUrl !== addresses.apiUrl || kept.agents !== addresses.agents) {
    await writeFirstStart(dataDirectory, { ...kept, ...addresses });
  }
}

export interface Running {
  readonly apiUrl: string;
  readonly agents: string;
  readonly caFingerprint: string;
}

export function renderRunning({ apiUrl, agents, caFingerprint }: Running): string {
  return [
    'Segwall control plane is running.',
    `  agents connect to  ${agents}`,
    `  operators use      ${apiUrl}`,
    `  CA fingerprint     ${caFingerprint}`,
    '',
  ].join('\n');
}

/** Names the file, never the token: this text ends up in journals. */
export function renderNextSteps(dataDirectory: string, { apiUrl, agents, caFingerprint }: Running): string {
  return [
    '',
    `First start. The admin's token is in ${firstStartPath(dataDirectory)}, readable by this user alone.`,
    'Next, as the operator:',
    `  export SEGWALL_SERVER=${apiUrl}`,
    `  segwall --token-file ${firstStartPath(dataDirectory)} tokens create --labels app=shop --uses 1 --ttl 1h`,
    'and on the host to enrol, as root:',
    `  segwall-agent enroll --control-plane ${agents} --ca-fingerprint ${caFingerprint} --token TOKEN --state /var/lib/segwall-agent`,
    '  systemctl start segwall-agent     (without the package: segwall-agent run --state /var/lib/segwall-agent)',
    '',
  ].join('\n');
}
