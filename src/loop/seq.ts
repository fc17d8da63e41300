/**
 * Numbers of events, the same on replay: whole ones for what happens one after the other; what happens inside a step that
 * runs beside others counts in thousandths of the step's own number, so that the order of completion changes nothing.
 */
export class Seq {
  readonly #base: number
  readonly #unit: number
  #count: number

  /** @param count numbers that are taken already */
  constructor(count = 0, base = 0, unit = 1) {
    this.#count = count
    this.#base = base
    this.#unit = unit
  }

  get count(): number {
    return this.#count
  }

  next(): number {
    return Number((this.#base + ++this.#count * this.#unit).toFixed(9))
  }

  /** Numbers below the next one. */
  child(): Seq {
    return new Seq(0, this.next(), this.#unit / 1000)
  }
}
