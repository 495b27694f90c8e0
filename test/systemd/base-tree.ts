// A minimal Debian tree that systemd can boot, made once by debootstrap from the machine's own package source and kept among its
// temporary files; each machine of a test gets a copy.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#test/support/run-command.ts';

/** The oldest Debian that is supported, with systemd 252; and the next, with systemd 257. */
export type Suite = 'bookworm' | 'trixie';
/** What the Segwall packages depend on, so that they install without a network. */
const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'nftables',
  'conntrack',
  'iproute2',
  'libstdc++6',
  'init-system-helpers',
];

/** The machine's own source of Debian packages; without one debootstrap falls back to its default. */
async function findMirror(suite: Suite): Promise<string | undefined> {
  const { stdout } = await run(['apt-get', 'indextargets', '--format', '$(SITE) $(RELEASE)', 'Created-By: Packages']);
  const sites = stdout.split('\n').map((line) => line.split(' '));
  return (sites.find(([, release]) => release === suite) ?? sites[0])?.[0] || undefined;
}

/** The path of the tree, made now if need be (about a minute). */
export async function provideBaseTree(suite: Suite = 'bookworm'): Promise<string> {
  const recipe = JSON.stringify([suite, packages, process.arch]);
  const tree = join(tmpdir(), `segwall-debian-${createHash('sha256').update(recipe).digest('hex').slice(0, 12)}`);
  if (existsSync(tree)) return tree;
  const unfinished = `${tree}.${process.pid}`;
  const mirror = await findMirror(suite);
  const made = await run(
    [
      'debootstrap',
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      suite,
      unfinished,
      ...(mirror === undefined ? [] : [mirror]),
    ],
    { timeoutMs: 600_000 },
  );
  if (made.exitCode !== 0) {
    await rm(unfinished, { recursive: true, force: true });
    throw new Error(`debootstrap failed (${made.exitCode}):\n${made.stdout.slice(-1500)}\n${made.stderr.slice(-1500)}`);
  }
  await rename(unfinished, tree).catch(async (error: NodeJS.ErrnoException) => {
    await rm(unfinished, { recursive: true, force: true });
    // Another run finished its tree first.
    if (!existsSync(tree)) throw error;
  });
  return tree;
}
