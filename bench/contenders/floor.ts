/**
 * The floor: the loop that one would write by hand. Every hook that Holdfast has for this run is emitted through emittery,
 * the model is asked with the whole conversation, tool inputs are parsed, tools run in parallel. It checks nothing,
 * records nothing, can't be stopped, resumed or retried.
 */
import type { LanguageModelV4Content, LanguageModelV4Message, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import Emittery from 'emittery'
import { HOOKS } from './hooks.ts'
import type { Contender, Reading } from './scenario.ts'
import { executeTool, expectDone, INSTRUCTIONS, instantModel, QUESTION, toolInput, toolNames } from './scenario.ts'

export function floor(turns: number, reading: Reading, hooks: boolean): Contender {
  const model = instantModel(turns, reading)
  const emitter = new Emittery<Record<(typeof HOOKS)[number], object>>()
  let heard = 0
  if (hooks) for (const name of HOOKS) emitter.on(name, async () => void heard++)
  const { '~standard': standard } = toolInput
  const inputSchema = standard.jsonSchema.input({ target: 'draft-07' })
  const tools = toolNames.map((name) => ({ type: 'function' as const, name, inputSchema }))
  const execute: Record<string, typeof executeTool> = Object.fromEntries(toolNames.map((name) => [name, executeTool]))

  const ask = async (prompt: LanguageModelV4Message[]): Promise<LanguageModelV4Content[]> => {
    const options = { prompt, tools, toolChoice: { type: 'auto' as const } }
    if (reading === 'generate') return (await model.doGenerate(options)).content
    const { stream } = await model.doStream(options)
    return readAll(stream)
  }

  const add = async (messages: LanguageModelV4Message[], message: LanguageModelV4Message): Promise<void> => {
    messages.push(message)
    await emitter.emitSerial('MessageAdded', { message, index: messages.length - 1, messages })
  }

  const run = async (): Promise<void> => {
    const messages: LanguageModelV4Message[] = []
    await emitter.emitSerial('BeforeInvocation', { messages })
    await add(messages, { role: 'user', content: [{ type: 'text', text: QUESTION }] })
    let text = ''
    for (let turn = 0; ; turn++) {
      await emitter.emitSerial('BeforeModelCall', { turn, messages })
      const content = await ask([{ role: 'system', content: INSTRUCTIONS }, ...messages])
      await emitter.emitSerial('AfterModelCall', { turn, content })
      const reply: Extract<LanguageModelV4Message, { role: 'assistant' }>['content'] = []
      const calls: { toolCallId: string; toolName: string; input: { city: string; days: number } }[] = []
      for (const part of content) {
        if (part.type === 'text') reply.push(part)
        else if (part.type === 'tool-call') {
          const input = JSON.parse(part.input) as { city: string; days: number }
          const { toolCallId, toolName } = part
          calls.push({ toolCallId, toolName, input })
          reply.push({ type: 'tool-call', toolCallId, toolName, input })
        }
      }
      await add(messages, { role: 'assistant', content: reply })
      if (calls.length === 0) {
        text = reply.map((part) => (part.type === 'text' ? part.text : '')).join('')
        break
      }
      for (const call of calls) await emitter.emitSerial('BeforeToolCall', { call })
      const outputs = await Promise.all(calls.map((call) => (execute[call.toolName] as typeof executeTool)(call.input)))
      for (const [index, call] of calls.entries())
        await emitter.emitSerial('AfterToolCall', { call, output: outputs[index] })
      const results = calls.map(({ toolCallId, toolName }, index) => {
        const output = { type: 'json' as const, value: outputs[index] ?? null }
        return { type: 'tool-result' as const, toolCallId, toolName, output }
      })
      await add(messages, { role: 'tool', content: results })
    }
    await emitter.emitSerial('AfterInvocation', { messages })
    expectDone('floor', text, messages.length, turns)
  }
  return { name: 'floor', run }
}

async function readAll(stream: ReadableStream<LanguageModelV4StreamPart>): Promise<LanguageModelV4Content[]> {
  const content: LanguageModelV4Content[] = []
  const texts = new Map<string, string>()
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return content
    if (value.type === 'text-start') texts.set(value.id, '')
    else if (value.type === 'text-delta') texts.set(value.id, texts.get(value.id) + value.delta)
    else if (value.type === 'text-end') content.push({ type: 'text', text: texts.get(value.id) ?? '' })
    else if (value.type === 'tool-call') content.push(value)
  }
}
