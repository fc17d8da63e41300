/** Waits: a row for each, opened by the run, answered by whoever is first: a person, of any process, or the time. */
import type { RunInfo, Step, WaitInput, WaitOutput } from '../../index.ts'
import { fingerprint, HoldfastError, requireSameStep, validateAnswer } from '../../index.ts'
import type { Connection } from './connection.ts'
import type { Journal } from './journal.ts'
import type { LiveRun, WaitRow } from './live-run.ts'
import { parseStored } from './stored.ts'

/** The longest that a timer of Node can be set to. */
const MAX_TIMER = 2 ** 31 - 1

/** Wait until the wait is settled; of a person, only where the run is to block. */
export async function settleWait(run: LiveRun, step: Step<'wait'>, info: RunInfo): Promise<WaitOutput> {
  const wait = run.waits.get(step.id) ?? (await openWait(run, step))
  requireSameStep(step, wait.fingerprint)
  for (;;) {
    const answer = wait.answer ?? readAnswer(run, wait)
    if (answer !== null)
      return parseStored(answer, run.journal.path, `the answer to wait ${wait.id} of run '${run.runId}'`)
    if (run.signal.aborted) throw run.signal.reason
    if (wait.due_at !== null && wait.due_at <= Date.now()) {
      takeTimeout(run, wait)
      continue
    }
    info.opened(step.id)
    if (step.input.type !== 'timer' && info.onWait === 'return') throw suspended(run, step)
    run.blockedBy++
    await nextLook(run, wait.due_at)
    run.blockedBy--
  }
}

function openWait(run: LiveRun, step: Step<'wait'>): Promise<WaitRow> {
  const now = Date.now()
  const { input, policy } = step
  const time = input.type === 'timer' ? input.duration : policy.timeout
  const wait: WaitRow = {
    id: step.id,
    fingerprint: fingerprint(step),
    due_at: time === undefined ? null : Math.ceil(now + time),
    answer: null,
  }
  const write = (connection: Connection): WaitRow => {
    const opened = connection.run(
      `INSERT INTO waits (no, id, input, fingerprint, due_at, opened_at)
       SELECT no, ?, ?, ?, ?, ? FROM runs WHERE no = ? AND epoch = ?`,
      wait.id,
      JSON.stringify(input),
      wait.fingerprint,
      wait.due_at,
      now,
      run.no,
      run.epoch,
    )
    if (opened === 0) throw run.fenced()
    run.waits.set(wait.id, wait)
    run.gotFurther(connection)
    return wait
  }
  // All waits of a batch are opened in one tick.
  return run.journal.queue.add(write, { strict: run.strict, when: 'tick' })
}

function readAnswer(run: LiveRun, { id }: WaitRow): string | null {
  const row = run.journal.strict.get<Pick<WaitRow, 'answer'>>(
    'SELECT answer FROM waits WHERE no = ? AND id = ?',
    run.no,
    id,
  )
  if (!row) throw run.fenced().cause
  return row.answer
}

/** First write wins: if somebody answered in the very last moment, that is what counts. */
function takeTimeout(run: LiveRun, { id }: WaitRow): void {
  const { strict } = run.journal
  const taken = strict.run(
    `UPDATE waits SET answer = ?, answered_at = ? WHERE no = ? AND id = ? AND answer IS NULL
     AND EXISTS (SELECT 1 FROM runs WHERE no = ? AND epoch = ?)`,
    TIMED_OUT,
    Date.now(),
    run.no,
    id,
    run.no,
    run.epoch,
  )
  if (taken > 0) run.gotFurther(strict)
  else if (readAnswer(run, { id } as WaitRow) === null) throw run.fenced().cause
}

const TIMED_OUT = JSON.stringify({ timedOut: true })

/** Resolves when the journal changed, the time has come, or the run is cancelled. */
function nextLook(run: LiveRun, due: number | null): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      unsubscribe()
      stopAbort()
      clearTimeout(timer)
      resolve()
    }
    const unsubscribe = run.journal.changes.subscribe((change) => {
      if (change === 'anything') done()
    }, true)
    const stopAbort = run.onAbort(done)
    const timer = due === null ? undefined : setTimeout(done, Math.min(Math.max(due - Date.now(), 0), MAX_TIMER))
  })
}

function suspended({ runId }: LiveRun, { id }: Step<'wait'>): HoldfastError {
  return new HoldfastError({
    code: 'SUSPENDED',
    kind: 'suspended',
    message: `run '${runId}' waits for ${id}: answer it with sqliteRuns(…).get(runId).respond(waitId, answer), and let this error pass`,
    details: { waitId: id },
  })
}

/**
 * Answer a wait, from any process. Throws `WAIT_NOT_FOUND`, `WAIT_ANSWERED`, `ANSWER_INVALID`.
 * @param no of a run that has not ended
 */
export function answerWait(journal: Journal, no: number, waitId: string, answer: unknown): void {
  const { strict } = journal
  const error = strict.transaction((): HoldfastError | undefined => {
    const row = strict.get<WaitRow & { input: string }>(
      'SELECT id, input, due_at, answer FROM waits WHERE no = ? AND id = ?',
      no,
      waitId,
    )
    if (!row) return refused('WAIT_NOT_FOUND', waitId, 'is not open: it was not asked, or not yet')
    const json = validateAnswer(parseStored<WaitInput>(row.input, journal.path, `wait ${waitId}`), answer)
    if (row.answer !== null) return refused('WAIT_ANSWERED', waitId, 'has its answer already, or timed out')
    const now = Date.now()
    const isLate = row.due_at !== null && row.due_at <= now
    strict.run(
      'UPDATE waits SET answer = ?, answered_at = ? WHERE no = ? AND id = ?',
      isLate ? TIMED_OUT : JSON.stringify({ answer: json }),
      now,
      no,
      waitId,
    )
    strict.run('UPDATE runs SET ready = 1, takeovers = 0 WHERE no = ?', no)
    return isLate ? refused('WAIT_ANSWERED', waitId, 'timed out') : undefined
  })
  journal.changes.notify()
  if (error) throw error
}

function refused(code: 'WAIT_NOT_FOUND' | 'WAIT_ANSWERED', waitId: string, what: string): HoldfastError {
  return new HoldfastError({
    code,
    message: `wait '${waitId}' ${what}. Nothing was recorded; look at status() for what is open.`,
    details: { waitId },
  })
}
