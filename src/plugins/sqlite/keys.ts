/** Keys of rows that belong to a run: its number and a place in it, so that its rows lie together and in order. */

/** Rows that a run can have. */
export const PLACES = 2 ** 24

export function keyOf(no: number, place: number): number {
  return no * PLACES + place
}

/** The place of a key within its run. */
export function placeOf(key: number): number {
  return key % PLACES
}

/** All keys of a run, for BETWEEN. */
export function keysOf(no: number): readonly [first: number, last: number] {
  return [keyOf(no, 0), keyOf(no + 1, 0) - 1]
}
