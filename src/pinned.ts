/** A run as it was pinned when it was started: for engines that execute by name, and have the agent where the loop runs. */
import type { AgentDefinition, Tool } from './definition.ts'
import { digest } from './digest.ts'
import type { Json } from './json.ts'
import { startAgentRun } from './loop/start.ts'
import { resultOf } from './result.ts'
import type { RunInput, RunOptions, RunResult } from './run.ts'
import type { AgentSpec } from './spec.ts'

/**
 * Run an agent with the spec that the run was started with: its instructions, tool declarations and limits are those of
 * `spec`, its hooks, observers and closures those that `agent` has now. Rejects as `Agent.run()` does.
 */
export async function runPinned(
  agent: { readonly definition: AgentDefinition },
  spec: AgentSpec,
  input: RunInput,
  options: RunOptions = {},
): Promise<RunResult> {
  return resultOf(await startAgentRun(pin(agent.definition, spec), { input, options }))
}

function pin(definition: AgentDefinition, spec: AgentSpec): AgentDefinition {
  if (isSame(definition.spec, spec)) return definition
  const tools = spec.tools.map((declared): [string, Tool] => {
    const { name, agent } = declared
    const known = definition.tools.get(name) ?? { name, spec: declared, schema: declared.inputSchema }
    return [name, { ...known, spec: declared, ...(agent && { agent: pin(known.agent ?? bare(agent), agent) }) }]
  })
  return { ...definition, spec, tools: new Map(tools) }
}

function bare(spec: AgentSpec): AgentDefinition {
  return { spec: { ...spec, tools: [] }, models: {}, tools: new Map(), plugins: [] }
}

function isSame(one: AgentSpec, other: AgentSpec): boolean {
  return one === other || digest(one as unknown as Json) === digest(other as unknown as Json)
}
