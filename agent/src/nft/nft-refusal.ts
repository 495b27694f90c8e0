// Why nft refused a script, in words an operator can act on: which feature the kernel or nft lacks, read from nft's own message and
// the line that it quotes. What is not recognised stays nft's message.

/** In the order looked for: the first whose pattern is in the quoted line. */
const features: readonly { readonly pattern: RegExp; readonly name: string }[] = [
  {
    pattern: /socket cgroupv2|cgroupsv2/,
    name: 'matching sockets by cgroup v2 (Linux 5.13, CONFIG_NFT_SOCKET, nft 0.9.9): needed for units',
  },
  {
    pattern: /socket wildcard/,
    name: 'looking for a packet’s socket (Linux 5.10, CONFIG_NFT_SOCKET): needed to reset connections that are no more',
  },
  { pattern: /\breject\b/, name: 'reject (CONFIG_NFT_REJECT_INET)' },
  {
    pattern: /flags [^;]*dynamic|update @/,
    name: 'sets that packets add to (Linux 4.3, CONFIG_NF_TABLES): needed to count what is denied',
  },
  { pattern: /flags [^;]*interval/, name: 'interval sets and maps (Linux 5.6 for concatenations): needed for ranges' },
  { pattern: /vmap|: verdict/, name: 'verdict maps (CONFIG_NF_TABLES)' },
  { pattern: /counter name|add counter/, name: 'named counters (CONFIG_NFT_OBJREF)' },
  {
    pattern: /ct mark set|ct (original|reply|state|direction|protocol|mark)/,
    name: 'connection tracking in nftables (CONFIG_NF_CONNTRACK, CONFIG_NFT_CT)',
  },
  { pattern: /\bfib\b/, name: 'fib lookups (CONFIG_NFT_FIB_INET)' },
  { pattern: /\bqueue\b/, name: 'queues to programs (CONFIG_NFT_QUEUE)' },
  { pattern: /hook (input|output|forward)/, name: 'hooks of family inet (CONFIG_NF_TABLES_INET)' },
  { pattern: /add table inet/, name: 'nftables with family inet (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)' },
];

/** `message`: what nft printed, or what starting it came to. */
export function explainRefusal(message: string): string {
  if (/ENOENT|command not found/.test(message))
    return `nft is not installed on this host (package nftables): ${message}`;
  if (/Operation not permitted|you must be root/.test(message))
    return `the agent may not change nftables (CAP_NET_ADMIN): ${message}`;
  const feature = features.find(({ pattern }) => pattern.test(message))?.name;
  if (feature === undefined) return message;
  if (/syntax error|unknown|unexpected|not (a )?(valid|known)/i.test(message))
    return `nft of this host is too old for ${feature}: ${message}`;
  if (
    /Operation not supported|Protocol not supported|No such file or directory|Invalid argument|not supported/i.test(
      message,
    )
  )
    return `the kernel of this host lacks ${feature}: ${message}`;
  return message;
}
