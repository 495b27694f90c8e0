// What is made from the declared settings of both programs: docs/reference/settings.md, the JSON Schemas of their files, and the files themselves that
// the packages install.

import { declaredSettings as agentSettings } from '#agent/settings/declared-settings.ts';
import { declaredSettings as controlPlaneSettings } from '#control-plane/settings/declared-settings.ts';
import { settingRows } from '#model/setting-rows.ts';
import type { MappingShape } from '#model/setting-shape.ts';
import { settingsSchema } from '#model/settings-schema.ts';

const head = `# Settings

What a program's files may say, made from the declarations by which the programs read them
(agent/src/settings/declared-settings.ts, control-plane/src/settings/declared-settings.ts). Where the files lie, how
drop-ins are merged and what goes before what: [install on
servers](../guides/install-on-servers.md#settings-and-drop-ins). A program reads its settings once: after a change
restart it. All that is wrong is told at once, by file and line, and nothing starts with it; \`segwall-agent settings\`
and \`segwall-control-plane settings\` say so before, and which file a setting comes from. An empty value (\`key:\`) is as
if it were not said.

Editors check and complete the files by the packages' JSON Schemas (\`# yaml-language-server:
$schema=/usr/share/segwall/agent.schema.json\` on the first line, as the packages' own files have it). They let through
a little that the programs refuse, since no pattern knows it: host bits of a CIDR, a mask with too few bits, a range
of ports the wrong way round, IPv4 addresses in IPv6's notation, and two entries of one name.
`;

function table(shape: MappingShape): string {
  const rows = settingRows(shape).map(({ name, may, fallback, means, flag }) => {
    const told = flag === undefined ? means : `${means} On the command line \`${flag}\`.`;
    return `| \`${name}\` | ${may} | ${fallback === '' ? '' : `\`${fallback}\``} | ${told} |\n`;
  });
  return `| setting | allowed | default | what it does |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

export function settingsPage(): string {
  return `${head}
## agent.yaml

${table(agentSettings)}
## control-plane.yaml

Flags win over the file.

${table(controlPlaneSettings)}`;
}

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

export function agentSchema(): string {
  return json(settingsSchema(agentSettings, 'Settings of a Segwall agent (agent.yaml)'));
}

export function controlPlaneSchema(): string {
  return json(settingsSchema(controlPlaneSettings, 'Settings of a Segwall control plane (control-plane.yaml)'));
}

const agentHead = `# yaml-language-server: $schema=/usr/share/segwall/agent.schema.json
# Settings of this host's Segwall agent. They never come from the control plane. \`systemctl restart segwall-agent\` after a change; what holds, and
# which file says so: segwall-agent settings. Files agent.d/*.yaml beside this one are read after it, in the order of their names: mappings are
# merged, an entry of essential replaces the one of its name, whatever else is said later replaces.
#
# What passes before any policy. Write it down before you enforce:
# essential:
#   - { name: admin-ssh, direction: inbound, peers: [10.0.250.0/24], services: [tcp/22] }
#   - { name: dns, direction: outbound, peers: any, services: [udp/53, tcp/53] }
#
# The others, each with its default:
`;

export function agentFile(): string {
  const { essential, ...others } = agentSettings.keys;
  return agentHead + commented({ kind: 'mapping', keys: others });
}

const controlPlaneHead = `# yaml-language-server: $schema=/usr/share/segwall/control-plane.schema.json
# Settings of the Segwall control plane. Flags win over this file; files control-plane.d/*.yaml beside it are read after it, in the order of their
# names. \`systemctl restart segwall-control-plane\` after a change; what holds, and which file says so:
# segwall-control-plane settings --config /etc/segwall/control-plane.yaml
`;

const installed = { data: '/var/lib/segwall-control-plane', agents: '"[::]:7443"', api: '127.0.0.1:7444' } as const;

export function controlPlaneFile(): string {
  const { data, agents, api, ...others } = controlPlaneSettings.keys;
  const said = Object.entries({ data, agents, api }).map(
    ([key, { means }]) => `# ${means}\n${key}: ${installed[key as keyof typeof installed]}\n`,
  );
  return `${controlPlaneHead}${said.join('')}#\n# The others, each with its default:\n${commented({ kind: 'mapping', keys: others })}`;
}

/** Every setting behind a "#", so that taking that one character and the space away says it. */
function commented({ keys }: MappingShape, indent = ''): string {
  return Object.entries(keys)
    .map(([key, { shape, fallback, means }]) => {
      const told = `# ${indent}# ${means}\n`;
      if (shape.kind === 'mapping') return `# ${indent}${key}:\n${commented(shape, `${indent}  `)}`;
      const value =
        fallback === undefined ? '' : ` ${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}`;
      return `${told}# ${indent}${key}:${value}\n`;
    })
    .join('');
}
