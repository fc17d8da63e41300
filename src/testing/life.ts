/** The life of a simulated process: once it is over, nothing of it goes on. */

/** Never settles: what a dead process waits for. */
export function never(): Promise<never> {
  return new Promise(() => {})
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(), milliseconds)
  })
}

/** Resolves when what was under way in this process, and waits for nothing from outside, has come to its end. */
export async function drain(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await sleep(0)
}

export class Life {
  #alive = true
  #end: () => void = () => {}
  /** Resolves when the process dies. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#end = resolve
  })

  get alive(): boolean {
    return this.#alive
  }

  end(): void {
    this.#alive = false
    this.#end()
  }

  /** Resolves in a living process; in a dead one never. */
  pass(): Promise<void> {
    return this.#alive ? Promise.resolve() : never()
  }
}
