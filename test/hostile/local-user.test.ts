// A user of the host who is not root, against what the agent keeps there: each attempt is made for real, by a process of such a user, and
// the ones that read are made by root as well, so that a test that could not fail would show.

import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { writeIdentityFile } from '#agent/link/identity-files.ts';
import { openEventLog } from '#agent/state/event-log.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { acquireStateLock } from '#agent/state/state-lock.ts';
import { serveStatus } from '#agent/status/status-socket.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';

const run = promisify(execFile);
const nobody = { uid: 65_534, gid: 65_534 } as const;

let parent: string | undefined;
afterEach(() => {
  if (parent !== undefined) rmSync(parent, { recursive: true, force: true });
});

/** Whether a shell's command succeeds, as that user. */
async function succeeds(command: string, user: object): Promise<boolean> {
  try {
    await run('/bin/sh', ['-c', command], { ...user, cwd: '/' });
    return true;
  } catch (error) {
    // Anything but a command that ran and failed is broken, and proves nothing.
    if (typeof (error as { readonly code?: unknown }).code === 'number') return false;
    throw error;
  }
}

const reads: Readonly<Record<string, string>> = {
  'list the state directory': 'ls .',
  'read the key': 'cat identity/key.pem',
  'read the policy': 'cat last-good/current',
  'read what happened': 'cat events/*.json',
  'read the lock': 'cat agent.lock',
  'ask for the status': "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new($ARGV[0]) or exit 1' agent.sock",
};
const changes: Readonly<Record<string, string>> = {
  'plant a policy': 'echo x > last-good/current',
  'plant one in another place': 'echo x > last-good/previous',
  'open the host': 'echo x > panic',
  'end the panic': 'rm -f panic && ! test -e panic',
  'take the lock away': 'mv agent.lock other',
  'plant settings': 'echo x > agent.yaml',
  'plant a link where the agent writes': 'ln -s /etc/passwd names',
  'plant a link for a temporary file': 'ln -s /etc/passwd flow-progress.1.tmp',
  'link a file of the agent elsewhere': 'ln identity/key.pem /tmp/segwall-stolen-$$',
  'plant an event': 'echo {} > events/000000000000001-1-1.json',
  'plant a batch of flows': 'echo x > spool/0000000000000001.batch',
  'take the place of the socket': 'rm agent.sock',
  'move the state directory away': 'cd .. && mv state other',
  'make it readable': 'chmod 777 .',
};

/** As the agent makes it, and as somebody may have made it before the agent came. */
const beginnings: Readonly<Record<string, (path: string) => void>> = {
  'that the agent made': () => undefined,
  'that was there, open to all': (path) => {
    mkdirSync(path);
    chmodSync(path, 0o777);
  },
};

describe.each(Object.entries(beginnings))('of a state directory %s', (_, begin) => {
  test('a local user can read nothing, change nothing and plant nothing', async () => {
    parent = mkdtempSync(join(tmpdir(), 'segwall-local-'));
    chmodSync(parent, 0o755);
    const path = join(parent, 'state');
    begin(path);
    const state = openStateDirectory(path);
    await state.writeLastGood(Buffer.from('policy'));
    await writeIdentityFile(path, 'key.pem', 'secret');
    openEventLog(path).record('opened', new Map());
    openPanicFlag(path).raise({ since: millis(1), reason: 'x' });
    mkdirSync(state.spoolPath, { mode: 0o700 });
    const lock = assertOk(acquireStateLock(state.lockPath));
    const status = await serveStatus(state.socketPath, () => ({}));
    const inside = (command: string) => `cd ${path} || exit 1; ${command}`;
    const done: string[] = [];
    for (const [what, command] of Object.entries({ ...reads, ...changes }))
      if (await succeeds(inside(command), nobody)) done.push(what);
    const notEvenByRoot: string[] = [];
    for (const [what, command] of Object.entries(reads))
      if (!(await succeeds(inside(command), {}))) notEvenByRoot.push(what);
    await status.close();
    lock.release();
    expect(done).toEqual([]);
    expect(notEvenByRoot).toEqual([]);
    expect(readFileSync(join(path, 'last-good/current')).subarray(0, 6).toString()).toBe('policy');
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });
});

test('a local user can neither list nor change the rules, nor touch connections', async () => {
  const asNobody = (command: string) => `setpriv --reuid=65534 --regid=65534 --clear-groups ${command}`;
  const attempts = [
    'nft list ruleset | grep -q segwall',
    'nft delete table inet segwall',
    'nft flush ruleset',
    'nft add rule inet segwall input accept',
    'conntrack -F',
    'sysctl -qw net.netfilter.nf_conntrack_acct=1',
    'ip link set lo down',
  ];
  // A network namespace of its own: what would work works there alone.
  const script = [
    'nft add table inet segwall && nft add chain inet segwall input || exit 9',
    ...attempts.map((command, at) => `${asNobody(`sh -c '${command}'`)} >/dev/null 2>&1 && echo ${at}`),
    'nft list ruleset | grep -q "chain input" && echo stands',
  ].join('\n');
  const { stdout } = await run('unshare', ['--net', '/bin/sh', '-c', script]);
  expect(stdout.trim().split('\n')).toEqual(['stands']);
});
