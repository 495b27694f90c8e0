// Settings: flags over file over defaults, and every bad one by name, value and what is allowed.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { badSettingText, readSettings } from '#control-plane/settings/settings.ts';
import { loadSettings } from '#control-plane/settings/settings-files.ts';
import { effectiveText, settingProblemText } from '#model/settings-file.ts';
import { scratchDirectory } from './scratch-directory.ts';

const good = { data: '/var/lib/segwall', agents: '0.0.0.0:7443', api: '127.0.0.1:7444' };

describe('good settings', () => {
  test('defaults fill in what is not given', () => {
    expect(readSettings(good, {})).toEqual({
      ok: true,
      value: {
        data: '/var/lib/segwall',
        agents: { address: '0.0.0.0', port: 7443 },
        api: { address: '127.0.0.1', port: 7444 },
        logLevel: 'info',
        apiNames: [],
        keepFlowsDays: 30,
        keepFlowRows: 5_000_000,
        keepAuditDays: 90,
        proxies: [],
        reservedAddresses: [],
        addressesWithoutRanges: 16,
        holderGraceMinutes: 5,
        addressLeaseDays: 7,
        agentConnections: 25_000,
        strangerConnections: 1024,
        strangerConnectionsOfAddress: 256,
        agentMegabytes: 64,
        leastFreeMegabytes: 512,
        certificateOverlapSeconds: 60,
        renewalsAtOnce: 10,
        renewalMinutes: 10,
        renewExpiredDays: 365,
      },
    });
  });

  test('flags win over the file', () => {
    const result = readSettings({ api: '[::1]:1' }, { ...good, logLevel: 'debug' });
    expect(result).toMatchObject({ ok: true, value: { api: { address: '::1', port: 1 }, logLevel: 'debug' } });
  });

  test('port 0 lets the kernel choose', () => {
    expect(readSettings({ ...good, agents: '127.0.0.1:0' }, {})).toMatchObject({
      ok: true,
      value: { agents: { port: 0 } },
    });
  });
});

describe('bad settings', () => {
  const cases = [
    {
      name: 'a missing one',
      given: { data: undefined },
      text: /^error: bad-setting: data is not given; allowed: the path/,
    },
    {
      name: 'an address without a port',
      given: { agents: '0.0.0.0' },
      text: /agents is "0.0.0.0"; allowed: ADDRESS:PORT/,
    },
    { name: 'a port beyond the last', given: { api: '127.0.0.1:65536' }, text: /api is "127.0.0.1:65536"; allowed/ },
    { name: 'a host name', given: { api: 'localhost:1' }, text: /api is "localhost:1"; allowed: ADDRESS:PORT/ },
    { name: 'IPv6 without brackets', given: { api: '::1:80' }, text: /api is "::1:80"/ },
    {
      name: 'a name with a port',
      given: { apiNames: 'a.example:80' },
      text: /apiNames is "a.example:80"; allowed: up to 64 host names/,
    },
    { name: 'an unknown level', given: { logLevel: 'loud' }, text: /logLevel is "loud"; allowed: debug, info/ },
    {
      name: 'a number out of bounds',
      given: { keepFlowsDays: 0 },
      text: /keepFlowsDays is 0; allowed: a whole number from 1/,
    },
    {
      name: 'an unknown one',
      given: { kepFlowsDays: 3 },
      text: /kepFlowsDays is 3; allowed: no such setting, did you mean keepFlowsDays\?; the keys here are data/,
    },
  ];
  test.each(cases)('$name', ({ given, text }) => {
    const result = readSettings({}, { ...good, ...given });
    expect(result.ok ? [] : result.error.map(badSettingText)).toEqual([expect.stringMatching(text)]);
  });

  test('all of them are named at once', () => {
    const result = readSettings({ data: '', agents: 'x', api: 'y' }, {});
    expect(result.ok ? [] : result.error.map(({ setting }) => setting)).toEqual(['data', 'agents', 'api']);
  });
});

describe('the settings’ files', () => {
  const write = async (files: Readonly<Record<string, string>>) => {
    const directory = await scratchDirectory();
    mkdirSync(join(directory, 'control-plane.d'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return join(directory, 'control-plane.yaml');
  };
  const told = async (main: string, flags: Readonly<Record<string, unknown>> = {}) => {
    const loaded = await loadSettings(main, flags);
    const text = loaded.ok ? loaded.value.effective.map(effectiveText) : loaded.error.map(settingProblemText);
    return text.map((line) => line.replaceAll(`${dirname(main)}/`, '').replace(/ {2,}/g, ' | '));
  };

  test('the command line goes before drop-ins, the last of them first, and they before the file; each says where it stands', async () => {
    const main = await write({
      'control-plane.yaml': 'data: /var/lib/segwall\nlogLevel: warn\nkeepFlowsDays: 1\nkeepAuditDays: 10\n',
      'control-plane.d/10-a.yaml': '\nkeepFlowsDays: 2\nproxies: [10.0.0.1]\n',
      'control-plane.d/20-b.yaml': 'keepFlowsDays: 3\nlogLevel: error\n',
      'control-plane.d/30-c.yaml.dpkg-old': 'keepFlowsDays: 4\n',
    });
    const lines = await told(main, { logLevel: 'debug' });
    expect(lines).toEqual(
      expect.arrayContaining([
        'data | /var/lib/segwall | control-plane.yaml:1',
        'agents | [::]:7443 | default',
        'logLevel | debug | command line',
        'keepFlowsDays | 3 | control-plane.d/20-b.yaml:1',
        'keepAuditDays | 10 | control-plane.yaml:4',
        'proxies | ["10.0.0.1"] | control-plane.d/10-a.yaml:3',
      ]),
    );
    const loaded = await loadSettings(main, {});
    expect(loaded).toMatchObject({ ok: true, value: { passedOver: [expect.stringMatching(/30-c\.yaml\.dpkg-old$/)] } });
  });

  test('all that is wrong is told at once, by file and line', async () => {
    const main = await write({
      'control-plane.yaml': '# ours\nlogLevl: warn\nkeepFlowsDays: 0\n',
      'control-plane.d/10-a.yaml': 'proxies: [10.0.0.1]\nproxies: []\n',
      'control-plane.d/20-b.yaml': '- a\n',
      'control-plane.d/30-c.yaml': 'keepAuditDays: many\n',
    });
    expect(await told(main, { api: 'x' })).toEqual([
      expect.stringMatching(/^control-plane.d\/10-a.yaml:2: the file is not YAML; allowed: Map keys must be unique/),
      'control-plane.d/20-b.yaml:1: control-plane.d/20-b.yaml is not a mapping; allowed: settings, each with its value',
      expect.stringMatching(
        /^control-plane.yaml:2: logLevl is "warn"; allowed: no such setting, did you mean logLevel\?/,
      ),
      'control-plane.yaml:3: keepFlowsDays is 0; allowed: a whole number from 1 to 3650',
      'control-plane.d/30-c.yaml:1: keepAuditDays is "many"; allowed: a whole number from 1 to 3650',
      'data is not given; allowed: the path of a directory',
      expect.stringMatching(/^api is "x"; allowed: ADDRESS:PORT/),
    ]);
  });

  test('what is no file of a person’s size is told, and not read', async () => {
    const directory = await scratchDirectory();
    mkdirSync(join(directory, 'control-plane.d'));
    writeFileSync(join(directory, 'control-plane.yaml'), ' '.repeat(1024 * 1024 + 1));
    execFileSync('mkfifo', [join(directory, 'control-plane.d/10-pipe.yaml')]);
    expect(await told(join(directory, 'control-plane.yaml'), { data: '/x' })).toEqual([
      'control-plane.yaml is not readable; allowed: a file that can be read (above 1 MiB)',
      'control-plane.d/10-pipe.yaml is not readable; allowed: a file that can be read (not a regular file)',
    ]);
  });

  test('a file that is named must be there; its drop-ins need not', async () => {
    expect(await told('/nowhere/control-plane.yaml', { data: '/x' })).toEqual([
      'control-plane.yaml is not there; allowed: a file that can be read (ENOENT)',
    ]);
    expect(await loadSettings(undefined, { data: '/x' })).toMatchObject({ ok: true });
  });
});
