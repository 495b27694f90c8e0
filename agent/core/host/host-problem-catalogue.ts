// Every reason that keeps a host from being protected or connected, by its code: what it means, and what to do. `told` says who hears of it:
// `agents`: it goes up with the status, for `segwall agents`; `here`: the control plane knows of it by itself or cannot be told, so it is
// shown on the host alone. docs/reference/host-problems.md says the same; a test holds the two together.

export interface HostProblemEntry {
  readonly told: 'agents' | 'here';
  readonly meaning: string;
  readonly remedy: string;
}

export const hostProblemCatalogue = {
  'not-root': {
    told: 'here',
    meaning: 'The one who asks is not root: most of what there is to check may not be read.',
    remedy: 'Run it as root.',
  },
  'not-enrolled': {
    told: 'here',
    meaning: 'This host has no identity: it is open, and nothing knows it.',
    remedy: 'Make a token with `segwall tokens create` and run `segwall-agent enroll`.',
  },
  'identity-damaged': {
    told: 'here',
    meaning: 'The files of the identity cannot be read or do not belong together.',
    remedy: 'Restore them, or move the folder `identity` away and enrol the host with a new token.',
  },
  'agent-not-running': {
    told: 'here',
    meaning: 'No agent answers: what is in the kernel stays, no change arrives, nothing is repaired or reported.',
    remedy: '`systemctl start segwall-agent`; if it does not stay, `journalctl -u segwall-agent`.',
  },
  'settings-invalid': {
    told: 'here',
    meaning: 'A setting in agent.yaml or a drop-in of it is wrong, and the agent does not start with it.',
    remedy:
      '`segwall-agent settings` names all that is wrong, by file and line; correct it, then `systemctl restart segwall-agent`.',
  },
  'nft-missing': {
    told: 'here',
    meaning: 'The program nft is not there or does not run: no rule can be loaded.',
    remedy: 'Install the package nftables.',
  },
  'table-missing': {
    told: 'here',
    meaning: 'The table of Segwall is not in the kernel, though this host has a policy.',
    remedy: 'Start the agent, which loads it; then see in the journal and `segwall audit` who removed it.',
  },
  'disk-full': {
    told: 'agents',
    meaning: 'The disk of the state directory is full or nearly: a new policy would not survive a reboot.',
    remedy: 'Make room on that file system.',
  },
  'no-policy': {
    told: 'here',
    meaning: 'This host never had a policy and is open.',
    remedy: 'Apply one that selects the host, and see that the agent is connected.',
  },
  opened: {
    told: 'here',
    meaning: 'Someone at the console opened this host: policy is kept, not enforced.',
    remedy: '`segwall-agent resume`, once the policy is right.',
  },
  'policy-problem': {
    told: 'here',
    meaning: 'A revision was refused, or what is in force could not be loaded or written down.',
    remedy: 'Mend what the reason names; the last good revision stays in force.',
  },
  'control-plane-unreachable': {
    told: 'here',
    meaning: 'There is no connection to the control plane: what is in force stays, and flows wait on disk.',
    remedy: 'See that the control plane runs, that its name and port are right, and what firewalls lie between.',
  },
  'control-plane-refuses': {
    told: 'here',
    meaning: 'The control plane answers and refuses this agent, for the reason that it gives.',
    remedy: 'Do what the reason says; `segwall audit` on the other side has the refusal.',
  },
  'unknown-here': {
    told: 'here',
    meaning:
      'The control plane does not know this host or this enrolment: it was removed, or its store is an older copy.',
    remedy: 'Enrol the host with a new token; or restore the store that knows it.',
  },
  'identity-shared': {
    told: 'here',
    meaning: 'Another agent is connected with this identity: the disk or the state directory was copied.',
    remedy: 'On the copy: move the state directory away and enrol it under a name of its own.',
  },
  'certificate-ending': {
    told: 'agents',
    meaning: 'The certificate ends within ten days and was not renewed.',
    remedy: 'Get the agent connected, since it renews by itself; else enrol the host with a new token.',
  },
  'certificate-expired': {
    told: 'here',
    meaning: 'The certificate has ended, by the clock of this host.',
    remedy: 'See that the clock is right; then let the agent connect, or enrol the host with a new token.',
  },
  'certificate-not-yet-valid': {
    told: 'here',
    meaning: 'The certificate begins in the future, by the clock of this host.',
    remedy: 'Set the clock of this host.',
  },
  'clock-skew': {
    told: 'agents',
    meaning:
      'The clock of this host is more than a minute off the control plane’s: times of flows and ends of rules are wrong.',
    remedy: 'Set the clock, and let a time service keep it.',
  },
  'no-addresses': {
    told: 'here',
    meaning: 'No address of this host can be reached by others: no peer knows it by what it publishes.',
    remedy: 'Name the interface under `interfaces: { include: […] }` in agent.yaml.',
  },
  'addresses-left-out': {
    told: 'agents',
    meaning: 'This host has more addresses than are published.',
    remedy: 'Exclude the interfaces whose addresses nobody outside needs, under `interfaces` in agent.yaml.',
  },
  'mark-shared': {
    told: 'agents',
    meaning: 'Rules of another program write bits of the connection mark that are Segwall’s: a denial may not hold.',
    remedy: 'Leave it bits of its own with `connections: { markMask: … }`, as the finding says.',
  },
  'mark-read': {
    told: 'agents',
    meaning:
      'Rules of another program read bits of the connection mark that are Segwall’s, as routing by connection mark does. While nothing is denied on this host Segwall writes none; once anything is, what they see there changes with each policy.',
    remedy:
      'Before you enforce: have it read its own bits alone, or give Segwall others with `connections: { markMask: … }`, as the finding says.',
  },
  'others-override': {
    told: 'agents',
    meaning:
      'Rules of another program take packets past Segwall’s, or change them where it does not see: a denial may not hold.',
    remedy: 'Do what the finding says to that program’s rules.',
  },
  'container-addresses': {
    told: 'agents',
    meaning: 'A container has set an address that is not its own by what its host’s side shows: it is not believed.',
    remedy: 'See what runs in the container, and take the right to set addresses (NET_ADMIN) from it.',
  },
  'unjudged-containers': {
    told: 'agents',
    meaning: 'Containers on a bridge talk to each other without being judged.',
    remedy: 'Load br_netfilter and set net.bridge.bridge-nf-call-iptables and bridge-nf-call-ip6tables to 1.',
  },
  'unjudged-guests': {
    told: 'agents',
    meaning:
      'Guests on a bridge that leads outside have addresses of that network: what the agent does not know as a container is not judged there.',
    remedy: 'Give such guests a bridge of this host, or agents of their own.',
  },
  'doubtful-guests': {
    told: 'agents',
    meaning:
      'An interface may lead to guests of this host or to other machines: what is forwarded there is judged as the host’s, a router’s transit too.',
    remedy:
      'Where it leads to other machines, name it under `interfaces: { outside: […] }` in agent.yaml or give it the default route; where it leads to guests, have them put no bridge behind it.',
  },
  'guest-routes': {
    told: 'agents',
    meaning: 'The kernel follows router advertisements that guests of this host send: a guest can add routes to it.',
    remedy: 'Set net.ipv6.conf.INTERFACE.accept_ra to 0 there.',
  },
  'unjudged-units': {
    told: 'agents',
    meaning: 'A unit uses a network of its own: it is judged as its host, or not at all, never as that unit.',
    remedy: 'Give the host the rules, or the unit its host’s network.',
  },
  'conntrack-filling': {
    told: 'agents',
    meaning: 'The kernel’s table of connections is more than 80 % full: when it is full, new connections fail.',
    remedy: 'Raise net.netfilter.nf_conntrack_max, or see in `segwall flows` who opens so many.',
  },
  'conntrack-full': {
    told: 'agents',
    meaning: 'The kernel’s table of connections is full: new connections fail, allowed ones too.',
    remedy: 'Raise net.netfilter.nf_conntrack_max, or see in `segwall flows` who opens so many.',
  },
  'flows-refused': {
    told: 'here',
    meaning: 'The control plane did not count some of the flows this host reported.',
    remedy: 'See the reasons under PROBLEM in `segwall-agent status`.',
  },
  'events-lost': {
    told: 'agents',
    meaning: 'Events of this host were lost before they reached the audit log.',
    remedy: 'Get the agent connected; the journal has the events.',
  },
} as const satisfies Readonly<Record<string, HostProblemEntry>>;

export type HostProblemCode = keyof typeof hostProblemCatalogue;
