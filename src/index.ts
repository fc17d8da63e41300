/** Holdfast: an agent loop whose every effect is a step that an engine may record. */
export { Agent, type AgentOptions } from './agent.ts'
export type { AgentStream, AgentStreamEvent } from './agent-stream.ts'
export { validateAnswer } from './answer.ts'
export type { AgentDefinition, ApprovalContext, CompactWith, ReconcileResult, Tool, ToolContext } from './definition.ts'
export { digest } from './digest.ts'
export type { Duration } from './duration.ts'
export {
  type ErrorCode,
  type ErrorJson,
  type ErrorKind,
  errorFromJson,
  errorToJson,
  HoldfastError,
  type HoldfastErrorOptions,
  isEngineFailure,
  isHoldfastError,
  isSuspended,
} from './errors.ts'
export { executeStep, idempotencyKey } from './execute/execute-step.ts'
export type { ExecuteContext } from './execute/context.ts'
export type {
  AfterAgentCallEvent,
  AfterInvocationEvent,
  AfterModelCallEvent,
  AfterTaskEvent,
  AfterToolCallEvent,
  AfterWaitEvent,
  BeforeAgentCallEvent,
  BeforeInvocationEvent,
  BeforeModelCallEvent,
  BeforeTaskEvent,
  BeforeToolCallEvent,
  BeforeWaitEvent,
  Hook,
  HookEvents,
  HookName,
  HookRun,
  Hooks,
  InterruptRequest,
  MessageAddedEvent,
  StepOutcome,
} from './hooks/events.ts'
export { fromJson, type Json, type JsonObject, toJson } from './json.ts'
export type { RunState } from './machine.ts'
export { memoryPayloads, memoryStreams } from './memory.ts'
export type {
  AssistantMessage,
  AssistantPart,
  FileData,
  FinishReason,
  Message,
  ProviderOptions,
  ToolMessage,
  ToolResultOutput,
  Usage,
  UserMessage,
  UserPart,
} from './message.ts'
export { textOf } from './message.ts'
export type { AnyLanguageModel } from './model.ts'
export type { AgentEvent } from './observe.ts'
export {
  type AgentPlugin,
  type DurabilityPort,
  type DurablePlaces,
  durable,
  type ModelRequest,
  type StepMiddleware,
  type Supports,
  type TaskContext,
  type TaskHandler,
  type TaskRequest,
  type ToolRequest,
} from './plugin.ts'
export { runPinned } from './pinned.ts'
export { recordWithin } from './record-within.ts'
export { resultOf } from './result.ts'
export type {
  AgentRuns,
  RunHandle,
  RunInput,
  RunnableAgent,
  RunOptions,
  RunResult,
  RunStatus,
  RunStatusName,
  RunSummary,
  StartOptions,
} from './run.ts'
export type { ResultStatus, RunInfo, StepScope } from './run-info.ts'
export type { InputSchema } from './schema.ts'
export type { AgentSpec, CompactWhen, JsonSchema, Limits, ToolSpec } from './spec.ts'
export type {
  ApprovalAnswer,
  Base,
  ModelInput,
  ModelOutput,
  ModelSettings,
  ModelToolCall,
  OpenWait,
  Reconciled,
  StepInput,
  StepKind,
  StepOutput,
  ToolChoice,
  WaitInput,
  WaitOutput,
} from './step-kinds.ts'
export {
  type DurableStep,
  executionId,
  fingerprint,
  type RetryPolicy,
  requireSameStep,
  type Step,
  type StepContext,
  type StepDescriptor,
  type StepPolicy,
  type StepRecord,
} from './step.ts'
export { describeStep, settledStep, withInput, wrapStep } from './step-wrap.ts'
export type { PayloadStore, StreamChunk, StreamSink } from './stream.ts'
export {
  type AgentToolOptions,
  agentTool,
  type PolicyOptions,
  type ProviderToolOptions,
  providerTool,
  type RetryOptions,
  type ToolOptions,
  tool,
} from './tool.ts'
