/** The runs of a journal, from any process: start, look, answer, cancel. */
import { HoldfastError, isHoldfastError } from '../../errors.ts'
import type { AgentRuns, RunHandle, RunInput, RunnableAgent, RunResult, RunState, StartOptions } from '../../index.ts'
import { resultOf } from '../../index.ts'
import { checkAgent, checkAgents, takeUp } from './agents.ts'
import { isFinal, readResult } from './claim.ts'
import type { Journal } from './journal.ts'
import type { JournalUse } from './use-journal.ts'
import { useJournal } from './use-journal.ts'
import { deleteRow, findRun, listRows, lookUpRun, requestCancel, statusOf, unparkRun } from './run-rows.ts'
import { streamsOf } from './streams.ts'
import { answerWait } from './waits.ts'

export interface SqliteRunsOptions {
  /** The journal's file. */
  readonly path: string
  /** With them, a cancel ends a run that nobody has at once; without, when it is taken up next. */
  readonly agents?: readonly RunnableAgent[]
}

export interface SqliteRuns extends AgentRuns {
  /** Let a run go on that was parked because it ended its process again and again. @throws `RUN_NOT_FOUND` */
  unpark(runId: string): Promise<void>
  /** Let go of the journal. Runs that were started here go on. */
  close(): Promise<void>
}

/** The runs of a journal. Nothing is opened before the first call. */
export function sqliteRuns({ path, agents = [] }: SqliteRunsOptions): SqliteRuns {
  const use = useJournal(path)
  const get = (runId: string): RunHandle => handleOf(use, agents, runId)
  return {
    async start(agent, input, options) {
      await startRun(use.get(), agent, input, options)
      return get(options.runId)
    },
    get,
    list: (filter = {}) => ({ [Symbol.asyncIterator]: () => listRows(use.get(), filter) }),
    async delete(runId) {
      const journal = use.get()
      while (!deleteRow(journal, runId)) {
        requestCancel(journal, runId, 'the run is deleted')
        // Or its owner dies, which changes nothing in the journal.
        await journal.changes.next(AbortSignal.timeout(250))
      }
    },
    async unpark(runId) {
      unparkRun(use.get(), runId)
    },
    async close() {
      use.release()
    },
  }
}

/** Resolves when the run is known to the journal: from then on it goes on, whatever becomes of this process. */
async function startRun(
  journal: Journal,
  agent: RunnableAgent,
  input: RunInput,
  { runId, context, messages, workflow }: StartOptions,
): Promise<void> {
  checkAgent(agent, journal)
  if (typeof runId !== 'string' || runId === '') {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: 'start() needs a runId: a text by which the run is found again.',
    })
  }
  if (workflow !== undefined) {
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message: `SQLite has no workflows: leave out workflow '${workflow}'.`,
    })
  }
  const claimed = journal.claimed(runId)
  const running = agent.run(input, {
    runId,
    onWait: 'block',
    ...(context !== undefined && { context }),
    ...(messages && { messages }),
  })
  try {
    await Promise.race([claimed.done, running])
  } catch (error) {
    // Started before, with the same input: it runs somewhere, or has failed, which its result will say.
    if (isHoldfastError(error, 'RUN_LOCKED')) return
    const known = isHoldfastError(error, 'RUN_CONFLICT') ? undefined : lookUpRun(journal, runId)
    if (!known || !isFinal(known.status)) throw error
  } finally {
    claimed.stop()
    // Its result is in the journal, for whoever asks.
    running.catch(() => {})
  }
}

function handleOf(use: JournalUse, agents: readonly RunnableAgent[], runId: string): RunHandle {
  return {
    runId,
    async status() {
      return statusOf(use.get(), runId)
    },
    async result() {
      return awaitResult(use.get(), runId)
    },
    async respond(waitId, answer) {
      const journal = use.get()
      const { no, status } = findRun(journal, runId)
      if (isFinal(status)) {
        throw new HoldfastError({
          code: 'WAIT_NOT_FOUND',
          message: `run '${runId}' has ended (${status}) and waits for nothing any more.`,
          details: { runId, waitId },
        })
      }
      answerWait(journal, no, waitId, answer)
    },
    async cancel(reason) {
      const journal = use.get()
      const { status, owner, agent } = requestCancel(journal, runId, reason)
      const known = checkAgents(agents, journal).get(agent)
      if (!known || isFinal(status) || journal.isOwned(runId, owner)) return
      // What becomes of it is in the journal.
      takeUp(journal, known, runId).catch(() => {})
    },
    events: ({ from, signal } = {}) => ({
      async *[Symbol.asyncIterator]() {
        findRun(use.get(), runId)
        yield* streamsOf(use).read(runId, from, signal)
      },
    }),
  }
}

async function awaitResult(journal: Journal, runId: string): Promise<RunResult> {
  for (;;) {
    const run = findRun(journal, runId)
    if (isFinal(run.status) || run.status === 'parked') {
      return resultOf(readResult(journal, runId, run) as unknown as RunState)
    }
    await journal.changes.next()
  }
}
