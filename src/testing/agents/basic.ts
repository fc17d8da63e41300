/** Agents of the cases that are about steps: parallel tools, values, a sub-agent, streams. */
import { Agent } from '../../agent.ts'
import { agentTool, tool } from '../../tool.ts'
import { call, calls, pause, text } from '../scripted-reply.ts'
import type { World } from '../world.ts'
import type { MakeAgent } from './parts.ts'
import { ANY_OBJECT, effectTool, readingModel } from './parts.ts'

/** Two tools beside each other, a third with what they gave, and a text with all of it. */
function pair(world: World): Agent {
  return new Agent({
    name: 'pair',
    instructions: 'Do as you are told.',
    model: readingModel(
      [
        calls(text('First two. '), call('left', { of: 'left' }), call('right', { of: 'right' })),
        ({ left, right }) => call('join', { left, right }),
        ({ left, right, join }) => text(`${left} and ${right} make ${join}`),
      ],
      { pieces: 4 },
    ),
    tools: [
      effectTool(world, 'left', ({ of }) => `${of}-done`),
      effectTool(world, 'right', ({ of }) => `${of}-done`),
      effectTool(world, 'join', ({ left, right }) => `${left}+${right}`),
    ],
  })
}

export const VALUES: { readonly [name: string]: unknown } = {
  bytes: new Uint8Array([0, 1, 127, 128, 255]),
  date: new Date(Date.UTC(2031, 4, 3)),
  url: new URL('https://example.com/a?b=c'),
  text: 'quotes " \\ \u2028 \u0000 😀 é',
  numbers: [0, -1.5, 1e21, Number.MAX_SAFE_INTEGER],
  nested: { null: null, empty: {}, list: [], deep: [[{ a: [1] }]] },
  tagged: { $bytes: 'not bytes' },
  left: undefined,
}

/** A tool that gives all kinds of values, and one that gives what can't be recorded. */
function values(world: World): Agent {
  return new Agent({
    name: 'values',
    model: readingModel([calls(call('give'), call('giveFunction')), ({ give }) => text(JSON.stringify(give))]),
    tools: [
      effectTool(world, 'give', () => VALUES),
      effectTool(world, 'giveFunction', () => ({ list: [{ act: () => 1 }] })),
    ],
  })
}

/** A sub-agent beside a tool. */
function parent(world: World): Agent {
  const child = new Agent({
    name: 'child',
    model: readingModel([call('inner', { n: 1 }), ({ inner }) => text(`the child has ${inner}`)]),
    tools: [effectTool(world, 'inner', ({ n }) => Number(n) + 1)],
  })
  return new Agent({
    name: 'parent',
    model: readingModel([
      calls(call('child', { prompt: 'count' }), call('beside', {})),
      (results) => text(`${results['child']}; ${results['beside']}`),
    ]),
    tools: [agentTool(child), effectTool(world, 'beside', () => 'beside-done')],
  })
}

/** A model that can be held in the middle of what it says. */
function streamer(world: World): Agent {
  return new Agent({
    name: 'streamer',
    model: readingModel([
      calls(
        text('Hello, '),
        pause(() => world.at('mid-stream')),
        text('world.'),
        call('note', {}),
      ),
      text('Bye.', { pieces: 2 }),
    ]),
    tools: [effectTool(world, 'note', () => 'noted')],
  })
}

/** Gives a text that is as long as the run's context says. */
function large(world: World): Agent {
  return new Agent({
    name: 'large',
    model: readingModel([call('give', {}), text('done')]),
    tools: [effectTool(world, 'give', (_, { context }) => 'x'.repeat((context as { readonly size: number }).size))],
  })
}

/** A tool that gives something else each time: only one of its results can count. */
function lottery(world: World): Agent {
  return new Agent({
    name: 'lottery',
    model: readingModel([call('draw'), ({ draw }) => text(String(draw))]),
    tools: [effectTool(world, 'draw', () => Math.random())],
  })
}

/** One tool that has an effect at most once, and reconciles nothing: a person is asked. */
function booking(world: World): Agent {
  return new Agent({
    name: 'booking',
    model: readingModel([call('book', { flight: 'JL44' }), ({ book }) => text(`booked ${book}`)]),
    tools: [effectTool(world, 'book', ({ flight }) => `${flight}-1`, { effect: 'once' })],
  })
}

/** One tool that listens to its signal. */
function patient(world: World): Agent {
  return new Agent({
    name: 'patient',
    model: readingModel([call('work', {}), text('worked')]),
    tools: [
      tool({
        name: 'work',
        input: ANY_OBJECT,
        execute: async (_, { signal, idempotencyKey }) => {
          try {
            await world.at('working', signal)
          } catch (error) {
            await world.effect(`${idempotencyKey} stopped`)
            throw error
          }
          await world.effect(idempotencyKey)
          return 'worked'
        },
      }),
    ],
  })
}

export type BasicAgent = 'pair' | 'values' | 'parent' | 'streamer' | 'large' | 'lottery' | 'booking' | 'patient'

export const BASIC_AGENTS: { readonly [name in BasicAgent]: MakeAgent } = {
  pair,
  values,
  parent,
  streamer,
  large,
  lottery,
  booking,
  patient,
}
