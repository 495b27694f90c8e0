// The agent's version is the package's.

import description from '../../../package.json' with { type: 'json' };

export const agentVersion: string = description.version;
