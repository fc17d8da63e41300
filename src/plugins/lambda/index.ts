export { type HandlerAgent, lambdaAgentHandler, type LambdaHandlerOptions } from './handler.ts'
export type {
  CancelRequest,
  CancelStore,
  LambdaOpenWait,
  LambdaOptions,
  LambdaRunHandle,
  LambdaRuns,
  LambdaRunsOptions,
  LambdaRunStatus,
  OpenedWait,
} from './options.ts'
export { lambdaDurabilityPlugin } from './plugin.ts'
export type { AgentRunEvent } from './protocol.ts'
export { lambdaRuns } from './runs.ts'
export { folderStore, type LambdaStore, type S3Body, type S3Like, type S3StoreOptions, s3Store } from './stores.ts'
