/** The durability plugin: each step is an operation of a durable execution. */
import type { DurableContext } from '@aws/durable-execution-sdk-js'
import type { AgentPlugin, DurableStep, RunInfo, RunState, StepDescriptor, StepRecord } from '../../index.ts'
import { durable, executionId, HoldfastError, isEngineFailure } from '../../index.ts'
import { execute } from './execute.ts'
import { hosts } from './host.ts'
import type { Place } from './invocation.ts'
import { Invocation, places } from './invocation.ts'
import { operationName } from './names.ts'
import type { LambdaOptions } from './options.ts'
import { MAX_RECORD } from './protocol.ts'
import { waitFor } from './waits.ts'

/**
 * Makes an agent durable on AWS Lambda Durable Execution. Without a context, for an agent that `lambdaAgentHandler` runs;
 * with the context of a durable handler of your own, for one run:
 *
 *     agent.run(input, { plugins: [lambdaDurabilityPlugin(context)] })
 *
 * A wait for a person never returns: the invocation ends, and the run goes on in another when the answer is there.
 * Runs outside of a durable handler are refused with `NO_ENGINE_CONTEXT`.
 */
export function lambdaDurabilityPlugin(options?: LambdaOptions): AgentPlugin
export function lambdaDurabilityPlugin(context: DurableContext, options?: LambdaOptions): AgentPlugin
export function lambdaDurabilityPlugin(given?: DurableContext | LambdaOptions, more?: LambdaOptions): AgentPlugin {
  const context = given && isContext(given) ? given : undefined
  const options = (context ? more : (given as LambdaOptions | undefined)) ?? {}
  const { streams, payloads, cancels } = options
  return {
    name: 'lambda',
    durability: {
      engine: 'lambda',
      dispatch: 'closure',
      supports: {
        waits: true,
        timers: true,
        once: true,
        retries: true,
        cancelRunning: cancels !== undefined,
        streams: streams !== undefined,
        ...(!payloads && { recordBytes: MAX_RECORD }),
      },
      ...(streams && { streams }),
      ...(payloads && { payloads }),
      currentRunId: () => runIdOf(context ?? hostContext()),
    },
    hooks: durable({
      execute: (step, run) => ({ ...step, run: () => executeAt(place(step), step, run) }),
      wait: (step, run) => ({ ...step, run: () => waitFor(place(step), step, run) }),
      scope(step, body, run) {
        if (step.kind === 'agent' && step.id === 'run') {
          return runInScope(context ?? hostContext(), step, body, run, options)
        }
        return step.kind === 'agent' ? inAgent(place(step), step, body) : inChild(place(step), step, body)
      },
    }),
  }
}

async function runInScope<T>(
  context: DurableContext,
  step: StepDescriptor,
  body: () => Promise<T>,
  run: RunInfo,
  options: LambdaOptions,
): Promise<T> {
  const invocation = new Invocation(context, run, options)
  try {
    const result = await inChild({ context, invocation, isStep: false }, step, body)
    await close(options, run)
    return endedByLimit(result, invocation)
  } catch (error) {
    if (!isEngineFailure(error)) await close(options, run)
    throw error
  }
}

/** What the scope of a run gives is its state. Of one whose operations were used up it says so: nobody cancelled it. */
function endedByLimit<T>(result: T, { limit }: Invocation): T {
  const { status, reason } = result as Partial<RunState>
  return limit !== undefined && status === 'cancelled' && reason === limit ? { ...result, status: 'limit' } : result
}

async function close({ streams }: LambdaOptions, { runId }: RunInfo): Promise<void> {
  try {
    await streams?.close?.(runId)
  } catch {
    // Only the live view: the run has its result.
  }
}

/**
 * Each place of a run and of a sub-agent is a virtual context, which the service knows nothing of, and the first operation in
 * it is a recorded one. So a deploy that asks for something else at a place finds that operation there, and is refused: a
 * place without one would let it go on and do what is done already once more, at the next place.
 */
function executeAt(here: Place, step: DurableStep, run: RunInfo): Promise<StepRecord> {
  if (here.isStep) return execute(here, step, run)
  return inChild(here, step, () => execute(place(step), step, run))
}

/** A sub-agent has places of its own, after an operation that says so. */
function inAgent<T>(here: Place, step: StepDescriptor, body: () => Promise<T>): Promise<T> {
  const agent = async (): Promise<T> => {
    const { context, invocation } = place(step)
    invocation.count(1)
    await context.step(operationName(`${executionId(step)}/begun`), async () => null)
    return places.run({ context, invocation, isStep: false }, body)
  }
  return inChild(here, step, agent)
}

/**
 * In a context of its own, where operations are counted anew: what runs beside it takes none of its places. A virtual one:
 * it is no operation itself, and its body runs again on replay, as hooks must. What the body gives goes past it, since the
 * context would pass it through JSON.
 */
async function inChild<T>(parent: Place, step: StepDescriptor, body: () => Promise<T>): Promise<T> {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined
  await parent.context.runInChildContext(
    operationName(step.id),
    async (context) => {
      outcome = await places.run({ ...parent, context, isStep: step.id !== 'run' }, body).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
    },
    { virtualContext: true },
  )
  if (outcome && 'value' in outcome) return outcome.value
  throw outcome?.error
}

function place({ id }: StepDescriptor): Place {
  const here = places.getStore()
  if (here) return here
  throw new HoldfastError({
    code: 'NO_ENGINE_CONTEXT',
    message: `step ${id} was run outside of its run: on Lambda a step is known by its place. Await it in the hook that has it.`,
    details: { step: id },
  })
}

function hostContext(): DurableContext {
  const context = hosts.getStore()
  if (context) return context
  throw new HoldfastError({
    code: 'NO_ENGINE_CONTEXT',
    message:
      'lambdaDurabilityPlugin() works in a durable handler alone. Export lambdaAgentHandler(agent) as the function, or in a ' +
      'handler of your own give the context: agent.run(input, { plugins: [lambdaDurabilityPlugin(context)] }).',
  })
}

/** The name of the execution, which is in its ARN: `…/durable-execution/<name>/<id>`. */
function runIdOf(context: DurableContext): string {
  const { durableExecutionArn } = context.executionContext
  return /\/durable-execution\/([^/]+)\//.exec(durableExecutionArn)?.[1] ?? durableExecutionArn
}

function isContext(given: DurableContext | LambdaOptions): given is DurableContext {
  return 'runInChildContext' in given
}
