// How long something computed, whatever else the machine did meanwhile: for tests that something ends at once.

/** Milliseconds of processor time that this thread has had. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
