// What all suites together need of a machine, asked once before they begin: one sentence that names all that is missing is worth more
// than a hundred red tests. Programs and npm packages are packaging/set-up.sh's to add.

import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { run } from './support/run-command.ts';

export const needs = {
  memoryGib: 4,
  /** For temporary files: Debian trees, packages, stores. */
  diskGib: 4,
  /** On two cores that do nothing else. */
  minutes: 20,
} as const;

export interface MachineFacts {
  readonly user: number;
  readonly memoryGib: number;
  readonly diskGib: number;
  readonly directory: string;
  /** Of the kernel; each with what was said when it was tried. */
  readonly lacking: readonly { readonly feature: string; readonly said: string }[];
}

/** One sentence, or undefined where nothing is missing. */
export function whatIsMissing(facts: MachineFacts): string | undefined {
  const missing = [
    ...(facts.user === 0 ? [] : ['root (it makes network namespaces, cgroups and mounts)']),
    ...(facts.memoryGib < needs.memoryGib
      ? [`${needs.memoryGib} GiB of memory (there are ${text(facts.memoryGib)})`]
      : []),
    ...(facts.diskGib < needs.diskGib
      ? [
          `${needs.diskGib} GiB free in ${facts.directory} (there are ${text(facts.diskGib)}; TMPDIR names another place)`,
        ]
      : []),
    ...facts.lacking.map(({ feature, said }) => `a kernel with ${feature} (${said})`),
  ];
  if (missing.length === 0) return undefined;
  return `npm test needs ${missing.join('; ')}. npm test -- test/policy and other folders that need no kernel run without.`;
}

/** Each tried in a network namespace that ends with it. */
const features: readonly (readonly [string, readonly string[]])[] = [
  ['nf_tables', ['nft', 'list', 'ruleset']],
  ['connection tracking over netlink', ['conntrack', '-L']],
  ['veth devices', ['ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1']],
  ['bridges', ['ip', 'link', 'add', 'b0', 'type', 'bridge']],
  ['macvlan devices', ['sh', '-c', 'ip link add b0 type bridge && ip link add link b0 name m0 type macvlan']],
  ['IPv6', ['ip', '-6', 'addr', 'add', 'fd00::1/64', 'dev', 'lo']],
];

export async function readMachine(): Promise<MachineFacts> {
  const directory = tmpdir();
  const lacking: { feature: string; said: string }[] = [];
  for (const [feature, argv] of features) {
    const tried = await run(['unshare', '--net', '--', ...argv]);
    if (tried.exitCode === 0) continue;
    lacking.push({ feature, said: tried.stderr.trim().split('\n')[0] ?? `exit ${tried.exitCode}` });
  }
  const filesystems = await readFile('/proc/filesystems', 'utf8');
  if (!/\tcgroup2$/m.test(filesystems)) lacking.push({ feature: 'cgroup v2', said: 'not in /proc/filesystems' });
  const { bavail, bsize } = await statfs(directory);
  return {
    user: process.getuid?.() ?? -1,
    // What firmware keeps of the memory sold is not missed.
    memoryGib: Math.ceil((totalmem() / 2 ** 30) * 4) / 4,
    diskGib: (bavail * bsize) / 2 ** 30,
    directory,
    lacking,
  };
}

export function statement(): string {
  return (
    `needs root, ${needs.memoryGib} GiB of memory, ${needs.diskGib} GiB in ${tmpdir()}, and a kernel with ` +
    `${features.map(([feature]) => feature).join(', ')} and cgroup v2; about ${needs.minutes} minutes on two cores (here are ${availableParallelism()})`
  );
}

function text(gib: number): string {
  return gib.toFixed(1);
}
