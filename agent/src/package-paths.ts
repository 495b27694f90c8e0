// Where the package puts what is the agent's own.

export const packageStateDirectory = '/var/lib/segwall-agent';
