/** Runs random scripts; a failure says the seed and the shrunk script. */
import fc from 'fast-check'
import { script } from '../support/random-script.ts'
import type { CheckOptions } from './check.ts'
import { checkScript } from './check.ts'

export interface Seed {
  readonly seed: number
  readonly path: string | undefined
}

export interface FuzzOptions extends Seed, CheckOptions {
  readonly runs: number
}

/** `<seed>` or `<seed>:<path>`; another one each time when it is left out. */
export function seedOf(text: string | undefined): Seed {
  if (!text) return { seed: Math.floor(Math.random() * 0x7fffffff), path: undefined }
  const [seed, ...path] = text.split(':')
  return { seed: Number(seed), path: path.length > 0 ? path.join(':') : undefined }
}

/** Gives how many scripts were played. */
export async function fuzz({ runs, seed, path, ...options }: FuzzOptions): Promise<number> {
  let played = 0
  const property = fc.asyncProperty(script, async (one) => {
    played++
    await checkScript(one, options)
  })
  const details = await fc.check(property, {
    numRuns: runs,
    seed,
    ...(path !== undefined && { path, endOnFailure: true }),
  })
  if (!details.failed) return played
  const error = details.errorInstance as Error | undefined
  throw new Error(
    [
      `${error?.message}`,
      `HOLDFAST_SEED=${details.seed}:${details.counterexamplePath} plays it again (after ${details.numShrinks} shrinks).`,
      `The script: ${JSON.stringify(details.counterexample?.[0])}`,
    ].join('\n'),
    { cause: error },
  )
}
