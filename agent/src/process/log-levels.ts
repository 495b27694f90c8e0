export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
