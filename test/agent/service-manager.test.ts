// What the service manager is told, and where: the address of its socket, and how often it wants to hear.

import { describe, expect, test } from 'vitest';
import { signOfLifeMs, unixAddress } from '#agent/process/service-manager.ts';

describe('the address of the socket', () => {
  test.each([
    ['a path', '/run/n', [1, 0, ...Buffer.from('/run/n\0')]],
    ['an abstract name', '@n', [1, 0, 0, ...Buffer.from('n')]],
    ['no path at all', 'n', undefined],
    ['nothing', '', undefined],
    ['a path beyond what the kernel takes', `/${'n'.repeat(107)}`, undefined],
  ])('of %s', (_, path, expected) => {
    const address = unixAddress(path);
    expect(address === undefined ? undefined : [...address]).toEqual(expected);
  });
});

describe('a sign of life is due', () => {
  test.each([
    ['at half of what the manager waits', { WATCHDOG_USEC: '2000000' }, 1000],
    ['for the process that is meant', { WATCHDOG_USEC: '2000000', WATCHDOG_PID: '7' }, 1000],
    ['not for another process', { WATCHDOG_USEC: '2000000', WATCHDOG_PID: '8' }, undefined],
    ['not where none is asked for', {}, undefined],
    ['not for what is no number', { WATCHDOG_USEC: '-1' }, undefined],
    ['not faster than a timer can', { WATCHDOG_USEC: '1' }, undefined],
    ['no later than a timer can', { WATCHDOG_USEC: '999999999999999' }, 2 ** 31 - 1],
  ])('%s', (_, environment, expected) => {
    expect(signOfLifeMs(environment, 7)).toBe(expected);
  });
});
