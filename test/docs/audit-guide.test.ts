// The commands of the guide on the audit log run as they stand, in its order, against a control plane.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';
import { run } from '#test/support/run-command.ts';
import { startApiServer } from '../hostile/support/api-server.ts';

test('each exits 0, and the exported log is intact by the key that was noted', async () => {
  const guide = readText('docs/guides/audit-log.md');
  const commands = [...guide.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '').join('');
  const directory = await mkdtemp(join(tmpdir(), 'segwall-audit-guide-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const server = await startApiServer();
  onTestFinished(() => server.close());
  const script = `set -e
segwall() { '${process.execPath}' '${join(root, 'control-plane/cli/main.ts')}' "$@"; }
${commands}`;
  const env = {
    SEGWALL_SERVER: server.controlPlane.apiUrl,
    SEGWALL_TOKEN: server.token,
    XDG_STATE_HOME: join(directory, 'state'),
  };
  const { exitCode, stdout, stderr } = await run(['sh', '-c', script], { cwd: directory, env });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^\d+ entries, up to entry \d+, in audit\.ndjson\n\d+ entries, intact; the last hash is /);
  expect(stdout).toContain('still holds');
}, 120_000);
