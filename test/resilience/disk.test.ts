// A state directory that is full or read-only: enforcement goes on, new policy too, also over a restart of the agent without a
// control plane; boot loads what is there, and whoever waits for an ACK is told before it what a reboot would not bring back.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fallbackDirectory } from '#agent/state/run-directory.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type FedAgent, feedAgent } from './fed-agent.ts';

const policy = (revision: number): HostPolicy & { readonly revision: number } => ({
  revision,
  addresses: ['10.85.0.1'],
  peers: { web: [`10.85.1.${revision}`] },
  allowIn: ['web: tcp/80'],
});

type Fault = 'full' | 'read-only';

describe.each<Fault>(['full', 'read-only'])('a state directory that is %s', (fault) => {
  let lab: Lab;
  let agent: FedAgent;
  let mount: string;
  let fallback: string;

  beforeAll(async () => {
    lab = await createLab({ name: `disk-${fault.slice(0, 4)}` });
    mount = mkdtempSync(join(tmpdir(), 'segwall-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'segwall-test', mount]);
    const stateDirectory = join(mount, 'agent');
    mkdirSync(stateDirectory, { mode: 0o700 });
    fallback = fallbackDirectory(stateDirectory);
    const controlPlane = await lab.addHost({ name: 'control', ipv4: '10.85.0.9' });
    const host = await lab.addHost({ name: 'h1', ipv4: '10.85.0.1' });
    agent = await feedAgent({ lab, controlPlane, host, stateDirectory });
    agent.start();
    expect((await agent.apply(policy(1)))?.problem).toBe('');
  });
  afterAll(async () => {
    await agent?.stop();
    execFileSync('umount', ['-l', mount]);
    rmSync(mount, { recursive: true, force: true });
    rmSync(fallback, { recursive: true, force: true });
    await lab?.remove();
  });

  const filler = () => join(mount, 'filler');
  const breakDisk = () => {
    if (fault === 'read-only') execFileSync('mount', ['-o', 'remount,ro', mount]);
    else {
      try {
        writeFileSync(filler(), Buffer.alloc(2 << 20));
      } catch {
        // That was the point.
      }
    }
  };
  const mendDisk = () => {
    if (fault === 'read-only') execFileSync('mount', ['-o', 'remount,rw', mount]);
    else rmSync(filler());
  };
  const interim = () => join(fallback, 'last-good');
  /** All that a reboot does to /run. */
  const reboot = () => rmSync(fallback, { recursive: true, force: true });
  const kernel = async () => {
    const { stdout } = await agent.host.exec(['nft', 'list', 'table', 'inet', 'segwall']);
    return { revision: Number(/revision=(\d+)/.exec(stdout)?.[1]), peer: /10\.85\.1\.\d+/.exec(stdout)?.[0] };
  };
  const code = fault === 'full' ? 'ENOSPC' : 'EROFS';

  test('new policy is enforced, and before its ACK the control plane is told that a reboot would not bring it back', async () => {
    breakDisk();
    const told = await agent.apply(policy(2));
    expect(told?.problem).toContain(`revision 2 is in force but not on disk (${code}`);
    expect(told?.problem).toContain('a reboot would load revision 1');
    expect(told?.enforcing).toBe(true);
    expect(await kernel()).toEqual({ revision: 2, peer: '10.85.1.2' });
    expect(await agent.status()).toMatchObject({ applied: 2, connected: true, failedWrites: expect.any(Number) });
  });

  test('a killed agent goes on from what was in force while the control plane is away', async () => {
    await agent.kill();
    expect(statSync(fallback).mode & 0o777).toBe(0o700);
    expect(statSync(interim()).mode & 0o777).toBe(0o600);
    await agent.moveControlPlane('10.85.0.9:7444');
    agent.start();
    const status = await waitFor(
      async () => {
        const now = await agent.status();
        return now['running'] === true && now;
      },
      { what: 'the agent answers', timeoutMs: 30_000 },
    );
    expect(status).toMatchObject({ applied: 2, connected: false, problem: expect.stringContaining(code) });
    expect(status['problem']).toContain('a reboot would load revision 1');
    expect(await kernel()).toEqual({ revision: 2, peer: '10.85.1.2' });
  });

  test('it takes policy again when the control plane is back', async () => {
    await agent.moveControlPlane('10.85.0.9:7443');
    const told = await agent.apply(policy(3));
    expect(told?.problem).toContain(`(${code}`);
    expect(await kernel()).toEqual({ revision: 3, peer: '10.85.1.3' });
    expect(await agent.status()).toMatchObject({ applied: 3, connected: true, problem: expect.stringContaining(code) });
  });

  test('without an agent its table is put back as it was', async () => {
    await agent.kill();
    await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    expect((await agent.command('restore')).stdout).toContain('revision 3 is in force');
    expect(await kernel()).toEqual({ revision: 3, peer: '10.85.1.3' });
  });

  test('boot loads the revision that is there', async () => {
    reboot();
    await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    const restored = await agent.command('restore');
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(restored.stdout).toContain('revision 1 is in force');
    expect(await kernel()).toEqual({ revision: 1, peer: '10.85.1.1' });
  });

  test('panic opens the host all the same, and resume closes it', async () => {
    const opened = await agent.command('panic');
    expect(opened.exitCode, opened.stderr).toBe(0);
    expect((await kernel()).revision).toBeNaN();
    expect(opened.stdout).toMatch(fault === 'full' ? /also after a reboot/ : /until the next reboot/);
    expect((await agent.command('restore')).stdout).toContain('stays open');
    const resumed = await agent.command('resume');
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    expect(await kernel()).toEqual({ revision: 1, peer: '10.85.1.1' });
  });

  test('once it can be written again, what is in force is on it', async () => {
    agent.start();
    await agent.acked(3);
    mendDisk();
    expect((await agent.apply(policy(4)))?.problem).toBe('');
    expect(existsSync(interim())).toBe(false);
    await agent.kill();
    await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    expect((await agent.command('restore')).stdout).toContain('revision 4 is in force');
  });

  test('opening the host for good opens it, and says where the disk would bring its rules back', async () => {
    breakDisk();
    const opened = await agent.command('open', '--yes');
    expect((await kernel()).revision).toBeNaN();
    const expected = fault === 'full' ? /^$/ : /^error: last-good-not-forgotten: the host is open, but .*EROFS/;
    expect(opened.stderr).toMatch(expected);
    expect(opened.exitCode).toBe(fault === 'full' ? 0 : 1);
  });
});
