/** Agents whose tools and models fail, each in its way. */
import { Agent } from '../../agent.ts'
import { HoldfastError } from '../../errors.ts'
import { attempts, call, calls, retryableFailure, terminalFailure, text } from '../scripted-reply.ts'
import type { World } from '../world.ts'
import type { MakeAgent } from './parts.ts'
import { effectTool, readingModel } from './parts.ts'

/** Tools that fail for good: with an error of ours, with one that nobody knows, with something that is no error. */
function failing(world: World): Agent {
  return new Agent({
    name: 'failing',
    model: readingModel([
      calls(call('terminal'), call('unknown'), call('noError')),
      ({ terminal, unknown, noError }) => text(`${terminal}; ${unknown}; ${noError}`),
    ]),
    tools: [
      effectTool(
        world,
        'terminal',
        () => {
          throw new HoldfastError({ code: 'TOOL_FAILED', message: 'sold out', details: { seats: 0 } })
        },
        { retry: { maxAttempts: 3, initialInterval: 1 } },
      ),
      effectTool(world, 'unknown', () => {
        throw new TypeError('x is not a function')
      }),
      effectTool(world, 'noError', () => {
        throw 'just a text'
      }),
    ],
  })
}

export const RETRY_AFTER: number = 60

/** Tools that fail at first: one says when to come again, one has a policy; one never succeeds. */
function flaky(world: World): Agent {
  const retry = { maxAttempts: 3, initialInterval: 1, backoff: 1 }
  return new Agent({
    name: 'flaky',
    model: readingModel([
      calls(call('later'), call('again'), call('never')),
      ({ later, again, never }) => text(`${later}; ${again}; ${never}`),
    ]),
    tools: [
      effectTool(
        world,
        'later',
        (_, { attempt }) => {
          if (attempt > 1) return 'later-done'
          const message = 'come again'
          throw new HoldfastError({ code: 'TOOL_FAILED', kind: 'retryable', retryAfter: RETRY_AFTER, message })
        },
        { retry },
      ),
      effectTool(
        world,
        'again',
        (_, { attempt }) => {
          if (attempt > 2) return 'again-done'
          throw new Error('busy')
        },
        { retry },
      ),
      effectTool(
        world,
        'never',
        () => {
          throw new Error('always busy')
        },
        { retry },
      ),
    ],
  })
}

/** A model that is overloaded once. */
function overloaded(_world: World): Agent {
  return new Agent({
    name: 'overloaded',
    model: readingModel([attempts(retryableFailure({ retryAfter: 1 }), text('well again'))]),
    modelRetry: { maxAttempts: 2, initialInterval: 1 },
  })
}

/** A model that refuses: the run fails. */
function refused(world: World): Agent {
  return new Agent({
    name: 'refused',
    model: readingModel([call('once'), terminalFailure({ message: 'no such model' })]),
    tools: [effectTool(world, 'once', () => 'done')],
    modelRetry: { maxAttempts: 3, initialInterval: 1 },
  })
}

export type FailingAgent = 'failing' | 'flaky' | 'overloaded' | 'refused'

export const FAILING_AGENTS: { readonly [name in FailingAgent]: MakeAgent } = { failing, flaky, overloaded, refused }
