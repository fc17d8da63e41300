/** What those who list runs are told, where several things go on at the same time. The workflow around it is made up. */
import type { ErrorJson, RunInfo, Step } from 'holdfast'
import { beforeEach, expect, test, vi } from 'vitest'
import { LiveRun, openRun } from '../../../src/plugins/temporal/live-run.ts'
import { MEMO } from '../../../src/plugins/temporal/protocol.ts'
import { waitFor } from '../../../src/plugins/temporal/waits.ts'

const workflow = vi.hoisted(() => ({ memo: {} as Record<string, object> }))
vi.mock('@temporalio/workflow', async (importOriginal) => {
  class Scope {
    static current = (): Scope => new Scope()
    readonly cancelRequested = new Promise<never>(() => {})
    run = (body: () => unknown): unknown => body()
    cancel = (): void => {}
  }
  return {
    ...(await importOriginal<object>()),
    CancellationScope: Scope,
    setHandler: () => {},
    sleep: async () => {},
    upsertMemo: (memo: object) => Object.assign(workflow.memo, memo),
    workflowInfo: () => ({ memo: workflow.memo }),
  }
})

beforeEach(() => {
  workflow.memo = { [MEMO]: { agent: 'travel', status: 'running' } }
})

const lost: ErrorJson = { code: 'RUN_PARKED', kind: 'terminal', message: 'lost' }
const told = (): object | undefined => workflow.memo[MEMO]
const infoOf = (runId: string): RunInfo =>
  ({ runId, signal: new AbortController().signal, opened: () => {} }) as unknown as RunInfo
const waitOf = (id: string, input: object): Step<'wait'> => ({ id, input, policy: {} }) as unknown as Step<'wait'>

function open(runId: string): { live: LiveRun; info: RunInfo } {
  const info = infoOf(runId)
  const live = new LiveRun('travel', info, {}, undefined)
  openRun(live)
  return { live, info }
}

async function waitAndAnswer({ live, info }: { live: LiveRun; info: RunInfo }, during: string): Promise<void> {
  const waiting = waitFor(live, waitOf('ask', { type: 'question' }), info)
  expect(told()).toMatchObject({ status: during })
  live.waits.get('ask')?.settle({ answer: 'yes' })
  await waiting
}

test('a run that waits says so, until it has its answer', async () => {
  const run = open('run')
  await waitAndAnswer(run, 'waiting')
  expect(told()).toMatchObject({ status: 'running' })
})

test('parked it stays, whatever is waited for beside it', async () => {
  const run = open('run')
  run.live.parked.set('1/tool/0/look#1', lost)
  run.live.tellStatus()
  await waitAndAnswer(run, 'parked')
  expect(told()).toMatchObject({ status: 'parked' })
  await waitFor(run.live, waitOf('pause', { type: 'timer', duration: 1 }), run.info)
  expect(told()).toMatchObject({ status: 'parked' })
  run.live.parked.clear()
  await waitAndAnswer(run, 'waiting')
  expect(told()).toMatchObject({ status: 'running' })
})

test('of two runs in one workflow, too', async () => {
  const run = open('run')
  const other = open('other')
  other.live.parked.set('1/model#1', lost)
  other.live.tellStatus()
  await waitAndAnswer(run, 'parked')
  expect(told()).toMatchObject({ status: 'parked' })
})
