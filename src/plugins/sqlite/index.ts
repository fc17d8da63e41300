export { type SqliteOptions, sqliteDurabilityPlugin } from './plugin.ts'
export { type RecoveredRun, type RecoverOptions, type Recovery, recoverRuns } from './recover.ts'
export { type SqliteRuns, type SqliteRunsOptions, sqliteRuns } from './runs.ts'
