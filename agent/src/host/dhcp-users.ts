// Who may be a DHCP client or server on this host: root, and the users that the common ones run as, by the host's own list of users.

import { readFileSync } from 'node:fs';

/** systemd-networkd, dhcpcd and Kea have users of their own; ISC's and dnsmasq open their sockets as root. */
const names: ReadonlySet<string> = new Set(['systemd-network', 'dhcpcd', '_dhcpcd', '_dhcp', '_kea', 'kea', 'dhcpd']);
const root = 0;

/** `passwd`: the text of /etc/passwd. Sorted, each once. */
export function dhcpUsersIn(passwd: string): readonly number[] {
  const users = new Set([root]);
  for (const line of passwd.split('\n')) {
    const [name = '', , uid = ''] = line.split(':');
    if (names.has(name) && /^\d{1,9}$/.test(uid)) users.add(Number(uid));
  }
  return [...users].sort((a, b) => a - b);
}

/** Root alone where the list cannot be read. */
export function readDhcpUsers(): readonly number[] {
  try {
    return dhcpUsersIn(readFileSync('/etc/passwd', 'utf8'));
  } catch {
    return [root];
  }
}
