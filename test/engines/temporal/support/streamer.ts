import type { Agent } from 'holdfast'
import { agentOf, call, calls, pause, scriptedModel, text, toolOf } from '../../../support/kit.ts'

/** Long enough for a reader in another process to see the first words and kill the worker. */
const THINKING = 3_000

/** An agent whose model stops to think when it is asked for the first time. */
export function createStreamer(): Agent {
  const script = [calls(text('Hello, '), pause(THINKING), text('world.'), call('note')), text('Bye, and thanks.')]
  return agentOf(scriptedModel(script, { pieces: 3 }), { name: 'streamer', tools: [toolOf('note')] })
}
