/** The step that an event is fired with, and what it does when it is run. */
import type { AgentDefinition } from '../definition.ts'
import { errorFromJson, HoldfastError } from '../errors.ts'
import { executeStep } from '../execute/execute-step.ts'
import type { HookEvents, HookRun, StepOutcome } from '../hooks/events.ts'
import type { Json, JsonObject } from '../json.ts'
import { deepFreeze } from '../json.ts'
import type { Message } from '../message.ts'
import type { Step, StepDescriptor } from '../step.ts'
import type { StepKind } from '../step-kinds.ts'
import { bareStep, currentStep } from '../step-wrap.ts'

/** What the event is to have; what is left out is made up. */
export interface FireOptions {
  readonly step?: Partial<Pick<StepDescriptor, 'id' | 'name' | 'input' | 'policy' | 'execution'>>
  /** What the step gives, in place of doing its work. */
  readonly output?: unknown
  readonly run?: Partial<Pick<HookRun, 'runId' | 'turn' | 'context' | 'messages' | 'usage'>>
  readonly toolCallId?: string
  /** For After… hooks. Default: the step went well, with `output`. */
  readonly outcome?: StepOutcome<StepKind>
  readonly message?: Message
  readonly index?: number
  readonly status?: HookEvents['AfterInvocation']['status']
  readonly error?: HoldfastError
  /** Answers to interrupts, by name. Without one `interrupt()` is a suspension. */
  readonly answers?: { readonly [interrupt: string]: unknown }
}

/** The step of an event: made up, but for what is given. */
export function stepOf(definition: AgentDefinition, kind: StepKind, options: FireOptions): Step {
  const descriptor = { ...defaultStep(definition, kind, options), ...options.step, kind } as StepDescriptor
  deepFreeze(descriptor.input)
  let executions = descriptor.execution - 1
  const base: Step = bareStep(descriptor, async (context) => {
    const now = { ...currentStep(base, context), execution: ++executions }
    return (await perform(definition, now, options)) as never
  })
  return base
}

function defaultStep(definition: AgentDefinition, kind: StepKind, options: FireOptions): StepDescriptor {
  const { spec } = definition
  const named = spec.tools.find(({ name }) => name === options.step?.name)
  const tool = named ?? spec.tools.find(({ type }) => (kind === 'agent' ? type === 'agent' : type === 'tool'))
  const name = options.step?.name ?? { model: 'model', task: 'task', wait: 'approval', tool: '', agent: '' }[kind]
  const toolName = tool?.name ?? name
  const base = { execution: 1, policy: tool?.policy ?? ({ effect: 'repeatable' } as const) }
  switch (kind) {
    case 'model': {
      const input = {
        model: spec.models[0] ?? 'default',
        base: { length: 0, digest: '' },
        append: options.run?.messages ?? [],
      }
      return { kind, id: '1/model', name, ...base, policy: spec.modelPolicy, input }
    }
    case 'wait': {
      const input = { type: 'approval', of: '', tool: toolName, toolCallId: 'call-1-0', input: {} } as const
      return { kind, id: `1/tool/0/${toolName}/approval`, name, ...base, input }
    }
    case 'task':
      return { kind, id: `1/task/${name}`, name, ...base, input: null }
    default:
      return { kind, id: `1/${kind}/0/${toolName}`, name: toolName, ...base, input: {} }
  }
}

/** The step of a task that a hook asks for. */
export function taskStep(plugin: string, name: string, input: Json): StepDescriptor<'task'> {
  const id = `1/task/${plugin}/${name}`
  return { kind: 'task', id, execution: 1, name: `${plugin}.${name}`, input, policy: { effect: 'repeatable' } }
}

/** Do the work of a step, middleware and all, where the event was given no output to give in place of it. */
export async function perform(
  definition: AgentDefinition,
  step: StepDescriptor,
  options: FireOptions,
): Promise<unknown> {
  if (options.output !== undefined && step.kind !== 'task') return options.output
  if (step.kind === 'wait' || step.kind === 'agent') {
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message: `step ${step.id} of kind ${step.kind} can't be run alone: give the event an output, or run the agent.`,
    })
  }
  const { runId = 'run-1', context = null, messages = [] } = options.run ?? {}
  const { kind, id, execution, name, input, policy } = step
  const record = await executeStep({ definition }, { kind, id, execution, name, input, policy } as StepDescriptor, {
    runId,
    spec: definition.spec,
    context,
    messages: ({ length }) => messages.slice(0, length),
    retries: 'here',
  })
  if (record.error) throw errorFromJson(record.error)
  return record.output as JsonObject
}
