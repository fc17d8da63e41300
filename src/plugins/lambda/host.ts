/** Where the ready-made handler puts the context of its invocation, for the plugin of an agent that is shared. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { DurableContext } from '@aws/durable-execution-sdk-js'

export const hosts: AsyncLocalStorage<DurableContext> = new AsyncLocalStorage()
