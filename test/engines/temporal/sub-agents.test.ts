/** A sub-agent runs inside of the workflow of its run: answers and cancels reach it there. */
import { agentTool } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { agentOf, call, calls, deferred, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const booked: string[] = []
const [working, aborted] = [deferred(), deferred<unknown>()]

const booker = agentOf([calls(call('look'), call('book')), text('booked')], {
  name: 'booker',
  tools: [
    toolOf('look', { execute: (_, { stepId }) => void booked.push(stepId) }),
    toolOf('book', { approval: true, execute: (_, { stepId }) => void booked.push(stepId) }),
  ],
})
const worker = agentOf([call('work'), text('worked')], {
  name: 'worker',
  tools: [
    toolOf('work', {
      execute: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.resolve(signal.reason)
            reject(signal.reason)
          })
          working.resolve()
        }),
    }),
  ],
})
const asks = agentOf([call('booker', { prompt: 'book' }), text('done')], { name: 'asks', tools: [agentTool(booker)] })
const works = agentOf([call('worker', { prompt: 'work' }), text('done')], { name: 'works', tools: [agentTool(worker)] })
const APPROVAL = '1/agent/0/booker/1/tool/1/book/approval'

let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld()
  await world.work([asks, works])
})
afterAll(() => world.close())

async function waitsOf(runId: string): Promise<string[]> {
  await expect.poll(async () => (await world.runs.get(runId).status()).status, { timeout: 10_000 }).toBe('waiting')
  return (await world.runs.get(runId).status()).waits.map(({ id }) => id)
}

test('an approval inside of a sub-agent is answered like one of the run itself', async () => {
  const run = await world.runs.start(asks, 'go', { runId: 'sub-approved' })
  expect(await waitsOf('sub-approved')).toEqual([APPROVAL])
  await expect(run.respond(APPROVAL, { aproved: true })).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
  await run.respond(APPROVAL, { approved: true })
  const result = await run.result()
  expect(result).toMatchObject({ status: 'completed', text: 'done' })
  expect(result.messages[2]?.content).toMatchObject([{ toolName: 'booker', output: { value: 'booked' } }])
  expect(booked.toSorted()).toEqual(['1/agent/0/booker/1/tool/0/look', '1/agent/0/booker/1/tool/1/book'])
})

test('an approval inside of a sub-agent that is refused is told to its model', async () => {
  booked.length = 0
  const run = await world.runs.start(asks, 'go', { runId: 'sub-refused' })
  expect(await waitsOf('sub-refused')).toEqual([APPROVAL])
  await run.respond(APPROVAL, { approved: false, reason: 'too dear' })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  expect(booked).toEqual(['1/agent/0/booker/1/tool/0/look'])
})

test('a cancel reaches the tool that runs inside of a sub-agent, and the run ends as cancelled', async () => {
  const run = await world.runs.start(works, 'go', { runId: 'sub-cancelled' })
  await working.promise
  await run.cancel('not wanted any more')
  await aborted.promise
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'not wanted any more' })
  expect(await run.status()).toMatchObject({ status: 'cancelled', waits: [] })
})

test('a run whose sub-agent waits for an answer can be cancelled', async () => {
  const run = await world.runs.start(asks, 'go', { runId: 'sub-waiting' })
  expect(await waitsOf('sub-waiting')).toEqual([APPROVAL])
  await run.cancel()
  expect(await run.result()).toMatchObject({ status: 'cancelled' })
  await expect(run.respond(APPROVAL, { approved: true })).rejects.toMatchObject({ code: 'WAIT_NOT_FOUND' })
})
