// The offline commands as an operator runs them: exit codes, formats, streams. Each row starts the real program.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';
import { document, segment, workloads } from './world.ts';

const program = programPath('segwall');
const base = mkdtempSync(join(tmpdir(), `segwall-commands-${process.pid}-`));
afterAll(() => rmSync(base, { recursive: true }));

function directory(name: string, text: string): string {
  const path = join(base, name);
  mkdirSync(path);
  writeFileSync(join(path, 'policy.yaml'), text);
  return path;
}

const shop = segment(
  'shop',
  'selector: app == "shop"\ninbound: enforce\nrules:\n  - { name: web, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8080], expires: 2027-01-01T00:00:00Z }',
);
const good = directory(
  'good',
  shop + document('PolicyTest', 'tests', 'tests:\n  - { from: web, to: api, service: tcp/8080, expect: allow }'),
);
const failing = directory(
  'failing',
  shop +
    document(
      'PolicyTest',
      'tests',
      'tests:\n  - { from: web, to: api, service: tcp/1, expect: allow }\n  - { from: api, to: api, service: any, expect: allow }',
    ),
);
const bad = directory('bad', segment('shop', 'selector: app = "shop"'));
const inventory = join(base, 'inventory.yaml');
writeFileSync(
  inventory,
  workloads('web h1 10.0.0.1,fd00::1 app=shop,role=web', 'api h2 10.0.0.2,fd00::2 app=shop,role=api'),
);

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function segwall(args: readonly string[], input = ''): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  return { code: status, out: stdout, err: stderr };
}

const at = ['--at', '2026-06-01T00:00:00Z'];

describe('exit codes', () => {
  const rows: readonly (readonly [args: readonly string[], code: number, out: RegExp, err: RegExp])[] = [
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    [['--help'], 0, /policy/, /^$/],
    [['policy', 'eval', '--help'], 0, /"src"/, /^$/],
    [['nonsense'], 2, /^$/, /unknown command/],
    [['policy', 'chek', good], 2, /^$/, /Did you mean check/],
    [['policy', 'check'], 2, /^$/, /missing required argument/],
    [['policy', 'check', good, '--format', 'xml'], 2, /^$/, /Allowed choices/],
    [['policy', 'check', join(base, 'none')], 2, /^$/, /cannot-read/],
    [['policy', 'check', good, ...at], 0, /^0 errors, 0 warnings in 1 file/, /^$/],
    [['policy', 'check', good, '--inventory', join(base, 'none')], 2, /^$/, /cannot-read/],
    [['policy', 'check', bad], 1, /policy\.yaml:6:17: error: .* \[bad-selector\]/, /^$/],
    [['policy', 'check', good, '--strict', '--at', '2027-06-01T00:00:00Z'], 1, /rule-expired/, /^$/],
    [['policy', 'check', good, '--at', 'tomorrow'], 2, /^$/, /--at is "tomorrow"/],
    [['policy', 'test', good, '--inventory', inventory, ...at], 0, /1 test held, 0 failed/, /^$/],
    [['policy', 'test', failing, '--inventory', inventory, ...at], 1, /FAILS.*\n.*expected allow, found deny/, /^$/],
    [['policy', 'test', bad, '--inventory', inventory], 1, /^$/, /bad-selector.*\n.*\n.*policy-invalid/],
    [['policy', 'test', good], 2, /^$/, /no-inventory/],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, 'web', 'api', 'tcp/8080'],
      0,
      /allow by rule shop\/web/,
      /^$/,
    ],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, '10.0.0.2', 'web', 'tcp/8080'],
      0,
      /fails role == "web" \(role is "api"\)/,
      /^$/,
    ],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, 'wbe', 'api', 'tcp/8080'],
      2,
      /^$/,
      /did you mean web/,
    ],
    [['policy', 'explain', good, '--inventory', inventory, ...at, 'web', 'api', 'tcp/1-2'], 2, /^$/, /not one service/],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, '--why-not', 'shop/web', 'api', 'web', 'tcp/8080'],
      0,
      /the rule does not hit/,
      /^$/,
    ],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, '--why-not', 'shop/web', 'web', 'api', 'tcp/8080'],
      1,
      /the rule grants here/,
      /^$/,
    ],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, '--why-not', 'shop/wb', 'web', 'api', 'tcp/8080'],
      2,
      /^$/,
      /did you mean shop\/web/,
    ],
    [['policy', 'render', good, '--inventory', inventory, ...at, '--host', 'h9'], 2, /^$/, /unknown-host/],
    [
      ['policy', 'render', good, '--inventory', inventory, '--host', 'h1', '--control-plane', '192.0.2.1:7443'],
      0,
      /tcp th dport 7443/,
      /^$/,
    ],
    [
      ['policy', 'render', good, '--inventory', inventory, '--host', 'h1', '--control-plane', 'cp.example:7443'],
      2,
      /^$/,
      /control-plane-invalid: "cp\.example:7443" is not ADDRESS:PORT\n.*\nerror: render-refused/,
    ],
    [
      ['policy', 'render', good, '--inventory', inventory, '--host', 'h1', '--settings', join(base, 'none')],
      2,
      /^$/,
      /settings-invalid/,
    ],
    [
      ['policy', 'explain', good, '--inventory', inventory, ...at, '203.0.113.1', 'web', 'tcp/8080'],
      0,
      /^outbound end: 203\.0\.113\.1: unmanaged\n[\s\S]*; outbound unmanaged; inbound deny by default\/shop$/m,
      /^$/,
    ],
    [['policy', 'schema'], 0, /json-schema\.org/, /^$/],
  ];
  test.concurrent.each(rows)('segwall %j is %i', (args, code, out, err) => {
    const ran = segwall(args);
    expect({ code: ran.code, out: out.test(ran.out) || ran.out, err: err.test(ran.err) || ran.err }).toEqual({
      code,
      out: true,
      err: true,
    });
  });
});

describe('eval', () => {
  const rule = { verdict: 'allow', reason: 'rule', workload: 'api', segment: 'shop', rule: 'web' };
  const rows: readonly (readonly [line: string, answer: unknown])[] = [
    [
      '{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":8080}',
      { verdict: 'allow', outbound: { ...rule, workload: 'web' }, inbound: rule },
    ],
    [
      '{"src":"fd00:0::1","dst":"fd00::2","proto":6,"port":8080,"id":7}',
      { verdict: 'allow', outbound: { ...rule, workload: 'web' }, inbound: rule },
    ],
    [
      '{"src":"203.0.113.1","dst":"10.0.0.2","proto":"icmp","type":8}',
      {
        verdict: 'deny',
        outbound: { verdict: 'unmanaged', reason: 'unmanaged' },
        inbound: { verdict: 'deny', reason: 'default', workload: 'api', segment: 'shop' },
      },
    ],
    [
      '{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":8080,"at":"2027-01-01T00:00:00Z"}',
      {
        verdict: 'deny',
        outbound: { verdict: 'would-deny', reason: 'default', workload: 'web', segment: 'shop' },
        inbound: { verdict: 'deny', reason: 'default', workload: 'api', segment: 'shop' },
      },
    ],
    [
      '{"src":"10.0.0.1","dst":"10.0.0.1","proto":"47","srcWorkload":"web","at":1}',
      {
        verdict: 'allow',
        outbound: { verdict: 'allow', reason: 'essential', workload: 'web' },
        inbound: { verdict: 'allow', reason: 'essential', workload: 'web' },
      },
    ],
  ];
  const wrong: readonly (readonly [line: string, code: string, message?: string])[] = [
    ['nonsense', 'bad-json'],
    ['[]', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp"}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":65536}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":0}', 'bad-query', '"port" is 0;'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"gre"}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"fd00::2","proto":"tcp","port":1}', 'bad-query'],
    ['{"src":"010.0.0.1","dst":"10.0.0.2","proto":"tcp","port":1}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"icmp","port":8}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":1,"srcworkload":"web"}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":1,"srcWorkload":"nope"}', 'unknown-workload'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":1,"srcWorkload":"api"}', 'bad-query'],
    ['{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":1,"at":"noon"}', 'bad-query'],
    [`{"src":"${'1'.repeat(200_000)}"}`, 'line-too-long'],
  ];

  test('answers come in order, bad lines in their place, and the exit code then is 2', () => {
    const lines = [...rows.map(([line]) => line), ...wrong.map(([line]) => line), '', rows[0]?.[0] ?? ''];
    const { code, out } = segwall(
      ['policy', 'eval', good, '--inventory', inventory, ...at, '--json'],
      lines.join('\n'),
    );
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(answers.slice(0, rows.length)).toEqual(rows.map(([, answer]) => answer));
    const errors = answers.slice(rows.length, -1) as { error: { code: string; line: number; message: string } }[];
    expect(errors.map(({ error }) => [error.code, error.line])).toEqual(
      wrong.map(([, name], index) => [name, rows.length + index + 1]),
    );
    for (const [index, [, , message]] of wrong.entries()) expect(errors[index]?.error.message).toContain(message ?? '');
    expect(answers.at(-1)).toEqual(rows[0]?.[1]);
    expect(code).toBe(2);
  });

  test('queries may come from a file, many of them', () => {
    const file = join(base, 'queries.ndjson');
    writeFileSync(file, `${rows[0]?.[0]}\n`.repeat(50_000));
    const { code, out } = segwall(['policy', 'eval', good, '--inventory', inventory, ...at, '--queries', file]);
    expect(code).toBe(0);
    expect(out.split('\n').length).toBe(50_001);
  });

  test('a queries file that is not there is wrong use', () => {
    expect(segwall(['policy', 'eval', good, '--queries', join(base, 'none')])).toMatchObject({ code: 2, out: '' });
  });
});

describe('formats', () => {
  test('check as JSON', () => {
    const { out } = segwall(['policy', 'check', bad, '--format', 'json']);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      errors: 1,
      warnings: 0,
      problems: [
        {
          severity: 'error',
          code: 'bad-selector',
          file: 'policy.yaml',
          line: 6,
          column: 17,
          excerpt: '  selector: app = "shop"',
        },
      ],
    });
  });

  test('check as SARIF 2.1.0', () => {
    const { out } = segwall(['policy', 'check', bad, '--format', 'sarif']);
    const log = JSON.parse(out);
    expect(log).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'segwall',
              rules: [
                {
                  id: 'bad-selector',
                  shortDescription: { text: expect.any(String) },
                  defaultConfiguration: { level: 'error' },
                },
              ],
            },
          },
          results: [
            {
              ruleId: 'bad-selector',
              ruleIndex: 0,
              level: 'error',
              message: { text: expect.any(String) },
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: expect.stringMatching(/bad\/policy\.yaml$/) },
                    region: { startLine: 6, startColumn: 17 },
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  test('test as JSON and JUnit', () => {
    const args = ['policy', 'test', failing, '--inventory', inventory, ...at, '--format'];
    expect(JSON.parse(segwall([...args, 'json']).out)).toMatchObject({
      ok: false,
      passed: 1,
      failed: 1,
      tests: [{ outcome: 'fails', tried: 2 }, { outcome: 'holds' }],
    });
    const { out } = segwall([...args, 'junit']);
    expect(out).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites name="segwall policy test" tests="2" failures="1">/,
    );
    expect(out.match(/<testcase /g)).toHaveLength(2);
    expect(out.match(/<failure /g)).toHaveLength(1);
  });

  test('explain as JSON has each end’s layers in order', () => {
    const { out } = segwall([
      'policy',
      'explain',
      good,
      '--inventory',
      inventory,
      ...at,
      'web',
      'api',
      'tcp/8080',
      '--json',
    ]);
    const explained = JSON.parse(out);
    expect(
      explained.inbound.layers.map(({ layer, outcome }: { layer: string; outcome: string }) => `${layer} ${outcome}`),
    ).toEqual([
      'essential passes',
      'quarantine passes',
      'guardrail passes',
      'mode passes',
      'rule decides',
      'default not-reached',
    ]);
    expect(explained.inbound.segments[0].rules[0]).toMatchObject({ rule: 'web', hits: true });
  });
});
