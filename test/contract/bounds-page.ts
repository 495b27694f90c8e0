// The page of docs/reference that shows the table of bounds; `node test/contract/bounds-page.ts > docs/reference/wire-bounds.md` writes it.

import { type Bound, bounds } from '#wire/bounds.ts';
import { limits } from '#wire/limits.ts';

const head = `# What an agent may send

Nothing that an agent sends is believed: every field has a bound where it is read. This page is made from
proto/wire/bounds.ts, which the decoders read too. A test compares it with the .proto files.

- \`refuse\`: the whole message is refused; on the policy stream that is a violation, and the stream ends.
- \`saturate\`: a number beyond the bound counts as the bound, which then means "so many or more".
- \`cut\`: what does not fit, or is not such a text, is left out; \`agents\` shows how much (\`cut\`).

A message has at most ${limits.agentMessageBytes} bytes, on the policy stream ${limits.streamMessageBytes}. Sums of what agents report stop at
9007199254740991 (2^53 - 1), which then means "so many or more". Times of hosts are from 1970 to 9999. Flows from the
future are stored with the server's time.

| field | bound | beyond it | note |
| --- | --- | --- | --- |
`;

export function boundsPage(): string {
  return (
    head +
    Object.entries<Bound>(bounds)
      .filter(([, { kind }]) => kind !== 'message')
      .map(rowOf)
      .join('')
  );
}

function rowOf([name, bound]: readonly [string, Bound]): string {
  const beyond = 'beyond' in bound ? bound.beyond : '';
  const note = 'each' in bound ? bound.each : 'note' in bound ? (bound.note ?? '') : '';
  return `| \`${name}\` | ${boundText(bound)} | ${beyond} | ${note} |\n`;
}

function boundText(bound: Bound): string {
  switch (bound.kind) {
    case 'number':
      return `0 to ${bound.most}`;
    case 'time':
      return `1970 to ${new Date(bound.most).getUTCFullYear()}`;
    case 'text':
      return `${bound.most} characters`;
    case 'bytes':
      return `${bound.most} bytes`;
    case 'list':
    case 'map':
      return `${bound.most} entries`;
    case 'choice':
      return 'a named value';
    case 'truth':
      return 'yes or no';
    case 'message':
      return '';
  }
}

if (import.meta.main) process.stdout.write(boundsPage());
