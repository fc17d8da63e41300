import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Message } from '../src/message.ts'
import { PromptMemory } from '../src/model/prompt-memory.ts'
import { ask, FINISH, fakeModel } from './support/fake-model.ts'

const promptOf = async (messages: readonly Message[], version: 'v3' | 'v4', memory?: PromptMemory) => {
  const model = fakeModel(version, [FINISH])
  await ask(model, { messages, ...(memory && { memory }) })
  return model.asked[0]?.prompt
}

const text = fc.string({ maxLength: 3 })
const message = fc.oneof(
  text.map((content) => ({ role: 'system', content }) as const),
  text.map((said) => ({ role: 'user', content: [{ type: 'text', text: said }] }) as const),
  text.map((said) => ({ role: 'assistant', content: [{ type: 'text', text: said }] }) as const),
  text.map((said) => ({
    role: 'user',
    content: [{ type: 'file', mediaType: 'text/plain', data: { type: 'text', text: said } }],
  })),
  text.map((value) => ({
    role: 'tool',
    content: [
      {
        type: 'tool-result',
        toolCallId: 'a',
        toolName: 'x',
        output: { type: 'content', value: [{ type: 'text', text: value }] },
      },
    ],
  })),
) as fc.Arbitrary<Message>

/** What becomes of a conversation between two calls; `at` says where. */
const change = fc.tuple(
  fc.constantFrom('append', 'append', 'append', 'cut', 'drop', 'replace', 'thaw', 'edit'),
  fc.nat(9),
  message,
)

test('what is remembered of a conversation is what would be made of it anew, whatever is done to it', async () => {
  await fc.assert(
    fc.asyncProperty(
      message,
      fc.array(fc.tuple(change, fc.constantFrom('v3', 'v4')), { maxLength: 12 }),
      async (first, changes) => {
        const memory = new PromptMemory()
        let messages: Message[] = [Object.freeze(first)]
        for (const [[kind, at, other], version] of changes) {
          const fresh = Object.freeze(structuredClone(other))
          if (kind === 'append') messages = [...messages, fresh]
          else if (kind === 'cut') messages = messages.slice(0, at + 1)
          else if (kind === 'drop') messages = messages.filter((_, index) => index !== at)
          else
            messages = messages.map((one, index) =>
              index === at ? (kind === 'thaw' ? structuredClone(other) : fresh) : one,
            )
          expect(await promptOf(messages, version as 'v3', memory)).toEqual(
            await promptOf(structuredClone(messages), version as 'v3'),
          )
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('what was shown before a reply is not made again; what came after it is', async () => {
  const said = (role: 'user' | 'assistant', value: string): Message =>
    Object.freeze({ role, content: [{ type: 'text', text: value }] } as const)
  const messages = [said('user', 'a'), said('assistant', 'b'), said('user', 'c')]
  const memory = new PromptMemory()
  const [one, two] = [await promptOf(messages, 'v4', memory), await promptOf(messages, 'v4', memory)]
  expect(two).toEqual(one)
  expect([two?.[0] === one?.[0], two?.[1] === one?.[1], two?.[2] === one?.[2]]).toEqual([true, true, false])
})

test('a message that can still change is made again', async () => {
  const first = { role: 'user' as const, content: [{ type: 'text' as const, text: 'a' }] }
  const messages: Message[] = [
    first,
    Object.freeze({ role: 'assistant', content: [{ type: 'text', text: 'b' }] } as const),
  ]
  const memory = new PromptMemory()
  await promptOf(messages, 'v4', memory)
  first.content.push({ type: 'text', text: 'more' })
  expect((await promptOf(messages, 'v4', memory))?.[0]?.content).toHaveLength(2)
})
