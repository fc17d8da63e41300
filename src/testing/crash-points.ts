/**
 * The points at which a process may die: the boundaries of each step, found by plugins of the kit and a stream sink. They
 * change nothing of the run; whoever listens decides whether the process goes on.
 */
import type { AgentDefinition } from '../definition.ts'
import { isEngineFailure, isSuspended } from '../errors.ts'
import type { HookName, Hooks } from '../hooks/events.ts'
import type { Json } from '../json.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { Step, StepPolicy } from '../step.ts'
import type { StepKind, StepOutput } from '../step-kinds.ts'
import { executionId } from '../step.ts'
import { wrapStep } from '../step-wrap.ts'
import type { StreamChunk, StreamSink } from '../stream.ts'
import { sleep } from './life.ts'

/**
 * `before-effect`: the step is about to be done. `after-effect`: it is done and not recorded. `after-record`: it is recorded,
 * and the loop has not seen more than that. `mid-stream`: it has said something. `while-waiting`: a wait is open.
 * `in-hook`: a hook is at work.
 */
export type Boundary = 'before-effect' | 'after-effect' | 'after-record' | 'mid-stream' | 'while-waiting' | 'in-hook'

export interface CrashPoint {
  /** The execution's id, e.g. `2/tool/0/search` or `3/model#2`; of a hook that belongs to no step, what it was called for. */
  readonly step: string
  readonly boundary: Boundary
  /** With `in-hook`. */
  readonly hook?: HookName
}

/** What happened with an execution of a step. */
export type StepFact = { readonly step: string } & (
  | { readonly type: 'started'; readonly stepId: string; readonly idempotencyKey: string; readonly attempt: number }
  | { readonly type: 'finished'; readonly output: Json }
  | { readonly type: 'recorded' }
  | { readonly type: 'planned'; readonly effect: StepPolicy['effect'] }
)

export interface PointListener {
  /** The process goes on from the point when it resolves. */
  reach(point: CrashPoint): Promise<void>
  note(fact: StepFact): void
  /** Resolves while the process lives. */
  pass(): Promise<void>
}

export interface CrashPoints {
  /** For the agent and its sub-agents. */
  readonly plugins: readonly AgentPlugin[]
  /** The agent with points around what compacts its conversation, and those of its sub-agents: no middleware is. */
  watchCompaction(definition: AgentDefinition): AgentDefinition
  /** In place of the engine's own. */
  watch(sink: StreamSink): StreamSink
}

/** A wait that is not over after this time, in milliseconds, is one that the process waits in. */
const WAIT_OPENS = 5

export function crashPoints(listener: PointListener): CrashPoints {
  /** Of each step the execution that runs, for what only knows the step. */
  const running = new Map<string, string>()
  const around = effectPoints(listener, running)
  const inner: AgentPlugin = { name: 'crash-points-record', enforce: 'pre', hooks: recordHooks(listener) }
  const outer: AgentPlugin = {
    name: 'crash-points-effect',
    enforce: 'post',
    middleware: { model: around, tool: around, task: around },
    hooks: hookPoints(listener),
  }
  return {
    plugins: [inner, outer],
    watchCompaction: (definition) => watchCompaction(definition, around),
    watch: (sink) => watchStream(sink, listener, running),
  }
}

export function pointName({ step, boundary, hook }: CrashPoint): string {
  return hook ? `${step} ${boundary} ${hook}` : `${step} ${boundary}`
}

function recordHooks(listener: PointListener): Hooks {
  const record = async <K extends StepKind>(event: { step: Step<K> }): Promise<void> => {
    let executions = 0
    event.step = wrapStep(event.step, async (run, { id, policy }) => {
      const step = executionId({ id, execution: ++executions })
      const recorded = async (): Promise<void> => {
        listener.note({ step, type: 'recorded' })
        await listener.reach({ step, boundary: 'after-record' })
      }
      await listener.pass()
      listener.note({ step, type: 'planned', effect: policy.effect })
      let output: StepOutput<K>
      try {
        output = await run()
      } catch (error) {
        if (!isSuspended(error) && !isEngineFailure(error)) await recorded()
        throw error
      }
      await recorded()
      return output
    })
  }
  return { BeforeModelCall: record, BeforeToolCall: record, BeforeTask: record, BeforeWait: waitPoint(listener) }
}

function waitPoint(listener: PointListener): NonNullable<Hooks['BeforeWait']> {
  return async (event) => {
    event.step = wrapStep(event.step, async (run, { id, input }) => {
      const waiting = run()
      let open = true
      const over = waiting.then(
        () => {
          open = false
        },
        (error: unknown) => {
          open = isSuspended(error)
        },
      )
      await Promise.race([over, sleep(WAIT_OPENS)])
      // A timer may be over by now, or not: its point is reached in either case, so that each run has the same.
      if (open || input.type === 'timer') await listener.reach({ step: id, boundary: 'while-waiting' })
      const answer = await waiting
      await listener.reach({ step: id, boundary: 'after-record' })
      return answer
    })
  }
}

interface Request {
  readonly stepId: string
  readonly execution: number
  readonly attempt: number
  readonly idempotencyKey: string
}
type Around = <R extends Request, T>(request: R, next: (request: R) => Promise<T>) => Promise<T>

function effectPoints(listener: PointListener, running: Map<string, string>): Around {
  return async (request, next) => {
    const { stepId, execution, attempt, idempotencyKey } = request
    const step = executionId({ id: stepId, execution })
    running.set(stepId, step)
    await listener.reach({ step, boundary: 'before-effect' })
    listener.note({ step, type: 'started', stepId, idempotencyKey, attempt })
    let output: Awaited<ReturnType<typeof next>>
    try {
      output = await next(request)
    } catch (error) {
      await listener.reach({ step, boundary: 'after-effect' })
      throw error
    }
    listener.note({ step, type: 'finished', output: output as Json })
    await listener.reach({ step, boundary: 'after-effect' })
    return output
  }
}

function watchCompaction(definition: AgentDefinition, around: Around): AgentDefinition {
  const { compactWith } = definition
  const tools = [...definition.tools].map(([name, tool]): [string, typeof tool] => [
    name,
    tool.agent ? { ...tool, agent: watchCompaction(tool.agent, around) } : tool,
  ])
  return {
    ...definition,
    tools: new Map(tools),
    ...(compactWith && {
      compactWith: (messages, context) => around(context, async () => compactWith(messages, context)),
    }),
  }
}

function hookPoints(listener: PointListener): Hooks {
  const at = (step: string, hook: HookName): Promise<void> => listener.reach({ step, boundary: 'in-hook', hook })
  const inHook = (hook: HookName) => (event: { readonly step: { readonly id: string } }) => at(event.step.id, hook)
  return {
    BeforeInvocation: inHook('BeforeInvocation'),
    AfterInvocation: ({ run }) => at(run.agent, 'AfterInvocation'),
    BeforeModelCall: inHook('BeforeModelCall'),
    AfterModelCall: inHook('AfterModelCall'),
    BeforeToolCall: inHook('BeforeToolCall'),
    AfterToolCall: inHook('AfterToolCall'),
    BeforeWait: inHook('BeforeWait'),
    AfterWait: inHook('AfterWait'),
    BeforeAgentCall: inHook('BeforeAgentCall'),
    AfterAgentCall: inHook('AfterAgentCall'),
    BeforeTask: inHook('BeforeTask'),
    AfterTask: inHook('AfterTask'),
    MessageAdded: ({ run, index }) => at(`${run.agent}/message/${index}`, 'MessageAdded'),
  }
}

function watchStream(sink: StreamSink, listener: PointListener, running: Map<string, string>): StreamSink {
  const begun = new Set<string>()
  const isSpeech = ({ type }: StreamChunk): boolean => type !== 'start' && type !== 'end' && type !== 'superseded'
  return {
    ...sink,
    read: (runId, cursor, signal) => sink.read(runId, cursor, signal),
    ...(sink.close && { close: async (runId: string) => sink.close?.(runId) }),
    async publish(chunks) {
      await listener.pass()
      for (const [index, chunk] of chunks.entries()) {
        if (!isSpeech(chunk) || begun.has(chunk.nonce)) continue
        begun.add(chunk.nonce)
        // What was said before the point is there; what would come after it is not yet.
        await sink.publish(chunks.slice(0, index + 1))
        await listener.reach({ step: running.get(chunk.stepId) ?? chunk.stepId, boundary: 'mid-stream' })
      }
      await sink.publish(chunks)
    },
  }
}
