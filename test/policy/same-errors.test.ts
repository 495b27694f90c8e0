// The same bad directory gives the same errors offline and at apply: every wrong document through a running control plane's API and
// through the check of the offline commands, and all of them as one directory through the two commands themselves.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from '#control-plane/server.ts';
import { readSettings } from '#control-plane/settings/settings.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { programPath } from '#test/support/programs.ts';

const fixtures = fileURLToPath(new URL('../fixtures/policy/wrong/', import.meta.url));
const names = readdirSync(fixtures).filter((file) => file.endsWith('.yaml'));
const base = mkdtempSync(join(tmpdir(), `segwall-same-errors-${process.pid}-`));
const data = join(base, 'data');
let controlPlane: ControlPlane;
let token: string;

beforeAll(async () => {
  mkdirSync(data);
  const settings = assertOk(readSettings({ data, agents: '127.0.0.1:0', api: '127.0.0.1:0' }, {}));
  const died = (error: Error) => {
    throw error;
  };
  controlPlane = await startControlPlane({ settings, log: pino({ level: 'silent' }), version: '0.0.0', died });
  token = (JSON.parse(readFileSync(join(data, 'first-start.json'), 'utf8')) as { adminToken: string }).adminToken;
});

afterAll(async () => {
  await controlPlane.stop();
  rmSync(base, { recursive: true, force: true });
});

interface Found {
  readonly severity: string;
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly suggestion?: string;
}

/** One line a problem. A Workload of a managed kind is an error on the server alone, where agents register themselves. */
function lines(problems: readonly Found[], severities: readonly string[]): readonly string[] {
  return problems
    .filter(({ severity, code }) => severities.includes(severity) && code !== 'kind-not-here')
    .map(({ severity, code, file, line, column, message, suggestion }) =>
      [file, line, column, severity, code, message, suggestion ?? ''].join(' | '),
    );
}

async function appliedProblems(path: string, text: string): Promise<readonly Found[]> {
  const response = await fetch(new URL('/api/v1/policy/apply', controlPlane.apiUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ path, text }], mode: 'save-draft', tests: 'skip' }),
  });
  const answer = (await response.json()) as {
    readonly warnings?: readonly Found[];
    readonly error?: { readonly code: string; readonly problems: readonly Found[] };
  };
  if (answer.error !== undefined) expect(answer.error.code).toBe('policy-invalid');
  return answer.error?.problems ?? answer.warnings ?? [];
}

describe('each wrong document', () => {
  test.each(names)('%s', async (name) => {
    const text = readFileSync(join(fixtures, name), 'utf8');
    const applied = await appliedProblems(name, text);
    const offline = checkPolicy({
      files: [{ path: name, text }],
      inventoryFiles: [],
      now: millis(Date.now()),
      mode: 'offline',
    }).problems;
    const isManaged = applied.some(({ code }) => code === 'kind-not-here');
    const severities = isManaged ? ['error'] : ['error', 'warning'];
    expect(lines(applied, severities)).toEqual(lines(offline, severities));
    expect(applied).not.toEqual([]);
  });
});

test('one whose selectors match too many workloads, all together', async () => {
  const documents = [
    ...Array.from({ length: 3000 }, (_, at) => ({
      kind: 'Workload',
      metadata: { name: `x-${at}` },
      spec: { kind: 'external', addresses: [`10.${at >> 8}.${at & 255}.1`] },
    })),
    ...Array.from({ length: 1700 }, (_, at) => ({
      kind: 'Segment',
      metadata: { name: `s-${at}` },
      spec: { selector: `name != "nobody-${at}"` },
    })),
  ];
  const path = 'many.yaml';
  const text = documents.map((one) => JSON.stringify({ apiVersion: 'segwall/v1', ...one })).join('\n');
  const { problems } = checkPolicy({ files: [{ path, text }], now: millis(0), mode: 'offline' });
  expect(problems.map(({ code }) => code)).toEqual(['too-many-memberships']);
  expect(lines(await appliedProblems(path, text), ['error'])).toEqual(lines(problems, ['error']));
});

describe('the two commands', () => {
  const program = programPath('segwall');

  function segwall(args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
    return new Promise((done) => {
      execFile(process.execPath, [program, ...args], { maxBuffer: 1 << 26 }, (error, stdout) => {
        done({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout });
      });
    });
  }

  async function problemsOfBoth(directory: string) {
    const tokenFile = join(base, 'token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const server = ['--server', controlPlane.apiUrl.toString(), '--token-file', tokenFile];
    const inventory = join(base, 'inventory.yaml');
    writeFileSync(inventory, '');
    const [checked, applied] = await Promise.all([
      segwall(['policy', 'check', directory, '--inventory', inventory, '--json']),
      segwall([...server, 'apply', directory, '--json']),
    ]);
    expect([checked.code, applied.code]).toEqual([1, 1]);
    return {
      checked: (JSON.parse(checked.out) as { problems: readonly Found[] }).problems,
      applied: (JSON.parse(applied.out) as { error: { problems: readonly Found[] } }).error.problems,
    };
  }

  test('of all wrong documents as one directory', async () => {
    const directory = join(base, 'all');
    mkdirSync(directory);
    for (const name of names) cpSync(join(fixtures, name), join(directory, name));
    const { checked, applied } = await problemsOfBoth(directory);
    expect(lines(applied, ['error'])).toEqual(lines(checked, ['error']));
    expect(checked.length).toBeGreaterThan(100);
  });

  test('of one with a link that leaves it, a file that is no text, and an error besides', async () => {
    const directory = join(base, 'unreadable');
    mkdirSync(directory);
    symlinkSync(join(base, 'elsewhere.yaml'), join(directory, 'broken.yaml'));
    symlinkSync(base, join(directory, 'out'));
    writeFileSync(join(directory, 'latin1.yaml'), Buffer.from([0x23, 0xe9, 0x0a]));
    writeFileSync(join(directory, 'wrong.yaml'), 'kind: Segmnt\n');
    const { checked, applied } = await problemsOfBoth(directory);
    expect(lines(applied, ['error'])).toEqual(lines(checked, ['error']));
    expect(new Set(checked.map(({ file }) => file))).toEqual(
      new Set(['broken.yaml', 'out', 'latin1.yaml', 'wrong.yaml']),
    );
  });
});
