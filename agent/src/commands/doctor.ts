// `segwall-agent doctor`: checks what keeps this host from being protected or connected, with a remedy each. Asks the
// running agent, and looks by itself at what an agent that does not run cannot tell. Changes nothing.

import { existsSync } from 'node:fs';
import { readFreeDisk } from '#agent/host/kernel-room.ts';
import { openControlPlaneReach } from '#agent/link/control-plane-reach.ts';
import { certificateTimes, type IdentityFiles, readIdentityFiles } from '#agent/link/identity-files.ts';
import { createNft } from '#agent/nft/nft.ts';
import { loadSettings } from '#agent/settings/settings-files.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { type AgentStatusDocument, askStatus } from '#agent/status/status-socket.ts';
import { type HostProblemCode, hostProblemCatalogue } from '#agent-core/host/host-problem-catalogue.ts';
import { certificateProblems, entryOf, type HostProblem } from '#agent-core/host/host-problems.ts';
import { tableName } from '#agent-core/table/table.ts';
import { systemClock } from '#clock/system-clock.ts';
import { settingProblemText } from '#model/settings-file.ts';
import { parseControlPlaneAddress, parseControlPlaneAddresses } from '#wire/control-plane-address.ts';

interface Check {
  readonly name: string;
  /** What was found, where nothing is wrong. */
  readonly found: string;
  readonly problems: readonly HostProblem[];
}

const tryMs = 5000;
const least = 16 << 20;

/** The exit code: 0 where nothing is wrong, 1 where something is, 3 where it may not look. */
export async function doctorCommand(options: { readonly state: string; readonly json: boolean }): Promise<0 | 1 | 3> {
  const isRoot = process.getuid?.() === 0;
  const checks = isRoot ? await checkAll(options.state) : [trouble('rights', 'not-root', 'this is not root')];
  const problems = uniquely(checks.flatMap((check) => check.problems));
  if (options.json) {
    const told = problems.map(({ code, text }) => ({ code, text, remedy: entryOf(code).remedy }));
    const found = checks.flatMap(({ name, found, problems: none }) => (none.length === 0 ? [{ name, found }] : []));
    process.stdout.write(`${JSON.stringify({ problems: told, good: found })}\n`);
  } else {
    for (const { name, found, problems: own } of checks) if (own.length === 0) line('good', `${name}: ${found}`);
    for (const { code, text } of problems) {
      line('PROBLEM', `${code}: ${text}`);
      const { meaning, remedy } = entryOf(code);
      process.stdout.write(`          ${meaning}\n          ${remedy}\n`);
    }
  }
  if (!isRoot) return 3;
  return problems.length === 0 ? 0 : 1;
}

function line(word: 'good' | 'PROBLEM', text: string): void {
  process.stdout.write(`${word.padEnd(9)} ${text}\n`);
}

/** The running agent's word comes first: it knows more than a look from outside. */
function uniquely(problems: readonly HostProblem[]): readonly HostProblem[] {
  const severalTimes: ReadonlySet<HostProblemCode> = new Set([
    'mark-shared',
    'others-override',
    'container-addresses',
    'unjudged-containers',
  ]);
  const seen = new Set<HostProblemCode>();
  return problems.filter(({ code }) => {
    if (seen.has(code) && !severalTimes.has(code)) return false;
    seen.add(code);
    return true;
  });
}

async function checkAll(statePath: string): Promise<readonly Check[]> {
  const agent = await checkAgent(statePath);
  const identity = await readIdentityFiles(statePath);
  const nft = await checkNft();
  const checks: Check[] = [
    agent.check,
    identity.ok
      ? good('identity', `${identity.value.host}, of ${identity.value.controlPlane}`)
      : trouble('identity', identity.error.code, identity.error.message),
    nft,
    await checkSettings(statePath),
    checkDisk(statePath),
  ];
  if (identity.ok) {
    const problems = certificateProblems(certificateTimes(identity.value.certificate), systemClock.wall());
    const ends = new Date(certificateTimes(identity.value.certificate).notAfter).toISOString();
    checks.push({ name: 'certificate', found: `ends ${ends}`, problems });
    if (agent.status?.connected !== true) checks.push(await checkReach(statePath, identity.value));
  }
  if (nft.problems.length === 0) checks.push(await checkTable(statePath, agent.status));
  return checks;
}

async function checkAgent(statePath: string): Promise<{
  readonly check: Check;
  readonly status?: AgentStatusDocument;
}> {
  if (!existsSync(statePath))
    return { check: trouble('agent', 'not-enrolled', `there is no state directory ${statePath}`) };
  const answer = await askStatus(openStateDirectory(statePath).socketPath);
  if (!answer.ok)
    return { check: trouble('agent', 'agent-not-running', `no agent answers on ${statePath}: ${answer.error}`) };
  const status = answer.value as AgentStatusDocument;
  const problems = (status.problems ?? []).flatMap(({ code, text }): readonly HostProblem[] =>
    isKnown(code) ? [{ code, text }] : [],
  );
  const found = `process ${status.pid}, ${status.connected ? 'connected' : 'not connected'}, revision ${status.applied}`;
  return { check: { name: 'agent', found, problems }, status };
}

/** A newer agent may report codes that this command does not know; `status` shows them. */
function isKnown(code: string): code is HostProblemCode {
  return Object.hasOwn(hostProblemCatalogue, code);
}

async function checkNft(): Promise<Check> {
  const listed = await createNft().list(['--version']);
  return listed.ok
    ? good('nft', listed.value.trim())
    : trouble('nft', 'nft-missing', `nft does not run: ${listed.error}`);
}

async function checkSettings(statePath: string): Promise<Check> {
  if (!existsSync(statePath)) return good('settings', 'all defaults');
  const loaded = await loadSettings({ state: statePath });
  return loaded.ok
    ? good('settings', loaded.value.files.length === 0 ? 'all defaults' : `read: ${loaded.value.files.join(', ')}`)
    : trouble('settings', 'settings-invalid', loaded.error.map(settingProblemText).join('; '));
}

function checkDisk(statePath: string): Check {
  const free = readFreeDisk(statePath);
  if (free === undefined) return good('disk', 'not known');
  const text = `${free.bytes >> 20} MiB are free at ${statePath}`;
  return free.bytes < least || free.blocks === 'none' ? trouble('disk', 'disk-full', text) : good('disk', text);
}

/** With the rules of now, from this process: a table that lets the agent alone through denies nothing to root. */
async function checkReach(statePath: string, identity: IdentityFiles): Promise<Check> {
  const controlPlanes = parseControlPlaneAddresses(identity.controlPlane);
  if (!controlPlanes.ok) return trouble('control plane', 'identity-damaged', controlPlanes.error);
  const proxy = identity.proxy === undefined ? undefined : parseControlPlaneAddress(identity.proxy);
  const reach = await openControlPlaneReach({
    controlPlanes: controlPlanes.value,
    ...(proxy?.ok === true && { proxy: proxy.value }),
    stateDirectory: statePath,
    owner: { uid: 0 },
  });
  const limit = new AbortController();
  const outcome = await Promise.race([
    reach.tryConnect(limit.signal),
    systemClock.sleep(tryMs).then(() => ({ ok: false as const, error: `no answer within ${tryMs} ms` })),
  ]);
  limit.abort();
  return outcome.ok
    ? good('control plane', `${identity.controlPlane} can be reached`)
    : trouble('control plane', 'control-plane-unreachable', outcome.error);
}

async function checkTable(statePath: string, status: AgentStatusDocument | undefined): Promise<Check> {
  const listed = await createNft().list(['-t', 'list', 'table', ...tableName.split(' ')]);
  if (listed.ok) return good('table', `${tableName} is in the kernel`);
  const isOpened = status?.isOpened === true || status?.panic !== undefined;
  const stored = existsSync(statePath) ? await openLastGoodStore(openStateDirectory(statePath)).read() : undefined;
  if (stored?.kind === 'found' && !isOpened)
    return trouble('table', 'table-missing', `there is no table ${tableName}, and a policy of this host is on disk`);
  return trouble('table', isOpened ? 'opened' : 'no-policy', 'no table is in the kernel: this host is open');
}

function good(name: string, found: string): Check {
  return { name, found, problems: [] };
}

function trouble(name: string, code: HostProblemCode, text: string): Check {
  return { name, found: '', problems: [{ code, text }] };
}
