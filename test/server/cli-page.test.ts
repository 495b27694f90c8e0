// The page on the commands names every command that there is, and no other.

import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { registerServerCommands } from '#cli/server/register.ts';

function pathsOf(command: Command, path: string): readonly string[] {
  const own = command.commands.flatMap((child) => pathsOf(child, `${path} ${child.name()}`));
  const isGroup = command.commands.length > 0 && !['agents', 'audit', 'ca'].includes(command.name());
  return isGroup ? own : [path, ...own];
}

test('every server command stands in docs/reference/cli.md', async () => {
  const page = await readFile(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');
  const section = page.split('\n## ').find((text) => text.startsWith('segwall, against a control plane')) ?? '';
  const written = [...section.matchAll(/^\| `(segwall [a-z][a-z-]*(?: [a-z][a-z-]*)?)[^`]*` \|/gm)].map(
    (match) => match[1],
  );
  const program = new Command('segwall');
  registerServerCommands(program);
  const existing = program.commands.flatMap((child) => pathsOf(child, `segwall ${child.name()}`));
  expect(written.sort()).toEqual([...existing].sort());
});
