// The files of a host's settings: which is believed, where each setting stands, and all that is wrong in them at once.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { AgentSettings } from '#agent/settings/settings.ts';
import { loadSettings } from '#agent/settings/settings-files.ts';
import { checkSettings, defaultKeys, defaultSettings } from '#agent/settings/settings-reader.ts';
import { settingsPathsOf } from '#agent/state/package-paths.ts';
import { effectiveText, settingProblemText } from '#model/settings-file.ts';

function write(files: Readonly<Record<string, string>>): string {
  const state = mkdtempSync(join(tmpdir(), 'segwall-settings-'));
  onTestFinished(() => rmSync(state, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(state, name)), { recursive: true });
    writeFileSync(join(state, name), text);
  }
  return state;
}

/** What holds or what is wrong, a line each. */
async function told(state: string, config?: string): Promise<readonly string[]> {
  const loaded = await loadSettings({ state, ...(config !== undefined && { config }) });
  const lines = loaded.ok ? loaded.value.effective.map(effectiveText) : loaded.error.map(settingProblemText);
  return lines.map((line) => line.replaceAll(`${state}/`, '').replace(/ {2,}/g, ' | '));
}

const ssh = (peer: string) => `{ name: ssh, direction: inbound, peers: [${peer}], services: [tcp/22] }`;
const dns = '{ name: dns, direction: outbound, peers: any, services: [udp/53] }';

test('drop-ins go before the file, the last of them first: mappings are merged, an essential entry replaces its namesake', async () => {
  const state = write({
    'agent.yaml': `essential:\n  - ${ssh('10.0.0.1')}\n  - ${dns}\nflows: { windowSeconds: 1, recordsMost: 200 }\nunits: [a.service]\n`,
    'agent.d/10-site.yaml': `flows:\n  windowSeconds: 2\nunits: [b.service]\n`,
    'agent.d/20-admins.yml': `# ours\nessential: [${ssh('10.0.0.2')}]\n`,
    'agent.d/30-nothing.yaml': '# only a comment\n',
    'agent.d/README': 'not one',
  });
  const lines = await told(state);
  expect(lines).toEqual(
    expect.arrayContaining([
      'essential dns | {"name":"dns","direction":"outbound","peers":"any","services":["udp/53"]} | agent.yaml:3',
      'essential ssh | {"name":"ssh","direction":"inbound","peers":["10.0.0.2"],"services":["tcp/22"]} | agent.d/20-admins.yml:2',
      'flows.windowSeconds | 2 | agent.d/10-site.yaml:2',
      'flows.recordsMost | 200 | agent.yaml:4',
      'flows.spoolMegabytes | 64 | default',
      'units | ["b.service"] | agent.d/10-site.yaml:3',
      'connections.markMask | 0x0fffffff | default',
    ]),
  );
  expect(await loadSettings({ state })).toMatchObject({
    ok: true,
    value: {
      settings: {
        flows: { windowMs: 2000, recordsMost: 200 },
        units: ['b.service'],
        essentials: [{ name: 'dns' }, { name: 'ssh' }],
      },
      passedOver: [join(state, 'agent.d/README')],
    },
  });
});

test('all that is wrong is told at once, by file and line, and what to write instead', async () => {
  const state = write({
    'agent.yaml': `essential:\n  - ${ssh('10.0.0.300')}\n  - name: SSH\n    direction: both\n    services: [ssh]\nflow: {}\n`,
    'agent.d/10-broken.yaml': 'units: [\n',
    'agent.d/20-more.yaml': 'flows:\n  windowSecond: 5\n  recordsMost: 1\n',
  });
  expect(await told(state)).toEqual([
    expect.stringMatching(/^agent.d\/10-broken.yaml:\d: the file is not YAML; allowed: Flow sequence/),
    expect.stringMatching(/^agent.yaml:6: flow is {}; allowed: no such setting, did you mean flows\?/),
    expect.stringMatching(/^agent.yaml:2: essential\[0\].peers\[0\] is "10.0.0.300"; allowed: a CIDR/),
    expect.stringMatching(/^agent.yaml:3: essential\[1\].name is "SSH"; allowed: lower-case/),
    'agent.yaml:4: essential[1].direction is "both"; allowed: inbound, outbound',
    expect.stringMatching(/^agent.yaml:5: essential\[1\].services\[0\] is "ssh"; allowed: any, tcp/),
    expect.stringMatching(/^agent.yaml:3: essential\[1\].peers is missing; allowed: any, or a list/),
    expect.stringMatching(
      /^agent.d\/20-more.yaml:2: flows.windowSecond is 5; allowed: no such setting, did you mean windowSeconds\?/,
    ),
    'agent.d/20-more.yaml:3: flows.recordsMost is 1; allowed: a whole number from 100 to 50000',
  ]);
});

test('a file that is named stands in place of the usual ones, with drop-ins of its own', async () => {
  const state = write({
    'agent.yaml': 'flows: { windowSeconds: 1 }\n',
    'other.yaml': 'flows: { windowSeconds: 2 }\n',
    'other.d/10.yaml': 'flows: { recordsMost: 300 }\n',
  });
  const lines = await told(state, join(state, 'other.yaml'));
  expect(lines).toContain('flows.windowSeconds | 2 | other.yaml:1');
  expect(lines).toContain('flows.recordsMost | 300 | other.d/10.yaml:1');
  expect(await told(state, join(state, 'none.yaml'))).toEqual([
    'none.yaml is not there; allowed: a file that can be read (ENOENT)',
  ]);
});

test('what is no file of a person’s size is told, and not read: a pipe, a device, more than 1 MiB', async () => {
  const state = write({ 'agent.yaml': '', 'agent.d/30-long.yaml': ' '.repeat(1024 * 1024 + 1) });
  execFileSync('mkfifo', [join(state, 'agent.d/10-pipe.yaml')]);
  symlinkSync('/dev/zero', join(state, 'agent.d/20-device.yaml'));
  expect(await told(state)).toEqual([
    'agent.d/10-pipe.yaml is not readable; allowed: a file that can be read (not a regular file)',
    'agent.d/20-device.yaml is not readable; allowed: a file that can be read (not a regular file)',
    'agent.d/30-long.yaml is not readable; allowed: a file that can be read (above 1 MiB)',
  ]);
});

test('the package’s agent has them in /etc, any other in its state directory', () => {
  expect(settingsPathsOf('/var/lib/segwall-agent/')).toEqual([
    '/var/lib/segwall-agent/agent.yaml',
    '/etc/segwall/agent.yaml',
  ]);
  expect(settingsPathsOf('/srv/agent')).toEqual(['/srv/agent/agent.yaml']);
});

test('what is shown as the default is the default', () => {
  const { settings, bad } = checkSettings(defaultKeys);
  const withMask = ({ connections, ...rest }: AgentSettings) => ({ ...rest, mask: connections.marks.mask });
  expect(withMask(settings)).toEqual(withMask(defaultSettings));
  expect(bad).toEqual([]);
});
