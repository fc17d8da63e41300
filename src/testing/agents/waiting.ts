/** Agents that wait: for approvals, with and without a time limit. */
import { Agent } from '../../agent.ts'
import { call, calls, text } from '../scripted-reply.ts'
import type { World } from '../world.ts'
import type { MakeAgent } from './parts.ts'
import { effectTool, readingModel } from './parts.ts'

/** Two calls that want an approval and one that doesn't, in one batch; then another that wants one. */
function approvals(world: World): Agent {
  return new Agent({
    name: 'approvals',
    model: readingModel([
      calls(call('pay', { amount: 1 }), call('look', {}), call('send', { to: 'Ann' })),
      ({ pay, look, send }) => call('close', { pay, look, send }),
      ({ close }) => text(String(close)),
    ]),
    tools: [
      effectTool(world, 'pay', ({ amount }) => `paid ${amount}`, { approval: true }),
      effectTool(world, 'look', () => 'looked'),
      effectTool(world, 'send', ({ to }) => `sent to ${to}`, { approval: (input) => 'to' in (input as object) }),
      effectTool(world, 'close', ({ pay, look, send }) => `${pay}, ${look}, ${send}`, { approval: true }),
    ],
  })
}

export const APPROVAL_TIMEOUT: number = 40

/** An approval that nobody gives in time counts as refused. */
function impatient(world: World): Agent {
  return new Agent({
    name: 'impatient',
    model: readingModel([call('pay', { amount: 1 }), ({ pay }) => text(`pay: ${pay}`)]),
    tools: [
      effectTool(world, 'pay', ({ amount }) => `paid ${amount}`, { approval: true, approvalTimeout: APPROVAL_TIMEOUT }),
    ],
  })
}

export type WaitingAgent = 'approvals' | 'impatient'

export const WAITING_AGENTS: { readonly [name in WaitingAgent]: MakeAgent } = { approvals, impatient }
