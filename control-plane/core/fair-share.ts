// How room is shared where there is too little: everyone keeps what it has up to one bound, the same for all, as high as fits. So who has
// little loses nothing to who has much.

/** The bound; what nobody reaches where all fits. */
export function fairShare(amounts: readonly number[], room: number): number {
  const ascending = [...amounts].sort((one, other) => one - other);
  let left = room;
  for (const [at, amount] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - at));
    if (amount > share) return share;
    left -= amount;
  }
  return Number.POSITIVE_INFINITY;
}
