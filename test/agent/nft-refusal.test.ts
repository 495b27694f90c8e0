// nft's own words become the name of what is missing.

import { expect, test } from 'vitest';
import { explainRefusal } from '#agent/nft/nft-refusal.ts';

const quoted = (problem: string, line: string) => `/dev/stdin:3:1-20: Error: ${problem}\n${line}\n^^^^^^`;
const unsupported = 'Could not process rule: Operation not supported';

test.each([
  [
    unsupported,
    'add rule inet segwall c socket cgroupv2 level 2 vmap @u',
    /kernel of this host lacks matching sockets by cgroup v2/,
  ],
  [
    'syntax error, unexpected string',
    'add map inet segwall u { typeof socket cgroupv2 level 2 : verdict; }',
    /nft of this host is too old for matching sockets by cgroup v2/,
  ],
  [unsupported, 'add rule inet segwall d reject', /kernel of this host lacks reject/],
  [
    'Could not process rule: No such file or directory',
    'add rule inet segwall r ct mark set 0x1 accept',
    /lacks connection tracking in nftables/,
  ],
  [unsupported, 'add set inet segwall d { type ipv4_addr; flags dynamic,timeout; }', /lacks sets that packets add to/],
  [unsupported, 'add table inet segwall', /lacks nftables with family inet/],
])('%s at %s', (problem, line, expected) => {
  const text = explainRefusal(quoted(problem, line));
  expect(text).toMatch(expected);
  expect(text).toContain(problem);
});

test.each([
  ['spawn nft ENOENT', /nft is not installed/],
  ['Error: Could not process rule: Operation not permitted', /CAP_NET_ADMIN/],
  ['Error: Could not process rule: File exists', /^Error: Could not process rule: File exists$/],
])('%s', (message, expected) => {
  expect(explainRefusal(message)).toMatch(expected);
});
