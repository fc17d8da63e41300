/** Holdfast on Lambda, client side: start runs, answer, look at and cancel them. */
import type { Execution, LambdaClient } from '@aws-sdk/client-lambda'
import { InvokeCommand, ListDurableExecutionsByFunctionCommand } from '@aws-sdk/client-lambda'
import type { AgentRuns, RunnableAgent, RunInput, RunSummary, StartOptions } from '../../index.ts'
import { HoldfastError, toJson } from '../../index.ts'
import { clientError } from './failures.ts'
import { parseFunctionName, versionsOf } from './find-run.ts'
import { executionName } from './names.ts'
import type { LambdaRuns, LambdaRunsOptions } from './options.ts'
import type { AgentRunEvent } from './protocol.ts'
import { LambdaRun } from './run-handle.ts'

/** The runs of an agent on a durable function. A run's id is its execution's name, where it can be one. */
export function lambdaRuns(client: LambdaClient, options: LambdaRunsOptions): LambdaRuns {
  const get = (runId: string, arn?: string): LambdaRun => new LambdaRun(client, options, runId, arn)
  return {
    get: (runId) => get(runId),
    async start(agent, input, start) {
      return get(start.runId, await startExecution(client, options, agent, input, start))
    },
    list: (filter = {}) => listRuns(client, options, filter),
    delete: (runId) => get(runId).stop(),
  }
}

async function startExecution(
  client: LambdaClient,
  { functionName }: LambdaRunsOptions,
  agent: RunnableAgent,
  input: RunInput,
  { runId, context, messages, workflow }: StartOptions,
): Promise<string | undefined> {
  if (workflow !== undefined) {
    throw new HoldfastError({ code: 'UNSUPPORTED', message: 'Lambda has no workflows to name: start without one.' })
  }
  const what = toJson({ input, context, messages }, `start of run '${runId}'`) as unknown as Omit<
    AgentRunEvent,
    'version' | 'runId' | 'agent'
  >
  const event: AgentRunEvent = { version: 1, runId, agent: agent.name, ...what }
  try {
    const { DurableExecutionArn } = await client.send(
      new InvokeCommand({
        FunctionName: functionName,
        InvocationType: 'Event',
        DurableExecutionName: executionName(runId),
        Payload: new TextEncoder().encode(JSON.stringify(event)),
      }),
    )
    return DurableExecutionArn
  } catch (error) {
    if ((error as Error).name !== 'DurableExecutionAlreadyStartedException') {
      throw clientError(error, `run '${runId}' could not be started`)
    }
    throw new HoldfastError({
      code: 'RUN_CONFLICT',
      message: `run '${runId}' is known with another input. Take another runId, or give the input that it was started with.`,
      details: { runId },
      cause: error,
    })
  }
}

/** Asks the service about each run: it lists names and times alone. With a version or an alias, of all versions. */
async function* listRuns(
  client: LambdaClient,
  options: LambdaRunsOptions,
  filter: NonNullable<Parameters<AgentRuns['list']>[0]>,
): AsyncIterable<RunSummary> {
  for await (const execution of executionsOf(client, options.functionName)) {
    const { DurableExecutionName, DurableExecutionArn, StartTimestamp, EndTimestamp } = execution
    if (!DurableExecutionName || !StartTimestamp) continue
    const run = new LambdaRun(client, options, DurableExecutionName, DurableExecutionArn)
    const { runId, agent, status } = await run.status()
    if (filter.agent !== undefined && filter.agent !== agent) continue
    if (filter.status !== undefined && filter.status !== status) continue
    yield { runId, agent, status, createdAt: StartTimestamp, updatedAt: EndTimestamp ?? StartTimestamp }
  }
}

async function* executionsOf(client: LambdaClient, functionName: string): AsyncIterable<Execution> {
  const { name, qualifier } = parseFunctionName(functionName)
  try {
    const versions = qualifier === undefined ? [undefined] : await versionsOf(client, name)
    for (const Qualifier of versions) {
      let marker: string | undefined
      do {
        const page = await client.send(
          new ListDurableExecutionsByFunctionCommand({
            FunctionName: name,
            ...(Qualifier && { Qualifier }),
            ...(marker && { Marker: marker }),
          }),
        )
        yield* page.DurableExecutions ?? []
        marker = page.NextMarker
      } while (marker)
    }
  } catch (error) {
    throw clientError(error, `runs of function ${functionName} can't be listed`)
  }
}
