// Which Git commit a policy directory is of, for the history. Nothing is asked where there is no Git, or no checkout.

import { execa } from 'execa';

/** "HEX", or "HEX-dirty" where files of the directory differ from it. */
export async function gitCommitOf(directory: string): Promise<string | undefined> {
  const git = (args: readonly string[]) =>
    execa('git', ['-C', directory, ...args], { reject: false, timeout: 5000, stdin: 'ignore', stderr: 'ignore' });
  const head = await git(['rev-parse', '--verify', 'HEAD']);
  const commit = typeof head.stdout === 'string' ? head.stdout.trim() : '';
  if (head.failed || !/^[0-9a-f]{40,64}$/.test(commit)) return undefined;
  const changes = await git(['status', '--porcelain', '--', '.']);
  const isClean = !changes.failed && changes.stdout === '';
  return isClean ? commit : `${commit}-dirty`;
}
