import { Agent, tool } from 'holdfast'
import { sqliteDurabilityPlugin } from 'holdfast/sqlite'
import { call, scriptedModel, text } from 'holdfast/testing'
import { z } from 'zod'
import { loadModel } from '../travel/choose-model.ts'

const thermometer = tool({
  name: 'thermometer',
  description: 'Read the temperature in a city, in °C',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => {
    console.log(`(the thermometer in ${city} is read)`)
    return { celsius: 21 }
  },
})

// Any AI SDK model: openai('gpt-5'), anthropic('claude-sonnet-4-5'), … Without one, a script of what it says.
const spec = process.env['HOLDFAST_MODEL']
const model = spec
  ? await loadModel(spec)
  : scriptedModel([call('thermometer', { city: 'Paris' }), text('It is 21 °C in Paris.')])

const agent = new Agent({ name: 'quick-start', model, tools: [thermometer] })
agent.use(sqliteDurabilityPlugin({ path: 'runs.db' })) // Take this line out, and the agent is not durable. Nothing else changes.

const result = await agent.run('How warm is it in Paris?', { runId: 'paris-1' })
console.log(result.text)
