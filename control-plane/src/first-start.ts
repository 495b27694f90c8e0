// What the operator needs to begin: the admin's token, left once in DIR/first-start.json for its owner alone, and what to type next.
// The token is on disk before it is worth anything, and in its place only afterwards: whatever ends a first start in between, the
// next one finishes it, or begins anew.

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
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

/** Written beside its place, where `publishFirstStart` finds it. */
export async function prepareFirstStart(dataDirectory: string, firstStart: FirstStart): Promise<void> {
  const text = `${JSON.stringify(firstStart, null, 2)}\n`;
  // A file that is there would keep its mode.
  await rm(preparedPath(dataDirectory), { force: true });
  await writeFile(preparedPath(dataDirectory), text, { mode: 0o600, flush: true });
}

export async function publishFirstStart(dataDirectory: string): Promise<void> {
  await rename(preparedPath(dataDirectory), firstStartPath(dataDirectory));
}

/** What a start that ended too early has prepared and not published; its token may have become worth something, or not. */
export async function readPrepared(dataDirectory: string): Promise<FirstStart | undefined> {
  return readFirstStart(preparedPath(dataDirectory));
}

function preparedPath(dataDirectory: string): string {
  return `${firstStartPath(dataDirectory)}.new`;
}

async function readFirstStart(path: string): Promise<FirstStart | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as FirstStart;
  } catch {
    return undefined;
  }
}

/** Later starts: brings the addresses up to date where the operator has kept the file. */
export async function refreshFirstStart(
  dataDirectory: string,
  addresses: Pick<FirstStart, 'apiUrl' | 'agents'>,
): Promise<void> {
  const kept = await readFirstStart(firstStartPath(dataDirectory));
  if (kept === undefined) return; // Taken away or edited by the operator: theirs to keep.
  if (kept.apiUrl === addresses.apiUrl && kept.agents === addresses.agents) return;
  await prepareFirstStart(dataDirectory, { ...kept, ...addresses });
  await publishFirstStart(dataDirectory);
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
    `  segwall --token-file ${firstStartPath(dataDirectory)} tokens create --labels app=shop --uses 1 --ttl 1h > join.token`,
    'and on the host to enrol, as root:',
    `  segwall-agent enroll --control-plane ${agents} --ca-fingerprint ${caFingerprint} --token-file join.token`,
    '  systemctl start segwall-agent     (without the package: segwall-agent run)',
    '',
  ].join('\n');
}
