// Regular expressions for JSON Schema, which has no functions: what parseAddress, parseCidr and parseServiceTerm take, and a little more, since no
// pattern knows host bits, or which of two ports is the greater.

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4 = `(?:${octet}\\.){3}${octet}`;
const group = '[0-9A-Fa-f]{1,4}';
const tail = `(?:${group}:${group}|${ipv4})`;

/** Eight groups, or fewer with one "::" for the rest; the last two may be an IPv4 address. */
const ipv6 = [
  `(?:${group}:){6}${tail}`,
  ...[0, 1, 2, 3, 4, 5].map((before) => {
    const head = before === 0 ? '' : `${group}(?::${group}){${before - 1}}`;
    return `${head}::(?:${group}:){0,${5 - before}}${tail}`;
  }),
  `${group}(?::${group}){0,6}::`,
  `(?:${group}(?::${group}){0,5})?::${group}`,
  '::',
].join('|');

export const ipv4Pattern = ipv4;
export const addressPattern = `(?:${ipv4}|${ipv6})`;
export const cidrPattern = `(?:${ipv4}(?:/(?:[0-9]|[12][0-9]|3[0-2]))?|(?:${ipv6})(?:/(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?)`;

const below65536 = '(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';
export const portPattern = below65536;
export const servicePattern = `(?:any|(?:tcp|udp|sctp)/${below65536}(?:-${below65536})?|icmp(?:/${octet})?|icmpv6(?:/${octet})?|proto/${octet})`;
