/** Finds the execution of a run by its name: the service lists those of one version of a function at a time. */
import type { LambdaClient } from '@aws-sdk/client-lambda'
import { ListDurableExecutionsByFunctionCommand, ListVersionsByFunctionCommand } from '@aws-sdk/client-lambda'
import { executionName } from './names.ts'

export interface FunctionId {
  /** A name or an ARN, without version and alias. */
  readonly name: string
  readonly qualifier?: string
}

/** `name`, `name:qualifier`, an ARN, or a part of one. */
export function parseFunctionName(functionName: string): FunctionId {
  const parts = functionName.split(':')
  // In an ARN the name is after `function:`; in `account:function:name` too.
  const at = parts.lastIndexOf('function') + 1
  const qualifier = parts[at + 1]
  return { name: parts.slice(0, at + 1).join(':'), ...(qualifier && { qualifier }) }
}

/** The ARN of the run's execution: of the function's own version or alias, else of any other, the newest first. */
export async function findExecution(
  client: LambdaClient,
  functionName: string,
  runId: string,
): Promise<string | undefined> {
  const { name, qualifier } = parseFunctionName(functionName)
  const find = async (Qualifier: string | undefined): Promise<string | undefined> => {
    const wanted = executionName(runId)
    const { DurableExecutions = [] } = await client.send(
      new ListDurableExecutionsByFunctionCommand({
        FunctionName: name,
        DurableExecutionName: wanted,
        ...(Qualifier && { Qualifier }),
      }),
    )
    return DurableExecutions.find(({ DurableExecutionName }) => DurableExecutionName === wanted)?.DurableExecutionArn
  }
  const known = await find(qualifier)
  if (known || qualifier === undefined) return known
  for (const version of await versionsOf(client, name)) {
    const found = await find(version)
    if (found) return found
  }
  return undefined
}

export async function versionsOf(client: LambdaClient, name: string): Promise<string[]> {
  const versions: string[] = []
  let marker: string | undefined
  do {
    const page = await client.send(
      new ListVersionsByFunctionCommand({ FunctionName: name, ...(marker && { Marker: marker }) }),
    )
    for (const { Version } of page.Versions ?? []) if (Version) versions.push(Version)
    marker = page.NextMarker
  } while (marker)
  return versions.reverse()
}
