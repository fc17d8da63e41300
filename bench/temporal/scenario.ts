/** What all three do: in each turn a model says 2 KB and calls a tool, which gives 2 KB. */
import type { Client } from '@temporalio/client'

export interface Row {
  readonly turns: number
  /** Milliseconds. */
  readonly took: number
  readonly bytes: number
  readonly events: number
  readonly failed?: string
}

export interface Figures {
  readonly rows: readonly Row[]
  readonly rss: number
}

export function words(length: number): string {
  return 'The quick brown fox. '.repeat(Math.ceil(length / 21)).slice(0, length)
}

/** Run it and look at what it left in the history. */
export async function measure(
  client: Client,
  workflowId: string,
  turns: number,
  run: () => Promise<unknown>,
): Promise<Row> {
  const started = performance.now()
  await run()
  const took = performance.now() - started
  const { raw } = await client.workflow.getHandle(workflowId).describe()
  const { historySizeBytes, historyLength } = raw.workflowExecutionInfo ?? {}
  return { turns, took, bytes: Number(historySizeBytes), events: Number(historyLength) }
}
