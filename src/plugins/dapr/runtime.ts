/**
 * What ours needs of the SDK's runtime that is not public: sizes of messages, its logs, and whether it is connected. Without
 * these parts it does without; a test fails where a new SDK lacks them.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { DaprWorkflowClient, WorkflowRuntime } from '@dapr/dapr'
import { ConsoleLoggerService } from '@dapr/dapr'
import type { StreamSink } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { LiveRuns } from './live-runs.ts'
import type { Pasts } from './past.ts'
import type { RunRows } from './run-rows.ts'
import type { TurnRequest, Turns, TurnStub } from './turns.ts'

/** Where the SDK's lines go. `console` is one; so are the loggers of pino and winston. */
export interface DaprLogger {
  error(message: string, ...more: unknown[]): void
  warn(message: string, ...more: unknown[]): void
  info?(message: string, ...more: unknown[]): void
  debug?(message: string, ...more: unknown[]): void
}

/** The state store that the workflows of a runtime use. */
export interface RuntimeHere {
  readonly rows: RunRows
  readonly pasts: Pasts
  /** What the workers publish to. */
  readonly streams?: StreamSink
}

interface InnerWorker {
  _isRunning?: boolean
  _responseStream?: { readonly destroyed?: boolean } | null
  _grpcChannelOptions?: object
  _stub?: { getWorkItems?: (...given: unknown[]) => Stream }
  logger?: { logService?: LogService }
  _executeOrchestrator?: (request: TurnRequest, stub: TurnStub) => Promise<void>
}

interface Stream {
  prependListener(event: 'end', listener: () => void): void
  emit(event: 'error', error: Error): void
}

type LogService = Pick<ConsoleLoggerService, 'error' | 'warn' | 'info' | 'verbose' | 'debug'>

const LEVELS = ['error', 'warn', 'info', 'verbose', 'debug'] as const

export function innerWorkerOf(runtime: WorkflowRuntime): InnerWorker {
  return (runtime as unknown as { readonly worker?: InnerWorker }).worker ?? {}
}

interface Scope {
  readonly here: RuntimeHere
  readonly logs: LogService
}

const scopes = new AsyncLocalStorage<Scope>()

/** @throws `CONFIG_INVALID` outside of a runtime that has agents */
export function runtimeHere(): RuntimeHere {
  const scope = scopes.getStore()
  if (scope) return scope.here
  throw new HoldfastError({
    code: 'CONFIG_INVALID',
    message: 'a daprWorkflow() runs on a runtime that has its agents: registerAgents(runtime, [agent]).',
  })
}

/** Where a client says what it does; the SDK gives it no other place than the console. */
export function routeClient(workflows: DaprWorkflowClient, logger: DaprLogger | undefined): void {
  const { logger: its } = (workflows as unknown as { readonly _innerClient?: InnerWorker })._innerClient ?? {}
  if (its) its.logService = logsTo(logger ?? SOME)
}

/** Errors and warnings go to the console. */
const SOME: DaprLogger = { error: (...line) => console.error(...line), warn: (...line) => console.warn(...line) }

/** Once for a runtime, before it starts. */
export function prepareRuntime(
  runtime: WorkflowRuntime,
  here: RuntimeHere,
  turns: Turns,
  logger: DaprLogger | undefined,
): void {
  const inner = innerWorkerOf(runtime)
  // A history may be larger than the 4 MB that gRPC takes by default; daprd has a limit of its own.
  inner._grpcChannelOptions = {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    ...inner._grpcChannelOptions,
  }
  const logs = logsTo(
    logger ?? { error: (...line) => console.error(...line), warn: (...line) => console.warn(...line) },
  )
  if (inner.logger) inner.logger.logService = logs
  const execute = inner._executeOrchestrator?.bind(inner)
  if (!execute) return
  routeLogs()
  const live = new LiveRuns()
  inner._executeOrchestrator = (...given) =>
    scopes.run({ here, logs }, () => turns.take(...given, (...turn) => live.run(() => execute(...turn))))
}

/** What the supervisor says in one line, the SDK says in several. */
const CONNECTION = /grpc stream|Worker failed|abruptly closed|Connection will be retried|Stream ended/

function logsTo(logger: DaprLogger): LogService {
  const at =
    (level: 'error' | 'warn' | 'info' | 'debug') =>
    (message: unknown, ...more: unknown[]): void => {
      const text = String(message)
      logger[CONNECTION.test(text) ? 'debug' : level]?.(text, ...more)
    }
  return { error: at('error'), warn: at('warn'), info: at('info'), verbose: at('debug'), debug: at('debug') }
}

let isRouted = false

/** The SDK makes a logger for each item of work, which knows of no other place than the console. */
function routeLogs(): void {
  if (isRouted) return
  isRouted = true
  const { prototype } = ConsoleLoggerService
  for (const level of LEVELS) {
    const before = prototype[level]
    prototype[level] = function (this: ConsoleLoggerService, message: unknown, ...more: unknown[]): void {
      const scope = scopes.getStore()
      if (scope) scope.logs[level](message, ...more)
      else before.call(this, message, ...more)
    }
  }
}

/**
 * Starts a runtime whose worker ends whenever its stream does: the SDK's own way back waits for up to 45 s, and does not say
 * so. It is for {@link superviseRuntime} to start it again.
 */
export async function startRuntime(runtime: WorkflowRuntime): Promise<void> {
  await runtime.start()
  const stub = innerWorkerOf(runtime)._stub
  const getWorkItems = stub?.getWorkItems?.bind(stub)
  if (!stub || !getWorkItems) return
  stub.getWorkItems = (...given) => {
    const stream = getWorkItems(...given)
    stream.prependListener('end', () => stream.emit('error', new Error('daprd ended the stream')))
    return stream
  }
}

/** The SDK's worker ends without a word where its stream breaks; it keeps that to itself. */
export function isRunning(runtime: WorkflowRuntime): boolean {
  return innerWorkerOf(runtime)._isRunning !== false
}

export function isConnected(runtime: WorkflowRuntime): boolean {
  const stream = innerWorkerOf(runtime)._responseStream
  return stream !== null && stream !== undefined && stream.destroyed !== true
}
