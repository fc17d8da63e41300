/** The fixed order of a batch: nothing that takes a random time changes what an engine can see. */
import type { AgentPlugin, Json } from 'holdfast'
import { Agent, agentTool, durable, executionId, withInput, wrapStep } from 'holdfast'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, deferred, scriptedModel, text, toolOf } from '../support/kit.ts'

/** An engine that notes what it sees, and in which tick. */
function watchingEngine(log: string[]): AgentPlugin {
  let tick = 0
  const count = async (): Promise<void> => {
    await null
    tick++
  }
  const note = (what: string): void => {
    log.push(`${what} @${tick}`)
    void count()
  }
  return {
    name: 'watch',
    durability: { engine: 'watch', dispatch: 'closure', supports: { waits: true } },
    hooks: durable({
      execute: (step) => ({
        ...step,
        run: async (context) => {
          note(`execute ${executionId(step)}`)
          return step.run(context)
        },
      }),
      wait: (step) => ({
        ...step,
        run: async () => {
          note(`wait ${step.id}`)
          return { answer: { approved: true } }
        },
      }),
      scope: (step, body) => {
        if (step.id !== 'run') note(`scope ${executionId(step)}`)
        return body()
      },
    }),
  }
}

const names = ['a', 'b', 'c']
const order = (log: readonly string[]): string[] => log.map((line) => line.replace(/ @\d+$/, ''))

/** Runs a batch of three calls whose hooks, tools and waits take as long as they like. */
async function runWith(
  pause: (what: string) => Promise<unknown>,
): Promise<{ log: string[]; messages: unknown; hooks: string[] }> {
  const log: string[] = []
  const hooks: string[] = []
  const tools = names.map((name) =>
    toolOf(name, {
      approval: name === 'b',
      execute: async () => {
        await pause(`tool ${name}`)
        return `${name} done`
      },
    }),
  )
  const agent = agentOf([calls(...names.map((name) => call(name))), text('done')], {
    tools,
    use: [watchingEngine(log)],
  })
  for (const who of [1, 2]) {
    agent.on('BeforeToolCall', async (event) => {
      hooks.push(`before ${event.step.name} ${who}`)
      await pause(`before ${event.step.name}`)
      event.run.state = `${event.run.state ?? ''}${event.step.name}${who}`
      event.step = wrapStep(event.step, async (run) => {
        if (who === 1) return run()
        const output = await run()
        await pause(`around ${event.step.name}`)
        return output
      })
    })
    agent.on('AfterToolCall', async ({ step, run }) => {
      hooks.push(`after ${step.name} ${who}`)
      await pause(`after ${step.name}`)
      run.state += `-${step.name}${who}`
    })
  }
  const { messages, state } = await agent.run('go', { runId: 'r' })
  return { log, hooks: [...hooks, String(state.plugins['app'])], messages }
}

describe('a batch', () => {
  it('is seen by the engine in the same order, whatever takes how long', async () => {
    const expected = await runWith(async () => {})
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const running = runWith((what) => scheduler.schedule(Promise.resolve(), what))
        const { log, hooks, messages } = await scheduler.waitFor(running)
        expect(order(log)).toEqual(order(expected.log))
        expect(hooks).toEqual(expected.hooks)
        expect(messages).toEqual(expected.messages)
      }),
      { numRuns: 60 },
    )
  })

  it('has its hooks in the order of the calls, its waits after them, then its steps, then the After… hooks reversed', async () => {
    const { log, hooks } = await runWith(async () => {})
    const before = names.flatMap((name) => [`before ${name} 1`, `before ${name} 2`])
    expect(hooks.slice(0, -1)).toEqual([
      ...before,
      ...before,
      ...names.flatMap((name) => [`after ${name} 2`, `after ${name} 1`]),
    ])
    expect(order(log)).toEqual([
      'execute 0/start',
      'scope 1/model',
      'execute 1/model',
      'scope 1/tool/1/b/approval',
      'wait 1/tool/1/b/approval',
      'scope 1/tool/0/a',
      'execute 1/tool/0/a',
      'scope 1/tool/1/b',
      'execute 1/tool/1/b',
      'scope 1/tool/2/c',
      'execute 1/tool/2/c',
      'scope 2/model',
      'execute 2/model',
    ])
  })

  it('starts all of its steps in one synchronous tick', async () => {
    const { log } = await runWith(async () => {})
    const ticks = log
      .filter((line) => line.includes('/tool/') && !line.includes('approval'))
      .map((line) => line.split('@')[1])
    expect(ticks).toHaveLength(6)
    expect(new Set(ticks).size).toBe(1)
  })

  it('opens its scopes in one synchronous tick, also where hooks wait before they run', async () => {
    const log: string[] = []
    const agent = agentOf([calls(...names.map((name) => call(name))), text('done')], {
      tools: names.map((name) => toolOf(name)),
      use: [watchingEngine(log)],
    })
    agent.on('BeforeToolCall', (event) => {
      event.step = wrapStep(event.step, async (run) => {
        for (let i = event.step.name.charCodeAt(0); i < 100; i++) await null
        return run()
      })
    })
    await agent.run('go')
    const ticks = log.filter((line) => line.startsWith('scope 1/tool')).map((line) => line.split('@')[1])
    expect(ticks).toHaveLength(3)
    expect(new Set(ticks).size).toBe(1)
  })

  it('waits for all of its steps before an After… hook is called', async () => {
    const slow = deferred()
    const log: string[] = []
    const agent = agentOf([calls(call('a'), call('b')), text('done')], {
      tools: [
        toolOf('a', { execute: () => void setImmediate(() => slow.resolve()) }),
        toolOf('b', {
          execute: async () => {
            await slow.promise
            log.push('b settled')
          },
        }),
      ],
    })
    agent.on('AfterToolCall', ({ step }) => void log.push(`after ${step.name}`))
    await agent.run('go')
    expect(log).toEqual(['b settled', 'after a', 'after b'])
  })

  it('has one failure of the run out of several, which is no suspension', async () => {
    const child = new Agent({
      name: 'child',
      model: scriptedModel([call('ask'), text('x')]),
      tools: [toolOf('ask', { approval: true })],
    })
    const agent = agentOf([calls(call('child', { prompt: 'x' }), call('a')), text('done')], {
      tools: [agentTool(child), toolOf('a')],
      use: [
        {
          name: 'broken',
          durability: { engine: 'broken', dispatch: 'closure', supports: { waits: true } },
          hooks: durable({
            execute: (step) => ({
              ...step,
              run: (context) =>
                step.id === '1/tool/0/a' || step.id === '1/tool/1/a'
                  ? Promise.reject(new Error('disk full'))
                  : step.run(context),
            }),
            wait: (step) => step,
          }),
        },
      ],
    })
    await expect(agent.run('go')).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining('disk full'),
    })
  })
})

describe('what goes through a batch', () => {
  it('are inputs as hooks made them: the engine, the tool and the middleware see the same', async () => {
    const seen: [string, Json][] = []
    const engine: AgentPlugin = {
      name: 'e',
      durability: { engine: 'e', dispatch: 'closure', supports: {} },
      hooks: durable({
        execute: (step) => {
          if (step.kind === 'tool') seen.push(['engine', step.input as Json])
          return step
        },
      }),
      middleware: {
        tool: (request, next) => {
          seen.push(['middleware', request.input])
          return next(request)
        },
      },
    }
    const agent = agentOf([call('a', { x: 1 }), text('done')], {
      tools: [toolOf('a', { execute: (input) => void seen.push(['tool', input]) })],
      use: [engine],
    })
    agent.on('BeforeToolCall', (event) => {
      event.step = wrapStep(withInput(event.step, { y: 2 }), (run) => run())
      event.step = withInput(event.step, { x: 3 })
    })
    await agent.run('go')
    const input = { x: 3, y: 2 }
    expect(seen).toEqual([
      ['engine', input],
      ['middleware', input],
      ['tool', input],
    ])
  })
})
