/** Dapr for one test file, with workers in this process. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DaprClient } from '@dapr/dapr'
import { DaprWorkflowClient, WorkflowRuntime } from '@dapr/dapr'
import type { AgentRuns } from 'holdfast'
import type { DaprRunsOptions, RegisterOptions, Supervisor, WorkerAgent } from '../../../../src/plugins/dapr/index.ts'
import { daprRuns, registerAgents, superviseRuntime } from '../../../../src/plugins/dapr/index.ts'
import type { AppOptions, DaprApp, DaprCluster } from '../../../../tools/dapr/cluster.mjs'
import { listeningApp, startCluster } from '../../../../tools/dapr/cluster.mjs'
import { clientOf } from './client.ts'

export interface DaprWorld {
  readonly cluster: DaprCluster
  /** An app of its own, which shares nothing with others. */
  app(options?: AppOptions & DaprRunsOptions): Promise<AppWorld>
  /** One that listens already, or else one of its own: for tests that only use it. */
  anyApp(): Promise<AppWorld>
  close(): Promise<void>
}

export interface AppWorld {
  readonly daprd: DaprApp
  readonly client: DaprClient
  readonly workflows: DaprWorkflowClient
  readonly runs: AgentRuns
  /** A worker in this process. */
  work(agents: readonly WorkerAgent[], options?: RegisterOptions & WorkOptions): Supervisor
  close(): Promise<void>
}

export interface WorkOptions {
  readonly register?: (runtime: WorkflowRuntime) => void
  readonly log?: (line: string) => void
}

const SILENT = { error: () => {}, warn: () => {} }

export async function daprWorld(): Promise<DaprWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-'))
  const cluster = await startCluster(folder)
  const apps: AppWorld[] = []
  const add = (app: AppWorld): AppWorld => {
    apps.push(app)
    return app
  }
  const ownApp = async (options: AppOptions & DaprRunsOptions = {}): Promise<AppWorld> =>
    add(appWorld(await cluster.app(`app-${randomUUID().slice(0, 8)}`, options), options))
  return {
    cluster,
    app: ownApp,
    async anyApp() {
      const listening = await listeningApp()
      return listening ? add(appWorld({ ...listening, kill: async () => {} } as DaprApp, {})) : ownApp()
    },
    async close() {
      await Promise.all(apps.map((app) => app.close()))
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function appWorld(daprd: DaprApp, options: DaprRunsOptions): AppWorld {
  const at = { daprHost: daprd.host, daprPort: String(daprd.grpcPort) }
  const client = clientOf(daprd)
  const workflows = new DaprWorkflowClient(at)
  const supervisors: Supervisor[] = []
  return {
    daprd,
    client,
    workflows,
    runs: daprRuns(client, { workflows, ...options }),
    work(agents, { register, log, logger = log ? undefined : SILENT, ...rest } = {}) {
      const runtime = new WorkflowRuntime(at)
      registerAgents(runtime, agents, { client, ...(logger && { logger }), ...rest })
      register?.(runtime)
      const supervisor = superviseRuntime(runtime, { ...(log && { log }), interval: 100 })
      supervisors.push(supervisor)
      return supervisor
    },
    async close() {
      await Promise.all(supervisors.map((supervisor) => supervisor.stop()))
      await workflows.stop()
      await daprd.kill()
    },
  }
}
