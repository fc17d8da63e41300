import { Agent, tool } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'
import { openworkflowDurabilityPlugin } from './openworkflow-plugin.ts'

/** Does what a tool does to the world, under the key that makes it one thing however often it is tried. */
export type Act = (tool: string, idempotencyKey: string) => Promise<void>

const INPUT = { type: 'object', properties: { order: { type: 'string' } }, required: ['order'] } as const

/** Refunds an order: looks it up, pays the money back if a person agrees, writes to the customer. */
export function refundAgent(act: Act): Agent {
  const actingTool = (name: string, output: string, approval = false) =>
    tool({
      name,
      input: INPUT,
      approval,
      execute: async (_, { idempotencyKey }) => {
        await act(name, idempotencyKey)
        return output
      },
    })
  const order = 'A-17'
  return new Agent({
    name: 'refund',
    // Any AI SDK model; this one has a script.
    model: scriptedModel([
      call('lookUp', { order }),
      call('refund', { order }),
      call('writeMail', { order }),
      text('Order A-17 is refunded, and the customer knows.'),
    ]),
    tools: [
      actingTool('lookUp', '30 EUR, paid by card'),
      actingTool('refund', 'refunded', true),
      actingTool('writeMail', 'sent'),
    ],
  }).use(openworkflowDurabilityPlugin())
}
