/** Random numbers that are the same again for the same seed. */

/** Numbers from 0 to 1, 1 excluded: a linear congruential generator, good enough to stir things up. */
export function seededRandom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
