// Services for booted machines, and where a machine's cgroups are among this one's.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupRoot, findCgroupRoot } from '#agent/host/cgroup-tree.ts';

/** Answers on the ports; `kept` is a listening socket that systemd made. */
export const answering = (ports: string, kept = '') => `use IO::Socket::INET; use IO::Select;
my @l = map { IO::Socket::INET->new(Listen => 9, LocalPort => $_, ReuseAddr => 1) or die } (${ports});
${kept === '' ? '' : 'push @l, IO::Socket::INET->new_from_fd(3, "r+");'}
my $s = IO::Select->new(@l);
while (my @r = $s->can_read) { for my $h (@r) {
  if (grep { $_ == $h } @l) { my $c = $h->accept; $s->add($c) if $c; next }
  my $n = sysread($h, my $b, 999); if ($n) { syswrite($h, $b) } else { $s->remove($h); close $h } } }
`;

/** A booted machine's own root among this machine's cgroups: the one in which the service `marker` runs. */
export function findTree(marker: string): CgroupRoot | undefined {
  const visit = (path: string, level: number): CgroupRoot | undefined => {
    const names = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    if (path.endsWith('/system.slice') && names.includes(marker)) return { path: join(path, '..'), level: level - 1 };
    for (const name of names) {
      const found = visit(join(path, name), level + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const root = findCgroupRoot();
  return root === undefined ? undefined : visit(root.path, root.level);
}
