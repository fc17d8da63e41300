import type { AgentPlugin } from 'holdfast'
import { HoldfastError } from 'holdfast'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { MessageAddedEvent } from '../../src/hooks/events.ts'
import { HookBus } from '../../src/hooks/hook-bus.ts'
import { orderPlugins } from '../../src/loop/order.ts'
import { failureOf, hooksOf } from '../support/kit.ts'

const event = {} as never

/** Plugins that note when they are called. */
function noting(...names: readonly (readonly [string, AgentPlugin['enforce']?])[]): {
  plugins: AgentPlugin[]
  log: string[]
} {
  const log: string[] = []
  const plugins = names.map(([name, enforce]) =>
    hooksOf(
      name,
      {
        BeforeToolCall: () => void log.push(`before ${name}`),
        AfterToolCall: () => void log.push(`after ${name}`),
        MessageAdded: () => void log.push(`message ${name}`),
      },
      enforce && { enforce },
    ),
  )
  return { plugins, log }
}

describe('the order of hooks', () => {
  it('is pre, none, post, each as registered; After… hooks in reverse', async () => {
    const { plugins, log } = noting(['d', 'post'], ['b'], ['a', 'pre'], ['c'], ['e', 'post'])
    const bus = new HookBus(orderPlugins(plugins))
    await bus.emit('BeforeToolCall', () => event)
    await bus.emit('AfterToolCall', () => event)
    await bus.emit('MessageAdded', () => event)
    const names = ['a', 'b', 'c', 'd', 'e']
    expect(log).toEqual([
      ...names.map((name) => `before ${name}`),
      ...names.toReversed().map((name) => `after ${name}`),
      ...names.map((name) => `message ${name}`),
    ])
  })

  it('leaves the plugins that it is given as they are', () => {
    const { plugins } = noting(['b'], ['a', 'pre'])
    orderPlugins(plugins)
    expect(plugins.map(({ name }) => name)).toEqual(['b', 'a'])
  })

  it('holds however long each of them takes: one after the other', async () => {
    const log: string[] = []
    const slow = (name: string, ticks: number): AgentPlugin =>
      hooksOf(name, {
        async BeforeTask() {
          log.push(`${name} begins`)
          for (let i = 0; i < ticks; i++) await null
          log.push(`${name} ends`)
        },
      })
    await new HookBus([slow('a', 20), slow('b', 0), slow('c', 5)]).emit('BeforeTask', () => event)
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  })
})

describe('each registration', () => {
  it('is called, also where the same function is registered twice', async () => {
    let calls = 0
    const hook = (): void => void calls++
    const bus = new HookBus([
      hooksOf('a', { AfterTask: hook }),
      hooksOf('b', { AfterTask: hook }),
      hooksOf('b', { AfterTask: hook }),
    ])
    await bus.emit('AfterTask', () => event)
    expect(calls).toBe(3)
  })

  it('gets an event of its own, made when it is its turn', async () => {
    const seen: unknown[] = []
    const see = (one: MessageAddedEvent): void => void seen.push(one)
    const bus = new HookBus([hooksOf('a', { MessageAdded: see }), hooksOf('b', { MessageAdded: see })])
    await bus.emit('MessageAdded', (plugin) => ({ plugin, at: seen.length }) as never)
    expect(seen).toEqual([
      { plugin: 'a', at: 0 },
      { plugin: 'b', at: 1 },
    ])
  })

  it('that is undefined is none', async () => {
    const bus = new HookBus([{ name: 'a', hooks: { AfterTask: undefined } as never }, { name: 'b' }])
    expect(bus.has('AfterTask')).toBe(false)
    await bus.emit('AfterTask', () => event)
  })
})

describe('the seams of a durability plugin', () => {
  it('are left to the loop; its other hooks are called', () => {
    const hooks = {
      BeforeModelCall: () => {},
      BeforeTask: () => {},
      BeforeToolCall: () => {},
      BeforeWait: () => {},
      AfterTask: () => {},
    }
    const durability = { engine: 'x', dispatch: 'closure', supports: {} } as const
    const bus = new HookBus([{ name: 'a', durability, hooks: { ...hooks, scope: (_, body) => body() } }])
    expect(Object.keys(hooks).filter((name) => bus.has(name as keyof typeof hooks))).toEqual(['AfterTask'])
  })
})

describe('a hook that throws', () => {
  const throwing = (thrown: unknown): HookBus =>
    new HookBus([
      hooksOf('guard', { BeforeModelCall: () => Promise.reject(thrown) }),
      hooksOf('later', { BeforeModelCall: () => {} }),
    ])
  const failure = (thrown: unknown): Promise<unknown> =>
    failureOf(throwing(thrown).emit('BeforeModelCall', () => event))

  it('fails with the name of its plugin and the cause', async () => {
    const cause = new RangeError('too far')
    const error = await failure(cause)
    expect(error).toMatchObject({
      code: 'HOOK_FAILED',
      message: "BeforeModelCall of plugin 'guard' failed: too far",
      details: { plugin: 'guard', hook: 'BeforeModelCall' },
    })
    expect((error as Error).cause).toBe(cause)
  })

  it('fails so with what is no error, and with an outcome of a step', async () => {
    expect(await failure('text')).toMatchObject({ code: 'HOOK_FAILED', message: expect.stringContaining('text') })
    const outcome = new HoldfastError({ code: 'TASK_FAILED', message: 'x' })
    expect(await failure(outcome)).toMatchObject({ code: 'HOOK_FAILED', cause: outcome })
  })

  it('lets a suspension and a failure of the engine pass as they are', async () => {
    const suspension = new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: 'x' })
    const engine = new HoldfastError({ code: 'DIVERGED', message: 'x' })
    expect(await failure(suspension)).toBe(suspension)
    expect(await failure(engine)).toBe(engine)
  })

  it('keeps the hooks that follow from being called', async () => {
    const { plugins, log } = noting(['b'])
    const bus = new HookBus([hooksOf('a', { BeforeToolCall: () => Promise.reject(new Error('x')) }), ...plugins])
    await failureOf(bus.emit('BeforeToolCall', () => event))
    expect(log).toEqual([])
  })
})

describe('the debug log of emittery', () => {
  afterEach(() => vi.restoreAllMocks())

  it('does not print what hooks are given, whatever DEBUG says', async () => {
    vi.stubEnv('DEBUG', '*')
    const print = vi.spyOn(console, 'log').mockImplementation(() => {})
    try {
      const { plugins, log } = noting(['a'])
      await new HookBus(plugins).emit('BeforeToolCall', () => event)
      expect(log).toEqual(['before a'])
      expect(print).not.toHaveBeenCalled()
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
