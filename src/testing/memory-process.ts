/** A process of the engine in memory. */
import type { StreamSink } from '../stream.ts'
import type { TestAgent } from './engine.ts'
import type { MemoryStorage } from './memory-storage.ts'

/** What it writes counts until it is killed. */
export interface MemoryProcess {
  readonly storage: MemoryStorage
  readonly agent: TestAgent
  /** What executes its steps by name. */
  readonly worker: TestAgent
  readonly streams: StreamSink
  alive: boolean
  /** Records of its run that it has not come to yet. */
  ahead: number
}
