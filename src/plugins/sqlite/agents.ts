/** The agents that runs of a journal are given to. */
import type { AgentPlugin, Json, Message, RunInput, RunnableAgent, RunResult } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { notFound } from './errors.ts'
import type { Journal } from './journal.ts'
import { parseStored } from './stored.ts'
import { realPath } from './use-journal.ts'
import { journalPathOf } from './plugin.ts'

/** What a run was started with, as the loop makes it. */
interface StoredInput {
  readonly input: RunInput
  readonly messages?: readonly Message[]
  readonly context?: Json
}

/**
 * Agents by name.
 * @throws `CONFIG_INVALID` for one that does not keep its runs in this journal
 */
export function checkAgents(agents: readonly RunnableAgent[], journal: Journal): Map<string, RunnableAgent> {
  for (const agent of agents) checkAgent(agent, journal)
  return new Map(agents.map((agent) => [agent.name, agent]))
}

export function checkAgent(agent: RunnableAgent, journal: Journal): void {
  const { plugins = [] } = agent as { readonly plugins?: readonly AgentPlugin[] }
  const path = journalPathOf(plugins)
  if (path !== undefined && realPath(path) === journal.path) return
  throw new HoldfastError({
    code: 'CONFIG_INVALID',
    message:
      `agent '${agent.name}' ${path === undefined ? 'has no SQLite plugin' : `keeps its runs in ${path}`}, and these runs are in ` +
      `${journal.path}. Give it: agent.use(sqliteDurabilityPlugin({ path })).`,
    details: { agent: agent.name, path: journal.path },
  })
}

/** Let an agent go on with a run, from what the run was started with. */
export async function takeUp(journal: Journal, agent: RunnableAgent, runId: string): Promise<RunResult> {
  const row = journal.strict.get<{ input: string }>(
    'SELECT input FROM runs JOIN inputs USING (no) WHERE run_id = ?',
    runId,
  )
  if (!row) throw notFound(runId, journal.path)
  const { input, messages, context } = parseStored<StoredInput>(row.input, journal.path, `the input of run '${runId}'`)
  return agent.run(input, {
    runId,
    onWait: 'block',
    ...(messages && { messages }),
    ...(context !== undefined && { context }),
  })
}
