// An nft that works on a kernel as a boot finds it: a network namespace with no table, and no cgroup to name. What loads there loads at the
// next boot. Nothing of the host is touched, and the namespace ends with the command.

import { createNft, type Nft } from '#agent/nft/nft.ts';

// Until unshare(1) has made the mounts private nothing is covered: it does so by itself for a mount namespace.
const command = [
  ...['unshare', '--net', '--mount', '--', 'sh', '-c'],
  ...['mount -t tmpfs -o size=4k none /sys/fs/cgroup && exec nft "$@"', 'nft'],
] as const;

/** Undefined where no namespace can be made: inside some containers. */
export async function nftOfEmptyNamespace(): Promise<Pick<Nft, 'apply'> | undefined> {
  const nft = createNft(command);
  return (await nft.list(['list', 'tables'])).ok ? nft : undefined;
}
