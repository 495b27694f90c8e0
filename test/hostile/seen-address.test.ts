// The address that a host is seen talking from, over real sockets: its own where it is alone there, reported or not; nobody's where two talk
// from it at once; and what others claim of it is pending.

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createLab } from '#test/support/lab.ts';

const program = fileURLToPath(new URL('./seen-process.ts', import.meta.url));

test.each([
  { family: 'IPv4', own: '10.82.0.1', shared: '10.82.0.2' },
  { family: 'IPv6', own: 'fd82::1', shared: 'fd82::2' },
])(
  '$family: a host is known by where it talks from, but where two do',
  { timeout: 180_000 },
  async ({ own, shared }) => {
    const lab = await createLab({ name: 'seen' });
    try {
      const host = await lab.addHost({ name: 'control' });
      const setUp = [own, shared].map(
        (address) => `ip addr add ${address} dev lo${address.includes(':') ? ' nodad' : ''}`,
      );
      expect(await host.exec(['sh', '-ec', setUp.join('; ')])).toMatchObject({ exitCode: 0 });
      const argv = [process.execPath, '--disable-warning=ExperimentalWarning', program, own, shared];
      const { exitCode, stdout, stderr } = await host.exec(argv, { timeoutMs: 150_000 });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const alone = { addresses: [own], seenFrom: `${own} shared no`, pending: [] };
      expect(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual([
        {
          step: 'one from each address',
          hosts: { alone, first: { addresses: [shared], seenFrom: `${shared} shared no`, pending: [] } },
        },
        {
          step: 'two from one address',
          hosts: {
            alone,
            first: { addresses: [], seenFrom: `${shared} shared yes`, pending: [] },
            second: { addresses: [], seenFrom: `${shared} shared yes`, pending: [`${own} is held by alone`] },
          },
        },
      ]);
    } finally {
      await lab.remove();
    }
  },
);
