/** A run with a crash beside the same run without one: what must not differ. */
import type { DrillResult } from './drill.ts'
import { differences } from './expect.ts'
import type { ExecutionLog, StepLog } from './step-log.ts'

/** What differs, in sentences. */
export function compareDrills(calm: DrillResult, crashed: DrillResult): string[] {
  const found: string[] = []
  if (crashed.crashed === undefined) found.push('the point was not reached: the run without a crash did other steps')
  if (!crashed.unknown) {
    const failure = failureOf(crashed)
    if (failure !== undefined && failure !== failureOf(calm)) return [...found, `the run failed with ${failure}`]
    found.push(...differences(calm.end.essence, crashed.end.essence, 'result'))
    found.push(...differences(calm.outside.stream ?? null, crashed.outside.stream ?? null, 'stream'))
    found.push(...differences(calm.outside.app ?? null, crashed.outside.app ?? null, 'effects'))
  }
  found.push(...differences(calm.waits, crashed.waits, 'waits'))
  found.push(...compareSteps(calm.log, crashed.log))
  found.push(...compareWorlds(calm, crashed))
  return found
}

function failureOf({ end }: DrillResult): string | undefined {
  const { failed } = end.essence as { readonly failed?: { readonly code: string; readonly message: string } }
  return failed && `${failed.code}: ${failed.message}`
}

function compareSteps(calm: StepLog, crashed: StepLog): string[] {
  const found: string[] = []
  for (const execution of crashed.executions.values()) {
    const { step, stepId, starts, recorded, effect } = execution
    if (starts.length === 0) continue
    const usual = calm.executions.get(step)
    if (effect === 'once') {
      const before = calm.starts(stepId)
      if (crashed.starts(stepId) > before) found.push(`${step} has effect 'once' and was done again`)
      continue
    }
    if (!usual) {
      found.push(`${step} was done, and without a crash it is not`)
      continue
    }
    const after = recorded === undefined ? [] : starts.filter(({ life }) => life > recorded)
    if (after.length > 0) found.push(`${step} was done again after it was recorded`)
    found.push(...compareKeys(usual, execution))
    for (const [life, count] of countByLife(execution)) {
      if (count > usual.starts.length) found.push(`${step} was done ${count} times in life ${life + 1}`)
    }
    if (countByLife(execution).size > 2) found.push(`${step} was done in more than two lives`)
  }
  for (const { step, starts } of calm.executions.values()) {
    const here = crashed.executions.get(step)
    if (starts.length > 0 && !here && crashed.starts(step.replace(/#\d+$/, '')) === 0)
      found.push(`${step} was not done`)
  }
  return found
}

function compareKeys(usual: ExecutionLog, { step, starts }: ExecutionLog): string[] {
  const tail = (key: string): string => key.slice(key.indexOf('/'))
  const keys = new Set(starts.map(({ idempotencyKey }) => idempotencyKey))
  if (keys.size > 1) return [`${step} had several idempotency keys: ${[...keys].join(', ')}`]
  const [first] = usual.starts
  const [now] = keys
  return first && now !== undefined && tail(first.idempotencyKey) !== tail(now)
    ? [`${step} had the idempotency key ${now}, and without a crash ${first.idempotencyKey}`]
    : []
}

function countByLife({ starts }: ExecutionLog): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { life } of starts) counts.set(life, (counts.get(life) ?? 0) + 1)
  return counts
}

/** What is done in the world is done as often as without a crash; what was running may be done once more. */
function compareWorlds(calm: DrillResult, crashed: DrillResult): string[] {
  const found: string[] = []
  const before = calm.outside.world ?? {}
  const now = crashed.outside.world ?? {}
  const once = onceKeys(crashed.log)
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const usual = before[key] ?? 0
    const count = now[key] ?? 0
    const atMost = once.some((own) => key.startsWith(own)) ? usual : usual * 2
    if (count > atMost) found.push(`effect ${key}: ${count} times, and ${usual} without a crash`)
    else if (count < usual && !crashed.unknown)
      found.push(`effect ${key}: ${count} times, and ${usual} without a crash`)
  }
  return found
}

function onceKeys(log: StepLog): string[] {
  const once = [...log.executions.values()].filter(({ effect }) => effect === 'once')
  return once.map(({ stepId }) => `<run>/${stepId}`)
}
