/** Scripts that found something, shrunk and kept. */
import { afterAll, beforeAll, test } from 'vitest'
import type { AgentScript, CallScript, Script } from '../support/random-script.ts'
import { checkScript } from './check.ts'
import { byName, keyed, positional } from './engines.ts'
import type { SqliteBench } from './sqlite-bench.ts'
import { sqliteBench } from './sqlite-bench.ts'

const call: CallScript = {
  to: 0,
  value: 0,
  does: 'value',
  attempts: 1,
  input: 'good',
  answer: 'yes',
  known: false,
}
const idle: AgentScript = { turns: [], limit: 12, approval: false, rules: [] }
const base: Script = {
  seed: 0,
  agents: [idle],
  tools: [{ approval: 'never', retry: 1 }],
  answers: 'all',
  crashes: [{ at: 0, zombie: false }],
}
const early = [
  { at: 0.26, zombie: false },
  { at: 0.223, zombie: false },
]

const found: { readonly [what: string]: Script } = {
  'a run that is cancelled before its first record ends as cancelled': { ...base, cancel: { at: 0, again: true } },
  'a run that waits in BeforeInvocation counts each hook once, its first message included': {
    ...base,
    agents: [
      {
        ...idle,
        rules: [{ on: 'run', turn: 0, index: 0, plugin: 0, does: { type: 'interrupt', caught: false, twice: false } }],
      },
    ],
  },
  'a run says why it was cancelled, though a step beside ended first': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [
          {
            calls: [
              { ...call, to: 1 },
              { ...call, to: 2 },
            ],
          },
        ],
      },
      idle,
      { ...idle, rules: [{ on: 'model', turn: 0, index: 0, plugin: 0, does: { type: 'cancel' } }] },
    ],
    crashes: [{ at: 0.334, zombie: false }],
  },
  'two waits under a slow wrapper keep their places': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [{ ...call, to: 1 }], provider: true }],
        rules: [{ on: 'wait', turn: 0, index: 0, plugin: 0, does: { type: 'slow' } }],
      },
    ],
    tools: [
      { approval: 'never', retry: 1 },
      { approval: 'always', retry: 1 },
    ],
  },
  'reconcile finds a tool done that gave nothing': {
    ...base,
    agents: [{ ...idle, turns: [{ calls: [{ ...call, does: 'nothing' }] }, { calls: [call] }] }],
    tools: [{ approval: 'never', retry: 1, once: { reconcile: 'truth', onUnknown: 'wait' } }],
    crashes: [
      { at: 0.303, zombie: false },
      { at: 0, zombie: false },
    ],
  },
  'a sub-agent that a wrapper runs again has steps of its own': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [{ ...call, to: 1 }] }],
        rules: [{ on: 'call', turn: 0, index: 0, plugin: 0, does: { type: 'retry', times: 1 } }],
      },
      { ...idle, turns: [{ calls: [call] }, { calls: [call] }, { calls: [call] }], limit: 3 },
    ],
  },
  'a sub-agent that is run again asks its own tasks again': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [call, { ...call, to: 1 }] }],
        rules: [{ on: 'call', turn: 0, index: -1, plugin: 0, does: { type: 'retry', times: 1 } }],
      },
      {
        ...idle,
        turns: [{ calls: [call], failure: { attempts: 1, terminal: true } }],
        rules: [{ on: 'run', turn: 0, index: 1, plugin: 0, does: { type: 'task', fails: false } }],
      },
    ],
  },
  'hooks around a sub-agent and its own hooks ask for the same': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [{ ...call, to: 1 }] }],
        rules: [{ on: 'call', turn: 0, index: -1, plugin: 0, does: { type: 'task', fails: false } }],
      },
      { ...idle, rules: [{ on: 'run', turn: 0, index: -1, plugin: 0, does: { type: 'task', fails: false } }] },
    ],
  },
  'a run that waits in a model call for which a hook asked to compact': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [call] }],
        compact: 20,
        rules: [
          { on: 'model', turn: 2, index: 0, plugin: 0, does: { type: 'compact' } },
          { on: 'model', turn: 2, index: 0, plugin: 0, does: { type: 'interrupt', caught: false, twice: false } },
        ],
      },
    ],
  },
  'an approval is bound to the input that a hook changed since': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [call, call] }],
        rules: [
          { on: 'call', turn: 0, index: 0, plugin: 0, does: { type: 'interrupt', caught: false, twice: false } },
          { on: 'call', turn: 0, index: 1, plugin: 0, does: { type: 'input' } },
        ],
      },
    ],
    tools: [{ approval: 'always', retry: 1 }],
  },
  'a task is answered for the input that a hook changed since': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [call, call] }],
        rules: [
          { on: 'call', turn: 0, index: 0, plugin: 0, does: { type: 'interrupt', caught: false, twice: false } },
          { on: 'call', turn: 0, index: 1, plugin: 0, does: { type: 'task', fails: false } },
        ],
      },
    ],
  },
  'a careless wrapper around a once step that was lost': {
    ...base,
    agents: [
      {
        ...idle,
        turns: [{ calls: [call] }],
        rules: [{ on: 'call', turn: 0, index: -1, plugin: 0, does: { type: 'retry', times: 2 } }],
      },
    ],
    tools: [{ approval: 'never', retry: 1, once: { reconcile: 'none', onUnknown: 'wait' } }],
    crashes: early,
  },
}

let sqlite: SqliteBench
beforeAll(async () => {
  sqlite = await sqliteBench()
})
afterAll(() => sqlite.close())

test.each(Object.entries(found))('%s', async (_, script) => {
  const engines = [keyed, positional, byName, sqlite.bench]
  // A few places beside: what is numbered by boundaries moves when the loop gets one more or one less.
  for (const shift of [0, 0.1, 0.2, 0.4, 0.6, 0.8]) {
    const crashes = script.crashes.map(({ at, zombie }) => ({ at: (at + shift) % 1, zombie }))
    await checkScript({ ...script, crashes }, { engines, thorough: true })
  }
})
