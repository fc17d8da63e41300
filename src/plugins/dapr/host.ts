/** The workflow that a run is in: what the steps of its runs share, and what it tells those outside. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { WorkflowContext } from '@dapr/dapr'
import type { AgentSpec, ErrorJson, Json, OpenWait, RunInfo } from '../../index.ts'
import { digest, HoldfastError } from '../../index.ts'
import type { Tasks } from './bridge.ts'
import { stopHere } from './here.ts'
import type { LiveStatus, RunEvent } from './protocol.ts'
import { EVENT } from './protocol.ts'

const current = new AsyncLocalStorage<WorkflowHost>()

export class WorkflowHost {
  readonly context: WorkflowContext
  readonly tasks: Tasks
  /** Tells this run from others that had its id. */
  readonly nonce: string
  /** Digest of the spec that the run's row has, if it has one. */
  readonly known: string | undefined
  /** By run id; mostly one. */
  readonly #runs = new Map<string, { readonly root: string; readonly info: RunInfo }>()
  readonly #waits = new Map<string, OpenWait>()
  readonly #woken = new Map<string, () => void>()
  readonly #blocked = new Map<string, ErrorJson>()
  readonly #digests = new WeakMap<AgentSpec, string>()
  #cancelled: { readonly reason?: string } | undefined
  #agent = ''

  constructor(context: WorkflowContext, tasks: Tasks, nonce: string, spec?: AgentSpec) {
    this.context = context
    this.tasks = tasks
    this.nonce = nonce
    this.known = spec && this.specDigest(spec)
    tasks.on(EVENT, (payload) => this.#hear(payload as RunEvent))
  }

  /** Runs `body` with this as its workflow: `daprDurabilityPlugin()` finds it. */
  run<T>(body: () => Promise<T>): Promise<T> {
    return current.run(this, body)
  }

  open(root: string, info: RunInfo): void {
    this.#agent ||= root
    this.#runs.set(info.runId, { root, info })
    this.#tell()
    if (this.#cancelled) info.cancel(this.#cancelled.reason)
  }

  /** The agent whose run a step belongs to, for one of a sub-agent too. */
  rootOf({ runId, agent }: RunInfo): string {
    return this.#runs.get(runId)?.root ?? agent
  }

  cancel(reason: string | undefined): void {
    this.#cancelled ??= reason === undefined ? {} : { reason }
    for (const { info } of this.#runs.values()) info.cancel(reason)
    stopHere(this.nonce)
  }

  openWait(wait: OpenWait, wake: () => void): void {
    this.#waits.set(wait.id, wait)
    this.#woken.set(wait.id, wake)
    this.#tell()
  }

  closeWait(id: string): void {
    this.#waits.delete(id)
    this.#woken.delete(id)
    this.#tell()
  }

  /** No worker knows the step of this execution; `undefined`: one does. */
  block(execution: string, error: ErrorJson | undefined): void {
    if (error) this.#blocked.set(execution, error)
    else if (!this.#blocked.delete(execution)) return
    this.#tell()
  }

  /** The run has ended, or is held, with this error. */
  tellEnd(status: 'failed' | 'blocked', error: ErrorJson): void {
    this.#set({ agent: this.#agent, status, waits: [], error })
  }

  specDigest(spec: AgentSpec): string {
    let known = this.#digests.get(spec)
    if (known === undefined) {
      known = digest(spec as unknown as Json)
      this.#digests.set(spec, known)
    }
    return known
  }

  #hear(event: RunEvent | undefined): void {
    if (event?.type === 'cancel') this.cancel(event.reason)
    else if (event?.type === 'answer') this.#woken.get(event.waitId)?.()
  }

  #tell(): void {
    const [error] = this.#blocked.values()
    const waits = [...this.#waits.values()]
    const status = error ? 'blocked' : waits.length > 0 ? 'waiting' : 'running'
    this.#set({ agent: this.#agent, status, waits, ...(error && { error }) })
  }

  #set(status: LiveStatus): void {
    this.context.setCustomStatus(JSON.stringify(status))
  }
}

/** @throws `NO_ENGINE_CONTEXT` */
export function currentHost(): WorkflowHost {
  const host = current.getStore()
  if (host) return host
  throw new HoldfastError({
    code: 'NO_ENGINE_CONTEXT',
    message:
      'daprDurabilityPlugin() works inside of a Dapr workflow alone. Start the run with daprRuns(client).start(agent, input, ' +
      '{ runId }), or run the agent in a workflow of your own: runtime.registerWorkflowWithName(name, daprWorkflow(async (input) => agent.run(…))).',
  })
}
