// Manual pages and completions hold every command and option of every program, and nothing else: both are made from the program's own
// commands, and read back here as their readers read them.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '#test/support/run-command.ts';
import { describeProgram } from '../../packaging/commands.ts';
import { shells } from '../../packaging/completions.ts';
import { renderManPage } from '../../packaging/man-page.ts';
import { allPrograms, type Program } from '../../packaging/products.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segwall-pages-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function pageOf(program: Program): string {
  return renderManPage({
    program: describeProgram(program.commands()),
    section: program.manSection,
    summary: program.summary,
    version: '1.2.3',
    epochSeconds: 0,
    environment: program.environment ?? {},
    files: program.files ?? {},
    seeAlso: ['segwall(1)'],
  });
}

/** Of commander itself, not by way of the description that the pages are made from. */
function walk(command: Command, path: readonly string[] = []): readonly { at: readonly string[]; command: Command }[] {
  return [{ at: path, command }, ...command.commands.flatMap((child) => walk(child, [...path, child.name()]))];
}

const plain = (roff: string) => roff.replaceAll('\\-', '-');

describe.each(allPrograms)('the manual page of $name', (program) => {
  const page = plain(pageOf(program));

  test.each(walk(program.commands()).filter(({ at }) => at.length > 0))(
    'has command $at with its options',
    ({ at, command }) => {
      const [, section] = page.split(new RegExp(`^\\.SS "${[program.name, ...at].join(' ')}(?: .*)?"$`, 'm'));
      expect(section).toBeDefined();
      const [own = ''] = section?.split(/^\.S[SH] /m) ?? [];
      for (const option of command.options) expect(own).toContain(`.B ${option.flags}\n`);
      for (const argument of command.registeredArguments) expect(page).toContain(argument.name());
    },
  );

  test('has the options of the program', () => {
    for (const option of program.commands().options) expect(page).toContain(`.B ${option.flags}\n`);
  });

  test('is what manual readers take without a warning', async (context) => {
    const file = join(folder, `${program.name}.${program.manSection}`);
    await writeFile(file, pageOf(program));
    const mandoc = await run(['mandoc', '-Tlint', '-Wwarning', file]);
    if (mandoc.exitCode === 127) return context.skip('mandoc is not on this machine');
    expect(mandoc.stdout).toBe('');
    const shown = await run(['mandoc', '-Tutf8', file]);
    // Bold is a letter struck twice.
    const text = shown.stdout
      .split('\b')
      .map((part) => part.slice(0, -1))
      .join('')
      .replaceAll(/\s+/g, ' ');
    expect(text).toContain(program.summary);
  });
});

/** What bash offers after the words, the last of which is being typed. */
async function offered(program: Program, words: readonly string[]): Promise<readonly string[]> {
  const file = join(folder, `${program.name}.bash`);
  await writeFile(file, shells.bash.render(describeProgram(program.commands())));
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _${program.name.replaceAll('-', '_')}; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run(['bash', '--norc', '-c', script, 'bash', file, program.name, ...words]);
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

describe.each(allPrograms)('bash completes $name', (program) => {
  test('with every command, and every option of it, and no other', async () => {
    const whole = program.commands();
    const common = [...whole.options.map(({ long }) => long ?? ''), '--help'];
    for (const { at, command } of walk(whole)) {
      const inherited = at.length === 0 ? common : common.filter((flag) => flag !== '--version');
      const expected = [
        ...command.commands.map((child) => child.name()),
        ...command.options.map(({ long }) => long ?? ''),
        ...inherited,
      ];
      expect({ at, words: [...(await offered(program, [...at, '']))].sort() }).toEqual({
        at,
        words: [...new Set(expected)].sort(),
      });
    }
  });
});

const segwall = allPrograms.find(({ name }) => name === 'segwall');

describe('after', () => {
  test.each([
    ['the beginning of a command', ['ag'], ['agents']],
    ['an option with a value, what it may be', ['policy', 'check', '--format', ''], ['text', 'json', 'sarif']],
    ['the same, begun', ['policy', 'check', '--format', 's'], ['sarif']],
    ['the same, with "="', ['policy', 'check', '--format', '=', 'j'], ['json']],
    ['an option with a value of any kind, file names alone', ['--token-file', ''], []],
    ['an option’s value, the command goes on', ['--token-file', 'x', 'agents', 'rev'], ['revoke']],
    ['an argument, the options', ['policy', 'check', 'dir', '--str'], ['--strict']],
  ] as const)('%s', async (_, words, expected) => {
    if (segwall === undefined) throw new Error('segwall is among the programs');
    expect(await offered(segwall, words)).toEqual(expected);
  });
});

describe.each([
  ['zsh', ['zsh', '-n']],
  ['fish', ['fish', '--no-execute']],
] as const)('%s', (shell, check) => {
  test('reads the completions of every program', async (context) => {
    for (const program of allPrograms) {
      const file = join(folder, `${program.name}.${shell}`);
      await writeFile(file, shells[shell].render(describeProgram(program.commands())));
      const { exitCode, stderr } = await run([...check, file]);
      if (exitCode === 127) return context.skip(`${shell} is not on this machine`);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    }
  });
});
