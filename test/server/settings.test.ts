// Settings: flags over file over defaults, and every bad one by name, value and what is allowed.

import { describe, expect, test } from 'vitest';
import { badSettingText, parseSettingsFile, readSettings } from '#control-plane/settings.ts';

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
      text: /^error: bad-setting: data is not given; allowed is the path/,
    },
    {
      name: 'an address without a port',
      given: { agents: '0.0.0.0' },
      text: /agents is "0.0.0.0"; allowed is ADDRESS:PORT/,
    },
    { name: 'a port beyond the last', given: { api: '127.0.0.1:65536' }, text: /api is "127.0.0.1:65536"; allowed/ },
    { name: 'a host name', given: { api: 'localhost:1' }, text: /api is "localhost:1"; allowed is ADDRESS:PORT/ },
    { name: 'IPv6 without brackets', given: { api: '::1:80' }, text: /api is "::1:80"/ },
    {
      name: 'a name with a port',
      given: { apiNames: 'a.example:80' },
      text: /apiNames is "a.example:80"; allowed are up to 64 host names/,
    },
    { name: 'an unknown level', given: { logLevel: 'loud' }, text: /logLevel is "loud"; allowed are debug, info/ },
    {
      name: 'a number out of bounds',
      given: { keepFlowsDays: 0 },
      text: /keepFlowsDays is 0; allowed is a whole number from 1/,
    },
    {
      name: 'an unknown one',
      given: { kepFlowsDays: 3 },
      text: /kepFlowsDays is 3; there is no such setting; allowed are data/,
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

describe('the settings file', () => {
  const cases = [
    { name: 'an empty file is no settings', text: '', result: { ok: true, value: {} } },
    { name: 'a mapping is read', text: 'logLevel: warn', result: { ok: true, value: { logLevel: 'warn' } } },
    { name: 'a list is refused', text: '- a', result: { ok: false } },
    { name: 'broken YAML is refused', text: 'a: [', result: { ok: false } },
  ];
  test.each(cases)('$name', ({ text, result }) => {
    expect(parseSettingsFile(text)).toMatchObject(result);
  });
});
