// A lab host with containers as an engine makes them: network namespaces of their own behind bridges of the host, IPv4 egress
// masqueraded, ports published by destination NAT, also for processes of the host and for the container itself. Goes with its lab.

import { spawn } from 'node:child_process';
import { insideNamespace, type Lab, type LabHost } from '#test/support/lab.ts';
import { run } from '#test/support/run-command.ts';

export interface ContainerPlace {
  readonly name: string;
  readonly bridge: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface BridgePlace {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** `port` of every IPv4 address of the host, loopback too, leads to `containerPort` of the container. */
export interface PublishedPort {
  readonly port: number;
  readonly container: string;
  readonly containerPort: number;
}

/** Bridges are /24 and /64; IPv6 is routed, IPv4 is masqueraded where it leaves by another interface than its bridge. */
export async function addContainers(request: {
  readonly lab: Lab;
  readonly host: LabHost;
  readonly bridges: readonly BridgePlace[];
  readonly containers: readonly ContainerPlace[];
  readonly published: readonly PublishedPort[];
}): Promise<ReadonlyMap<string, LabHost>> {
  const { lab, host } = request;
  const made = new Map<string, LabHost>();
  await ipBatch(
    host.namespace,
    request.bridges.flatMap(({ name, ipv4, ipv6 }) => [
      `link add ${name} type bridge forward_delay 0 mcast_snooping 0`,
      `link set ${name} up`,
      `addr add ${ipv4}/24 dev ${name}`,
      `addr add ${ipv6}/64 dev ${name} nodad`,
    ]),
  );
  for (const [index, place] of request.containers.entries()) {
    const bridge = request.bridges.find(({ name }) => name === place.bridge);
    if (bridge === undefined) throw new Error(`${place.name} is on no bridge`);
    const namespace = `${lab.name}.${host.name}-${place.name}`;
    await must(['ip', 'netns', 'add', namespace]);
    await ipBatch(host.namespace, [
      `link add veth${index} type veth peer name eth0 netns ${namespace}`,
      `link set veth${index} master ${place.bridge} up`,
      `link set veth${index} type bridge_slave hairpin on`,
    ]);
    await ipBatch(namespace, [
      'link set lo up',
      'link set eth0 up',
      `addr add ${place.ipv4}/24 dev eth0`,
      `addr add ${place.ipv6}/64 dev eth0 nodad`,
      `route add default via ${bridge.ipv4}`,
      `route add default via ${bridge.ipv6}`,
    ]);
    await must(insideNamespace(namespace, ['sh', '-c', unlimitedErrors]));
    made.set(place.name, containerAsHost(place, namespace));
  }
  await must(insideNamespace(host.namespace, ['sh', '-c', routing]));
  await must(insideNamespace(host.namespace, ['nft', '-f', '-']), natScript(request));
  return made;
}

const unlimitedErrors = 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit';
const routing = `cd /proc/sys/net
echo 1 > ipv4/ip_forward
echo 1 > ipv6/conf/all/forwarding
for name in ipv4/conf/*; do echo 1 > $name/route_localnet; echo 0 > $name/send_redirects; done`;

function containerAsHost({ name, ipv4, ipv6 }: ContainerPlace, namespace: string): LabHost {
  return {
    name,
    namespace,
    ipv4,
    ipv6,
    exec: (argv, options = {}) => run(insideNamespace(namespace, argv), options),
    spawn: (argv, options = {}) => {
      const [file = '', ...args] = insideNamespace(namespace, argv);
      return spawn(file, args, { stdio: 'pipe', env: { ...process.env, ...options.env } });
    },
    remove: async () => {
      throw new Error('a container goes with its lab');
    },
  };
}

/** As engines write it: published before routing, for local processes in output, and masquerading behind. */
function natScript(request: {
  readonly bridges: readonly BridgePlace[];
  readonly containers: readonly ContainerPlace[];
  readonly published: readonly PublishedPort[];
}): string {
  const dnat = request.published.flatMap(({ port, container, containerPort }) => {
    const place = request.containers.find(({ name }) => name === container);
    return ['tcp', 'udp'].map(
      (protocol) =>
        `fib daddr type local meta nfproto ipv4 ${protocol} dport ${port} dnat ip to ${place?.ipv4}:${containerPort}`,
    );
  });
  const masquerade = [
    ...request.bridges.map(({ name, ipv4 }) => `ip saddr ${ipv4}/24 oifname != "${name}" masquerade`),
    ...request.bridges.map(({ name }) => `ip saddr 127.0.0.0/8 oifname "${name}" masquerade`),
    ...request.containers.map(({ ipv4 }) => `ip saddr ${ipv4} ip daddr ${ipv4} masquerade`),
  ];
  return `table inet engine {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${dnat.join('\n    ')}
  }
  chain output {
    type nat hook output priority -100
    ${dnat.join('\n    ')}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${masquerade.join('\n    ')}
  }
}
`;
}

async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await must(['ip', '-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
}

async function must(argv: readonly string[], input?: string): Promise<void> {
  const result = await run(argv, input === undefined ? {} : { input });
  if (result.exitCode !== 0) throw new Error(`${argv.join(' ')} failed (${result.exitCode}): ${result.stderr.trim()}`);
}
