/** The testing kit: a scripted model, a harness for hooks and agents, crashes at every boundary, conformance of plugins. */
export { type ConformanceAgentName, conformanceAgent, conformanceAgents } from './agents.ts'
export { type ConformanceCase, type ConformanceOptions, durabilityConformance } from './conformance.ts'
export {
  type BoundaryReport,
  type CrashOptions,
  type CrashReport,
  type CrashScenario,
  crashEverywhere,
} from './crash-everywhere.ts'
export type { Boundary, CrashPoint } from './crash-points.ts'
export type { DrillDriver } from './drill.ts'
export type { EngineUnderTest, TestAgent } from './engine.ts'
export { FAULTY_ENGINES } from './faulty/index.ts'
export type { FaultyEngine } from './faulty/faulty.ts'
export { FAULTY_PLUGINS, type FaultyPlugin } from './faulty/plugins.ts'
export type { Fired, FiredEvent } from './fire.ts'
export type { FireOptions } from './fire-step.ts'
export { createHarness, type Harness, type HarnessOptions } from './harness.ts'
export { mapDurabilityPlugin } from './map-engine.ts'
export { type MemoryEngine, type MemoryOptions, memoryEngine } from './memory-engine.ts'
export {
  type ScriptedCall,
  type ScriptedModel,
  type ScriptedModelOptions,
  type Script,
  scriptedModel,
} from './scripted-model.ts'
export {
  apiCallError,
  attempts,
  breakOff,
  call,
  calls,
  type FailureOptions,
  file,
  type Latency,
  pause,
  type Pieces,
  reasoning,
  type ReplyOptions,
  reply,
  retryableFailure,
  type Scripted,
  type ScriptedAttempts,
  type ScriptedPart,
  type ScriptedReply,
  type ScriptedText,
  type ScriptedToolCall,
  terminalFailure,
  text,
} from './scripted-reply.ts'
export { type PluginConformanceOptions, pluginConformance } from './plugin-conformance.ts'
export {
  type CaseResult,
  type ConformanceReport,
  formatMarkdown,
  formatReport,
  type MarkdownOptions,
  type ReportOptions,
  runConformance,
} from './report.ts'
export {
  announcedPoints,
  type Channel,
  type ChildLike,
  DRILL_RUN_ID,
  type ServedScenario,
  serveDrill,
  type SigkillOptions,
  sigkillDriver,
} from './sigkill.ts'
export { formatTrace, type TraceEntry } from './trace.ts'
export { createWorld, type Effect, memoryStore, type World, type WorldControl, type WorldStore } from './world.ts'
