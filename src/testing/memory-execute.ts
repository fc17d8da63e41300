/** How the engine in memory does steps by name. */
import { errorToJson, isHoldfastError } from '../errors.ts'
import { executeStep } from '../execute/execute-step.ts'
import type { RunInfo } from '../run-info.ts'
import type { DurableStep, StepDescriptor, StepRecord } from '../step.ts'
import { describeStep } from '../step-wrap.ts'
import { executionId, fingerprint } from '../step.ts'
import { sleep } from './life.ts'
import type { MemoryProcess } from './memory-process.ts'

/** As a worker elsewhere would: it has the descriptor as JSON and an agent of its own; the engine does the retrying. */
export async function executeByName(process: MemoryProcess, step: DurableStep, run: RunInfo): Promise<StepRecord> {
  const { storage } = process
  const descriptor = JSON.parse(JSON.stringify(describeStep(step))) as StepDescriptor
  const mark = `${run.runId}/${executionId(step)}`
  const once = step.policy.effect === 'once'
  if (once && storage.marks.has(mark)) return unknownOutcome(step)
  if (once) storage.marks.add(mark)
  const { retry } = step.policy
  for (let attempt = 1; ; attempt++) {
    try {
      return await executeStep(process.worker, descriptor, {
        runId: run.runId,
        agent: run.agent,
        spec: run.spec,
        context: run.context,
        messages: async (base) => JSON.parse(JSON.stringify(run.messages(base))),
        retries: 'engine',
        attempt,
        signal: run.signal,
        streams: process.streams,
        payloads: storage.payloads,
      })
    } catch (error) {
      if (!isHoldfastError(error) || error.kind !== 'retryable') throw error
      if (attempt >= (retry?.maxAttempts ?? 1)) {
        return { of: fingerprint(step), error: errorToJson(error, 'TOOL_FAILED') }
      }
      await sleep(error.retryAfter ?? retry?.initialInterval ?? 0)
    }
  }
}

function unknownOutcome(step: StepDescriptor): StepRecord {
  const message = `step ${step.id} had started`
  return {
    of: fingerprint(step),
    error: { code: 'OUTCOME_UNKNOWN', kind: 'terminal', message, details: { step: step.id } },
  }
}
