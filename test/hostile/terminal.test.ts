// Text of others never reaches a terminal as anything but text: a control plane that was taken, or a host whose words it passes on, answers
// with sequences that move the cursor, rename the window, turn lines around or begin lines of their own.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { oneLine, safeText } from '#model/safe-text.ts';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';

/** Each is a way to do more than be read. */
const hostile = {
  'a colour': '\u001b[31mred\u001b[0m',
  'the window’s title': '\u001b]0;owned\u0007',
  'a C1 sequence': '\u009b2Jgone',
  'a carriage return': 'refused\rallowed',
  'a backspace': 'deny\b\b\b\ballow',
  'a line of its own': 'x\nweb-1  connected  in force',
  'a turned line': 'a\u202eb\u2066c',
  'a line separator': 'a\u2028b',
  'NUL and DEL': 'a\u0000b\u007fc',
} as const;

const words = Object.values(hostile);
const entries = words.map((text, at) => ({
  ...{ seq: at + 1, at: 1_700_000_000_000 + at, tenant: 'default', actor: `agent/${text}`, action: text, target: text },
  ...{ details: JSON.stringify({ reason: text }), previousHash: '', hash: '' },
}));

let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, reply) => {
    const asked = new URL(request.url ?? '/', 'http://localhost');
    const isAudit = asked.pathname === '/api/v1/audit';
    const after = Number(asked.searchParams.get('after') ?? 0);
    const body = isAudit
      ? entries.filter(({ seq }) => seq > after)
      : { error: { code: 'bad-request', message: words.join(' and ') } };
    reply.writeHead(isAudit ? 200 : 400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

async function segwall(args: readonly string[]) {
  return run([process.execPath, '--disable-warning=ExperimentalWarning', programPath('segwall'), ...args], {
    env: { SEGWALL_SERVER: url, SEGWALL_TOKEN: 'swo_x' },
  });
}

/** What a terminal would do something with, but for the line feeds that are ours. */
const active = /[^\P{Cc}\n]|\p{Cf}|\u2028|\u2029/u;

describe('safe text', () => {
  test.each(Object.entries(hostile))('of %s is visible, and one line where it is asked for', (_, text) => {
    expect(active.test(safeText(text))).toBe(false);
    expect(oneLine(text)).not.toContain('\n');
  });

  test('leaves every other letter alone', () => {
    const text = 'größer – 試験 🎉 tab\tand\nlines';
    expect(safeText(text)).toBe(text);
  });
});

describe('the operator’s command', () => {
  test('prints a table of others’ text, a line an entry', async () => {
    const { stdout, exitCode } = await segwall(['audit']);
    expect(exitCode).toBe(0);
    expect(active.exec(stdout)?.index ?? 'none').toBe('none');
    expect(stdout.trimEnd().split('\n')).toHaveLength(1 + entries.length);
  });

  test('prints documents that hold no control character and say the same', async () => {
    const { stdout } = await segwall(['audit', '--json']);
    expect(active.exec(stdout)?.index ?? 'none').toBe('none');
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly target: string }).target);
    expect(told).toEqual(words);
  });

  test('prints an error of a server’s making', async () => {
    const { stderr, exitCode } = await segwall(['status']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('owned');
    expect(active.exec(stderr)?.index ?? 'none').toBe('none');
  });

  test('repeats wrong arguments as text', async () => {
    const { stderr, exitCode } = await segwall(['policy', 'check', `no-${words.slice(0, 4).join('')}`]);
    expect(exitCode).toBe(2);
    expect(active.exec(stderr)?.index ?? 'none').toBe('none');
  });
});
