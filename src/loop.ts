/** The loop: interprets the machine. It has no clock, no randomness and no I/O of its own; all of that is in steps. */
import { prepareRun, runBatch } from './loop/batch.ts'
import type { AgentDefinition } from './definition.ts'
import { digest } from './digest.ts'
import { errorToJson, HoldfastError, isEngineFailure, isHoldfastError, isSuspended, wrapError } from './errors.ts'
import type { Json, JsonObject } from './json.ts'
import type { PlannedApproval, PlannedCall, RunState } from './machine.ts'
import {
  addTokens,
  afterCancel,
  afterCompact,
  afterModel,
  afterSettled,
  afterTools,
  nextOf,
  startRun,
} from './machine.ts'
import type { Message, ToolResultOutput, Usage } from './message.ts'
import { addUsage, textOf } from './message.ts'
import type { AgentSpec } from './spec.ts'
import type { ResultStatus } from './run-info.ts'
import type { ItemOutcome } from './loop/run-context.ts'
import { busOf, Frame } from './loop/run-context.ts'
import { needTask } from './loop/stepping.ts'
import type { ApprovalAnswer } from './step-kinds.ts'
import type { Step, StepDescriptor } from './step.ts'
import { deepFreeze } from './json.ts'
import { executionId } from './step.ts'
import type { PendingWait } from './loop/waits.ts'
import { keptAnswer } from './loop/waits.ts'

/**
 * Run an agent from the state that its frame has to its end. The frame then has the final state.
 *
 * Rejects as the run fails; with `SUSPENDED` where it waits for something outside of this process.
 */
export async function invoke(frame: Frame, step: StepDescriptor<'agent'>): Promise<void> {
  const body = (): Promise<Json> => interpret(frame)
  let failure: HoldfastError | undefined
  try {
    if (!frame.state.begun) frame.tell({ type: 'run-started' })
    const slot = await prepareRun(frame, { step, body, event: 'BeforeInvocation' })
    const output: Json = await slot.run()
    if (frame.state.status === 'running') {
      frame.state = afterSettled(frame.state, output)
      await tellMessages(frame)
    }
  } catch (thrown) {
    const { openWaits, cancellation } = frame.run
    // Nobody is waited for by a run that is cancelled: with an open wait, all that is recorded is replayed.
    const error = (isSuspended(thrown) && openWaits.length > 0 && cancellation.error) || thrown
    if (isHoldfastError(error, 'CANCELLED')) {
      // A worker's own error of a step that was stopped does not say why the run was.
      frame.state = afterCancel(frame.state, cancelReason(cancellation.error ?? error), knownResults(frame))
      if (frame.state.path !== '') failure = error
      try {
        await tellMessages(frame)
      } catch (hook) {
        failure = wrapError(hook, 'HOOK_FAILED')
      }
    } else if (isSuspended(error) || isEngineFailure(error)) throw error
    else failure = wrapError(error, 'HOOK_FAILED')
  }
  await finish(frame, failure)
}

async function finish(frame: Frame, ended: HoldfastError | undefined): Promise<void> {
  let failure = ended
  const statusNow = (): ResultStatus | 'failed' =>
    failure && !isHoldfastError(failure, 'CANCELLED') ? 'failed' : (frame.state.status as ResultStatus)
  const event = { status: statusNow(), ...(failure && { error: failure }) }
  try {
    await frame.bus.emit('AfterInvocation', (plugin) => ({ ...event, run: frame.viewFor(plugin) }))
  } catch (error) {
    failure ??= error as HoldfastError
  }
  const status = statusNow()
  frame.tell({ type: 'run-finished', status, ...(failure && { error: errorToJson(failure, 'HOOK_FAILED') }) })
  if (failure) throw failure
}

async function interpret(frame: Frame): Promise<Json> {
  await tellMessages(frame)
  for (;;) {
    frame.checkCancelled()
    const next = nextOf(frame.state)
    switch (next.type) {
      case 'end':
        return outputOf(frame.state)
      case 'model':
        await askModel(frame, next.step)
        break
      case 'tools':
        await runTools(frame, next.calls, next.asked)
        break
      case 'compact': {
        const messages = (await needTask(frame, next.step)) as unknown as readonly Message[]
        frame.state = afterCompact(frame.state, deepFreeze(messages))
        frame.told = messages.length
      }
    }
    // What a batch kept is for its own repetition; a sub-agent's is for the batch of its parent, which may be repeated whole.
    if (frame.state.path === '') frame.run.forget()
    await tellMessages(frame)
  }
}

async function askModel(frame: Frame, step: StepDescriptor<'model'>): Promise<void> {
  const [outcome] = (await runBatch(frame, [{ step }])) as [ItemOutcome<'model'>]
  if (outcome.status === 'denied') {
    frame.run.cancelHere(outcome.reason)
    frame.checkCancelled()
  }
  if (outcome.status !== 'ok') throw (outcome as { readonly error: HoldfastError }).error
  frame.state = afterModel(frame.state, deepFreeze(outcome.output))
}

async function runTools(frame: Frame, calls: readonly PlannedCall[], asked: readonly PlannedApproval[]): Promise<void> {
  let used: Usage = {}
  const items = calls.flatMap(({ step, call, tool }) => {
    if (!step || !tool) return []
    const body = (now: Step): Promise<Json> =>
      runSubAgent(frame, now as Step<'agent'>, (usage) => {
        used = addUsage(used, usage)
      })
    return [{ step, call: { ...call, tool }, ...(tool.type === 'agent' && { body }) }]
  })
  const approvals = asked.map((approval) => ({ ...approval, of: digest(approval.input) }))
  const outcomes = await runBatch<'tool' | 'agent'>(frame, items, (pending) => {
    for (const approval of approvals) askProviderApproval(frame, approval, pending)
  })
  const byStep = new Map(items.map(({ step }, index) => [step, outcomes[index]]))
  const results = calls.map(({ step, call }) => resultOf(step && byStep.get(step), call.invalid))
  const answers = approvals.map(({ waitId, of }) => {
    const { output } = keptAnswer(frame, waitId, of)
    return output && 'answer' in output ? (output.answer as unknown as ApprovalAnswer) : { approved: false }
  })
  frame.state = afterTools(addTokens(frame.state, used), results, answers)
}

/** A sub-agent inline: an agent of its own with the run's engine; its steps have ids under that of the call's execution. */
async function runSubAgent(frame: Frame, step: Step<'agent'>, spend: (usage: Usage) => void): Promise<Json> {
  const { run, state } = frame
  const spec = state.spec.tools.find(({ name }) => name === step.name)?.agent
  const definition = requireAgent(frame.definition, step.name)
  const prompt = (step.input as JsonObject | null)?.['prompt']
  const input = typeof prompt === 'string' ? prompt : JSON.stringify(step.input)
  const start = { runId: run.runId, path: `${executionId(step)}/`, input, context: run.context }
  const child = new Frame(run, definition, busOf(definition), startRun(spec as AgentSpec, start))
  // Its hooks and those around its call may ask for the same: what they ask for must not have the same id.
  const { kind, name, policy } = step
  try {
    await invoke(child, { kind, id: `${start.path}run`, execution: 1, name, input: step.input, policy })
  } finally {
    // Also of one that failed: the tokens are gone.
    spend(child.state.usage)
  }
  if (child.state.status === 'limit') {
    throw new HoldfastError({
      code: 'LIMIT_REACHED',
      message: `sub-agent '${name}' ended early: ${child.state.reason}`,
    })
  }
  return outputOf(child.state)
}

function requireAgent({ spec, tools }: AgentDefinition, name: string): AgentDefinition {
  const agent = tools.get(name)?.agent
  if (agent) return agent
  throw new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message: `agent '${spec.name}' here has no sub-agent '${name}', but a run of it does. Deploy one that has it.`,
    details: { tool: name },
  })
}

function askProviderApproval(
  frame: Frame,
  approval: PlannedApproval & { readonly of: string },
  pending: PendingWait[],
): void {
  const { waitId, of, tool, input, request } = approval
  const known = keptAnswer(frame, waitId, of)
  if (known.output) return
  pending.push({ id: known.id, input: { type: 'approval', of, tool, toolCallId: request.toolCallId, input } })
}

/** Of the calls of a batch that was cancelled: the results of those that had ended. */
function knownResults(frame: Frame): (ToolResultOutput | undefined)[] {
  const next = nextOf(frame.state)
  if (next.type !== 'tools') return []
  return next.calls.map(({ step, call }) => {
    const outcome = step && (frame.settled.get(step.id) as ItemOutcome<'tool' | 'agent'> | undefined)
    return outcome || call.invalid !== undefined ? resultOf(outcome, call.invalid) : undefined
  })
}

/** How the conversation tells an outcome to the model. */
function resultOf(outcome: ItemOutcome<'tool' | 'agent'> | undefined, invalid: string | undefined): ToolResultOutput {
  if (!outcome) return { type: 'error-text', value: invalid ?? 'There is no such tool.' }
  if (outcome.status === 'denied') return { type: 'denied', reason: outcome.reason }
  if (outcome.status === 'error') return { type: 'error-text', value: outcome.error.message }
  const output: Json = outcome.output
  return typeof output === 'string' ? { type: 'text', value: output } : { type: 'json', value: output }
}

/** What an agent has to say at its end: its structured output, or its last text. */
function outputOf(state: RunState): Json {
  if (state.output !== undefined) return state.output
  return textOf(state.messages.findLast(({ role }) => role === 'assistant'))
}

async function tellMessages(frame: Frame): Promise<void> {
  const { messages } = frame.state
  for (; frame.told < messages.length; frame.told++) {
    const index = frame.told
    const message = deepFreeze(messages[index]) as Message
    frame.tell({ type: 'message-added', message })
    if (!frame.bus.has('MessageAdded')) continue
    await frame.bus.emit('MessageAdded', (plugin) => ({ run: frame.viewFor(plugin), message, index }))
  }
}

function cancelReason(error: HoldfastError): string | undefined {
  const reason = (error.details as JsonObject | undefined)?.['reason']
  return typeof reason === 'string' ? reason : undefined
}
